//! A study whose engine or worker is killed at random points, again and again: the cache stays whole,
//! nothing runs on, and a run that is let be gives what an undisturbed one gives.
//!
//! A few times in `make test`, `ABLATE_SOAK` times in `make soak`.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use ablate::seed::Seed;
use serde_json::Value;

use crate::processes::children_of;
use crate::processes::is_running;
use crate::processes::kill;
use crate::processes::waited;
use crate::sandbox::Sandbox;

/// Every sort of work in the engine and in the worker, a fraction of a second each.
const STUDY: &str = "
ablate: 1
name: short
seed: 3
axes: {seed: [1, 2]}
stages:
  retina: {kind: load, params: {fundus: {train: 24, validation: 8, test: 8}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  classic: {kind: classic-augment, inputs: {images: parts.train}, params: {passes: [{vertical_flip: 1.0}]}}
  gan:
    kind: wgan-train
    inputs: {images: parts.train}
    params: {generator_width: 16, critic_width: 8, batch_size: 8, checkpoints: {every: 1}, schedule: [{epochs: 4, learning_rate: 1.0e-3}]}
  fakes: {kind: generate, inputs: {gan: gan}, params: {count: 16}}
  fit:
    kind: train-classifier
    spans: [seed]
    inputs: {images: classic, validation: parts.validation}
    params: {network: resnet18, epochs: 2, batch_size: 8, checkpoints: {every: 1}}
  score: {kind: evaluate, inputs: {model: fit, images: parts.test}}
";

/// Kills that one cache takes before a run completes, so that what an earlier one left is being dealt with.
const KILLS: usize = 3;

/// Returns what each task made, after a run that must complete.
#[track_caller]
fn complete(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    let told = sandbox.run(&["run", "study.yaml", "-q", "--format", "json"]).ends_with(0).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON on stdout");
    let tasks = told["tasks"].as_array().expect("a list of tasks").iter();
    tasks.map(|task| (task["task"].to_string(), task["outputs"].clone())).collect()
}

/// Returns the names of what lies in a folder, sorted; none where there is no folder.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::io::Result<DirEntry>| {
        entry.expect("it can be listed").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Returns the checkpoints of each training in the cache of a sandbox.
fn checkpoints(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    let folder = sandbox.path("cache/checkpoints");
    let ways = entries(&folder).into_iter();
    ways.map(|way| (way.clone(), entries(&folder.join(way)))).collect()
}

#[test]
fn a_study_that_is_killed_at_any_point_leaves_a_whole_cache_and_completes_the_next_time() {
    if std::env::var_os("ABLATE_WORKER").is_none() {
        println!("skipped: ABLATE_WORKER names no worker; `make test` does");
        return;
    }
    let kills = std::env::var("ABLATE_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let undisturbed = Sandbox::new();
    undisturbed.write("study.yaml", STUDY);
    let start = Instant::now();
    let wanted = complete(&undisturbed);
    let length = start.elapsed();
    let kept = checkpoints(&undisturbed);
    assert!(!kept.is_empty(), "no training kept a checkpoint");
    let mut stream = Seed(u64::from(std::process::id())).stream();
    let (mut engines, mut workers) = (0, 0);
    let mut sandbox = Sandbox::new();
    for number in 0..kills {
        let earlier = number % KILLS;
        if earlier == 0 {
            sandbox = Sandbox::new();
            sandbox.write("study.yaml", STUDY);
        }
        let mut engine = sandbox.command(&["run", "study.yaml", "-q"]);
        let engine = engine.stderr(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut engine = engine.expect("it starts");
        // By turns an engine at any point, and a worker at any point of what it does. After an earlier kill there
        // is less to do, and the first of it, what takes care of the dead, is the least tested.
        let mut share = stream.below(1_000) as f64 / 1_000.0;
        if earlier > 0 {
            share *= share;
        }
        // A worker has nothing to do where an earlier run came so far; then it is the engine's turn.
        let worker = if number % 2 == 1 { first_worker(&mut engine) } else { None };
        std::thread::sleep(length.mul_f64(share * if worker.is_some() { 0.8 } else { 1.0 }));
        let children = children_of(engine.id());
        let at = format!("kill {number}, after {share} of {length:?} and {earlier} earlier kills");
        if let Some(worker) = worker {
            workers += 1;
            kill(worker);
            // Its task fails and what needs that is skipped, unless the worker had nothing to do.
            let code = engine.wait().expect("it ends").code();
            assert!(matches!(code, Some(0 | 1)), "{at}: {code:?}");
        } else {
            engines += 1;
            kill(engine.id());
            engine.wait().expect("it ends");
        }
        for child in children {
            waited(|| (!is_running(child)).then_some(()));
        }
        let verified = sandbox.run(&["cache", "verify"]);
        // Killed before its first write, it has left no cache to verify.
        assert!(
            verified.code == 0 || !sandbox.path("cache/VERSION").exists(),
            "{at}: {verified:?}"
        );
        if earlier + 1 < KILLS && number + 1 < kills {
            continue;
        }
        let found = complete(&sandbox);
        let tasks = wanted.keys().chain(found.keys());
        let other: Vec<&String> =
            tasks.filter(|task| found.get(*task) != wanted.get(*task)).collect();
        assert!(other.is_empty(), "{at}: another result of {other:?}");
        sandbox.run(&["cache", "verify"]).ends_with(0);
        for name in ["cache/scratch", "cache/locks"] {
            assert_eq!(entries(&sandbox.path(name)), [""; 0], "{at}: {name} is not empty");
        }
        // What a finished training keeps, it keeps whether it was killed on the way or not.
        assert_eq!(checkpoints(&sandbox), kept, "{at}: other checkpoints");
    }
    println!(
        "{engines} engines and {workers} workers killed within {:?}",
        Duration::from_secs(start.elapsed().as_secs())
    );
}

/// Returns an engine's first worker once there is one; nothing where the engine ends without.
fn first_worker(engine: &mut Child) -> Option<u32> {
    waited(|| {
        let worker = children_of(engine.id()).first().copied();
        let has_ended = matches!(engine.try_wait(), Ok(Some(_)));
        (worker.is_some() || has_ended).then_some([worker])
    })[0]
}
