//! Trainings that go on from what others reached: longer ones, ones with a common first stretch, ones
//! that were stopped; each ends where one ends that never stopped.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use ablate::files;
use serde_json::Value;

use crate::processes::children_of;
use crate::processes::is_running;
use crate::processes::signal;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: courses
seed: 5
stages:
  retina: {kind: load, params: {fundus: {train: 24, validation: 8, test: 8}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  gan:
    kind: wgan-train
    inputs: {images: parts.train}
    params: {generator_width: 16, critic_width: 8, batch_size: 8, schedule: [{epochs: 2, learning_rate: 1.0e-3}]}
  fit:
    kind: train-classifier
    inputs: {images: parts.train, validation: parts.validation}
    params: {network: resnet18, epochs: 2, batch_size: 8}
";

fn study() -> Option<Sandbox> {
    if std::env::var_os("ABLATE_WORKER").is_none() {
        println!("skipped: ABLATE_WORKER names no worker; `make test` does");
        return None;
    }
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    Some(sandbox)
}

/// Runs a stage; returns what it made, and what was said.
#[track_caller]
fn run(sandbox: &Sandbox, arguments: &[&str]) -> (Value, String) {
    let all = [&["run", "study.yaml", "--format", "json"], arguments].concat();
    let Output { stdout, stderr, .. } = sandbox.run(&all).ends_with(0);
    let told: Value = serde_json::from_str(&stdout).expect("JSON on stdout");
    let last = told["tasks"].as_array().expect("tasks").last().expect("a task");
    (last["outputs"].clone(), stderr)
}

#[test]
fn a_longer_training_goes_on_from_a_shorter_one_and_ends_as_if_it_were_alone() {
    let Some(sandbox) = study() else { return };
    for (stage, longer) in [
        ("gan", "stages.gan.params.schedule=[{epochs: 3, learning_rate: 1.0e-3}]"),
        ("fit", "stages.fit.params.epochs=3"),
    ] {
        run(&sandbox, &[stage]);
        let plan = sandbox.run(&["plan", "study.yaml", "--set", longer]).ends_with(0).stdout;
        let line = plan.lines().find(|line| line.contains(stage)).expect("a line for it");
        assert!(line.ends_with("(goes on after epoch 2 of 3)"), "{plan}");
        let (made, said) = run(&sandbox, &[stage, "--set", longer]);
        assert!(said.contains("goes on after epoch 2 of 3"), "{said}");
        let alone = study().expect("there is a worker");
        let (wanted, said) = run(&alone, &[stage, "--set", longer]);
        assert!(!said.contains("goes on"), "{said}");
        assert_eq!(made, wanted, "{stage}");
    }
    sandbox.run(&["cache", "verify"]).ends_with(0);
}

#[test]
fn arms_with_a_common_first_stretch_train_it_once() {
    let Some(sandbox) = study() else { return };
    sandbox.write(
        "study.yaml",
        STUDY.replace("name: courses", "name: courses\naxes: {rate: [1.0e-3, 1.0e-4, 1.0e-5]}").replace(
            "schedule: [{epochs: 2, learning_rate: 1.0e-3}]",
            "schedule: [{epochs: 2, learning_rate: 2.0e-3}, {epochs: 1, learning_rate: '${axis.rate}'}]",
        ),
    );
    // Slots for all three at once: two must wait until the first is so far.
    let (_, said) = run(&sandbox, &["gan", "--jobs", "3"]);
    let went_on = said.matches("goes on after epoch 2 of 3").count();
    assert_eq!(went_on, 2, "{said}");
}

#[test]
fn a_training_whose_step_sizes_look_at_its_end_goes_on_from_no_other() {
    let Some(sandbox) = study() else { return };
    let cosine = ["--set", "stages.fit.params.decay=cosine"];
    let longer = [&cosine[..], &["--set", "stages.fit.params.epochs=3"]].concat();
    for more in [&cosine[..], &longer] {
        let arguments = [&["plan", "study.yaml"], more].concat();
        let plan = sandbox.run(&arguments).ends_with(0).stdout;
        let line = plan.lines().find(|line| line.contains("fit")).expect("a line for it");
        let alone = "(its step sizes look at its end: it goes on from no other training)";
        assert!(line.ends_with(alone), "{plan}");
        let (_, said) = run(&sandbox, &[&["fit"], more].concat());
        assert!(!said.contains("goes on after"), "{said}");
    }
    let plan = [&["plan", "study.yaml", "--format", "json"], &longer[..]].concat();
    let told: Value = serde_json::from_str(&sandbox.run(&plan).ends_with(0).stdout).expect("JSON");
    let fit = told["tasks"].as_array().expect("tasks").iter().find(|task| task["task"] == "fit");
    let fit = fit.expect("a task");
    assert_eq!((&fit["steps"], &fit["looks_ahead"]), (&Value::from(9), &Value::from(true)));
}

#[test]
fn ctrl_c_saves_a_checkpoint_and_the_next_run_goes_on_from_there() {
    let Some(sandbox) = study() else { return };
    let long = "stages.gan.params.schedule=[{epochs: 24, learning_rate: 1.0e-3}]";
    let never = "stages.gan.params.checkpoints={every: 0, keep: none}";
    let arguments = ["run", "study.yaml", "gan", "--set", long, "--set", never];
    let mut command = sandbox.command(&arguments);
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let engine = pipes.spawn().expect("it starts");
    let journal = || {
        let runs = std::fs::read_dir(sandbox.path("cache/runs")).ok()?.flatten().next()?;
        let text = std::fs::read_to_string(runs.path().join("events.jsonl")).ok()?;
        text.contains("\"unit\":\"epochs\"").then_some(())
    };
    waited(journal);
    signal("INT", engine.id());
    let stopped = Output::of_child(engine).ends_with(130);
    assert!(stopped.stderr.contains("stopping"), "{}", stopped.stderr);
    let (made, said) = run(&sandbox, &["gan", "--set", long, "--set", never]);
    assert!(said.contains("goes on after epoch"), "{said}");
    let alone = study().expect("there is a worker");
    assert!(made == run(&alone, &["gan", "--set", long]).0, "it ends elsewhere");
    let left = sandbox.path("cache/checkpoints");
    let left = std::fs::read_dir(left).map_or(0, Iterator::count);
    assert_eq!(left, 0, "`keep: none` keeps none");
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_leaves_no_worker() {
    let Some(sandbox) = study() else { return };
    // One epoch of minutes: the first Ctrl-C waits for it.
    let wide = "stages.gan.params.generator_width=1024";
    let large = "stages.retina.params.fundus.train=1200";
    let arguments = ["run", "study.yaml", "gan", "--set", wide, "--set", large];
    let mut command = sandbox.command(&arguments);
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let engine = pipes.spawn().expect("it starts");
    let worker = waited(|| children_of(engine.id()).first().copied());
    signal("INT", engine.id());
    signal("INT", engine.id());
    let start = Instant::now();
    Output::of_child(engine).ends_with(130);
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    waited(|| (!is_running(worker)).then_some(()));
    sandbox.run(&["cache", "verify"]).ends_with(0);
}

/// Returns the checkpoints that are to go with their training.
fn passing(sandbox: &Sandbox) -> Vec<PathBuf> {
    let ways = std::fs::read_dir(sandbox.path("cache/checkpoints")).into_iter().flatten().flatten();
    let all = ways.flat_map(|way| std::fs::read_dir(way.path()).into_iter().flatten().flatten());
    all.map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "passing"))
        .collect()
}

#[test]
fn what_a_killed_engine_left_of_a_training_that_is_done_goes_with_the_next_run_that_does_anything()
{
    let Some(sandbox) = study() else { return };
    let often = [
        "--set",
        "stages.fit.params.epochs=4",
        "--set",
        "stages.fit.params.checkpoints={every: 1}",
    ];
    let arguments = [&["run", "study.yaml", "fit", "-q"], &often[..]].concat();
    let mut engine = sandbox.command(&arguments).spawn().expect("it starts");
    let seen = waited(|| passing(&sandbox).pop());
    assert!(engine.wait().expect("it ends").success());
    assert_eq!(passing(&sandbox), Vec::<PathBuf>::new());
    // As if the engine had been killed after it had recorded what was made, and before it cleared away.
    files::create_folder(&seen).expect("it can be made");
    sandbox.run(&arguments).ends_with(0);
    assert_eq!(
        passing(&sandbox),
        [seen],
        "a run that takes everything from the cache looks for nothing"
    );
    sandbox.run(&[&["run", "study.yaml", "-q"], &often[..]].concat()).ends_with(0);
    assert_eq!(passing(&sandbox), Vec::<PathBuf>::new());
}

#[test]
fn a_damaged_checkpoint_is_found_warned_of_and_passed_over() {
    let Some(sandbox) = study() else { return };
    run(&sandbox, &["gan"]);
    let checkpoints = files::walk(&sandbox.path("cache/checkpoints")).expect("checkpoints");
    let state = checkpoints.into_iter().find(|found| found.name.ends_with("state.safetensors"));
    let state = state.expect("one after the last epoch");
    let mut bytes = files::read(&state.path).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    files::write(&state.path, &bytes).expect("the test may write");
    let told = sandbox.run(&["cache", "verify"]).ends_with(3).stdout;
    assert!(told.contains("the content of `state.safetensors` is not what"), "{told}");
    let longer = "stages.gan.params.schedule=[{epochs: 3, learning_rate: 1.0e-3}]";
    let (made, said) = run(&sandbox, &["gan", "--set", longer, "-q"]);
    assert!(said.contains("WARN gan: checkpoint of epoch 2 is passed over"), "{said}");
    let alone = study().expect("there is a worker");
    assert_eq!(made, run(&alone, &["gan", "--set", longer]).0);
    sandbox.run(&["cache", "verify", "--repair"]).ends_with(0);
    sandbox.run(&["cache", "verify"]).ends_with(0);
}
