//! Garbage collection beside running engines: it never takes what one uses, and takes the rest.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::processes::kill;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

/// The most aggressive collection that there is.
const ALL: [&str; 8] =
    ["cache", "gc", "--max-size", "0B", "--older-than", "0d", "--keep-runs", "0"];

/// A study of three of eight augmentations: two neighbours have two of them in common.
fn study(first: usize) -> String {
    let shares: Vec<String> = (0..3).map(|next| format!("0.{}", (first + next) % 8 + 1)).collect();
    format!(
        "
ablate: 1
name: part-{first}
axes: {{share: [{}]}}
stages:
  retina: {{kind: load, params: {{fundus: {{train: 60, validation: 8, test: 8}}, size: 48}}}}
  parts: {{kind: split, inputs: {{images: retina}}, params: {{use: given}}}}
  classic:
    kind: classic-augment
    inputs: {{images: parts.train}}
    params: {{passes: [{{vertical_flip: '${{axis.share}}', rotation: [-9, 9]}}]}}
  twice:
    kind: classic-augment
    inputs: {{images: classic}}
    params: {{passes: [{{horizontal_flip: 0.5}}]}}
",
        shares.join(", ")
    )
}

fn told(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).expect("JSON on stdout")
}

/// Returns the digests of what each task made, by its name.
fn outputs(told: &Value) -> BTreeMap<String, Value> {
    let tasks = told["tasks"].as_array().expect("a list of tasks").iter();
    tasks.map(|task| (task["task"].to_string(), task["outputs"].clone())).collect()
}

/// Ends the collector, also where an engine beside it did not do what it should.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn engines_beside_a_collector_that_takes_all_it_may_give_the_right_results() {
    let undisturbed = Sandbox::new();
    let sandbox = Sandbox::new();
    let name = |number: usize| format!("part-{number}.yaml");
    let mut wanted = Vec::new();
    for number in 0..4 {
        undisturbed.write(&name(number), study(number));
        sandbox.write(&name(number), study(number));
        let run = ["run", &name(number), "-q", "--format", "json"];
        wanted.push(outputs(&told(&undisturbed.run(&run).ends_with(0))));
    }
    let over = AtomicBool::new(false);
    let (removed, rounds) = std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let (mut removed, mut rounds) = (0, 0);
            while !over.load(Ordering::SeqCst) {
                let mut command = sandbox.command(&ALL);
                let output = Output::of(command.args(["--format", "json"]));
                if sandbox.path("cache/VERSION").exists() && output.code == 0 {
                    rounds += 1;
                    removed += told(&output)["records"].as_u64().expect("a number");
                } else {
                    // Only before the first engine has made the cache.
                    assert_eq!((output.code, removed), (3, 0), "{output:?}");
                }
            }
            (removed, rounds)
        });
        let end = Ends(&over);
        for round in 0..3 {
            // Nobody is told of damage while the collector is at work.
            if round > 0 {
                sandbox.run(&["cache", "verify"]).ends_with(0);
            }
            // Two engines at once, then two others that find some of the records of those.
            for pair in [[0, 1], [2, 3]] {
                let engines = pair.map(|number| {
                    let mut command =
                        sandbox.command(&["run", &name(number), "-q", "--format", "json"]);
                    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
                    (number, pipes.spawn().expect("it starts"))
                });
                for (number, engine) in engines {
                    let made = told(&Output::of_child(engine).ends_with(0));
                    assert_eq!(made["failed"], 0);
                    assert!(outputs(&made) == wanted[number], "round {round}, study {number}");
                }
            }
        }
        drop(end);
        collector.join().expect("it ends")
    });
    assert!(removed > 0 && rounds > 3, "{removed} records in {rounds} rounds");
    sandbox.run(&["cache", "verify"]).ends_with(0);
    // With no engine left everything may go.
    sandbox.run(&ALL).ends_with(0);
    let stats = told(&sandbox.run(&["cache", "stats", "--format", "json"]).ends_with(0));
    assert_eq!((&stats["records"], &stats["runs"]["count"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn what_an_engine_that_was_killed_used_can_be_collected() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", study(0).replace("train: 60", "train: 900"));
    let mut engine = sandbox.command(&["run", "study.yaml", "-q"]);
    let mut engine = engine.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
    let records = sandbox.path("cache/records");
    waited(|| std::fs::read_dir(&records).is_ok_and(|all| all.count() > 1).then_some(()));
    let kept = told(&sandbox.run(&[&ALL[..], &["--format", "json"]].concat()).ends_with(0));
    assert_eq!(kept["records"], 0, "the engine lives");
    kill(engine.id());
    engine.wait().expect("it ends");
    let gone = told(&sandbox.run(&[&ALL[..], &["--format", "json"]].concat()).ends_with(0));
    assert!(gone["records"].as_u64() >= Some(2), "{gone}");
    for name in ["cache/records", "cache/recipes", "cache/scratch", "cache/runs", "cache/locks"] {
        let left = std::fs::read_dir(sandbox.path(name)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn a_collection_says_what_each_thing_was_and_keeps_what_manifests_need() {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        sandbox.write(&format!("part-{number}.yaml"), study(number));
        sandbox.run(&["run", &format!("part-{number}.yaml"), "-q"]).ends_with(0);
    }
    let dry = sandbox.run(&["cache", "gc", "--keep", "part-1.yaml", "--dry-run"]).ends_with(0);
    let done = sandbox.run(&["cache", "gc", "--keep", "part-1.yaml"]).ends_with(0);
    assert_eq!(dry.stdout.replace("would remove", "removed"), done.stdout);
    let lines: Vec<&str> = done.stdout.lines().collect();
    let names: Vec<&str> =
        lines.iter().filter_map(|line| line.split("  ").last()).map(str::trim).collect();
    assert_eq!(names[..3], ["task", "classic[share=0.1]", "twice[share=0.1]"]);
    assert!(lines[1].contains("classic-augment") && lines[1].contains("part-0"), "{}", lines[1]);
    assert!(lines[3].starts_with("removed 2 records, "), "{}", lines[3]);
    let again = told(&sandbox.run(&["run", "part-1.yaml", "-q", "--format", "json"]).ends_with(0));
    assert_eq!(again["ran"], 0);
    sandbox.run(&["cache", "verify"]).ends_with(0);
}

#[test]
fn a_collection_that_is_not_told_what_to_do_does_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", study(0));
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    let said =
        |arguments: &[&str]| sandbox.run(&[&["cache", "gc"], arguments].concat()).ends_with(2);
    insta::assert_snapshot!(said(&[]).stderr, @r"
    error: nothing says what to keep or what to remove
    help: give `--older-than 30d`, `--max-size 50GB`, or what to keep of all there is: `--keep MANIFEST`, `--keep-runs N`; `--dry-run` removes nothing
    ");
    insta::assert_snapshot!(said(&["--max-size", "50"]).stderr, @r"
    error: invalid value '50' for '--max-size <SIZE>': it has no unit: expected a size such as `50GB` or `500MiB`; units are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["--older-than", "3 months"]).stderr, @r"
    error: invalid value '3 months' for '--older-than <AGE>': `months` is no unit: expected an age such as `30d`, `12h` or `2w`; units are min, h, d, w

    For more information, try '--help'.
    ");
    let missing = said(&["--keep", "none.yaml"]).stderr;
    assert!(missing.contains("none.yaml"), "{missing}");
    sandbox.write(
        "elsewhere.yaml",
        study(1).replace("fundus: {train: 60, validation: 8, test: 8}", "npz: none.npz"),
    );
    let sourceless = said(&["--keep", "elsewhere.yaml"]).stderr;
    assert!(sourceless.contains("`none.npz`"), "{sourceless}");
    let stats = told(&sandbox.run(&["cache", "stats", "--format", "json"]).ends_with(0));
    assert_eq!(stats["records"], 8);
}
