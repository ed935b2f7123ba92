//! A whole study, small: all nine kinds run, come from the cache, and run again where a change
//! reaches them.

use ablate::files;
use serde_json::Value;

use crate::processes::children_of;
use crate::processes::has_worked;
use crate::processes::kill;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

/// Three arms and every kind, at a size that trains in seconds.
const TINY: &str = "
ablate: 1
name: tiny
seed: 7
axes:
  arm: [none, classic, classic+gan]
  network: [resnet18]
  seed: [1, 2]
stages:
  retina: {kind: load, params: {fundus: {train: 48, validation: 16, test: 24}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  classic: {kind: classic-augment, inputs: {images: parts.train}, params: {passes: [{vertical_flip: 1.0}]}}
  gan:
    kind: wgan-train
    inputs: {images: parts.train}
    params: {generator_width: 16, critic_width: 8, batch_size: 16, schedule: [{epochs: 2, learning_rate: 1.0e-3}]}
  fakes: {kind: generate, inputs: {gan: gan}, params: {count: 30}}
  kept:
    kind: filter
    inputs: {images: fakes, gan: gan, reference: parts.train}
    params: {by: critic, keep: 10}
  grader:
    kind: train-classifier
    inputs: {images: parts.train, validation: parts.validation}
    params: {network: resnet18, epochs: 1, batch_size: 16}
  graded:
    kind: label
    inputs: {images: kept, classifier: grader, reference: parts.train}
    params: {by: classifier}
  fit:
    kind: train-classifier
    spans: [seed]
    inputs:
      images: {by: arm, none: [parts.train], classic: [classic], classic+gan: [classic, graded]}
      validation: parts.validation
    params: {network: '${axis.network}', epochs: 1, batch_size: 16}
  score: {kind: evaluate, inputs: {model: fit, images: parts.test}}
";

/// Returns a folder with the study, or nothing where there is no worker to run it.
fn study() -> Option<Sandbox> {
    if std::env::var_os("ABLATE_WORKER").is_none() {
        println!("skipped: ABLATE_WORKER names no worker; `make test` does");
        return None;
    }
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", TINY);
    Some(sandbox)
}

/// Runs the study with more arguments and returns what it tells.
#[track_caller]
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let all = [&["run", "study.yaml", "--format", "json"], arguments].concat();
    let Output { stdout, .. } = sandbox.run(&all).ends_with(0);
    serde_json::from_str(&stdout).expect("JSON on stdout")
}

/// Returns the stages whose tasks ended in a state, sorted, each once.
fn stages(told: &Value, state: &str) -> Vec<String> {
    let tasks = told["tasks"].as_array().expect("a list of tasks").iter();
    let mut stages: Vec<String> = tasks
        .filter(|task| task["state"] == state)
        .map(|task| task["stage"].as_str().expect("a name").to_owned())
        .collect();
    stages.sort();
    stages.dedup();
    stages
}

#[test]
fn a_study_runs_comes_from_the_cache_and_runs_again_where_a_change_reaches() {
    let Some(sandbox) = study() else { return };
    let first = run(&sandbox, &[]);
    assert_eq!(first["failed"], 0, "{first:#}");
    assert_eq!(first["cached"], 0, "{first:#}");
    let all =
        ["classic", "fakes", "fit", "gan", "graded", "grader", "kept", "parts", "retina", "score"];
    assert_eq!(stages(&first, "ran"), all);

    let second = run(&sandbox, &[]);
    assert_eq!(second["ran"], 0, "{second:#}");
    assert_eq!(scores(&first), scores(&second));

    let change = ["--set", "stages.kept.params.keep=12"];
    let changed = run(&sandbox, &change);
    assert_eq!(stages(&changed, "ran"), ["fit", "graded", "kept", "score"]);
    let fits = changed["tasks"].as_array().unwrap().iter();
    let reached = fits.filter(|task| task["stage"] == "fit" && task["state"] == "ran");
    assert!(reached.clone().count() == 2, "one fit for each seed of one arm: {changed:#}");
    assert!(reached.clone().all(|task| task["cell"]["arm"] == "classic+gan"), "{changed:#}");

    let table = sandbox.run(&["table", "study.yaml"]).ends_with(0).stdout;
    for word in ["none", "classic", "classic+gan", "resnet18"] {
        assert!(table.contains(word), "{table}");
    }
    let explained =
        sandbox.run(&["explain", "study.yaml", "kept", "--set", "stages.kept.params.keep=13"]);
    let explained = explained.ends_with(0).stdout;
    assert!(explained.contains("keep 12 -> 13"), "{explained}");
    sandbox.run(&["report", "study.yaml", "-o", "report.html"]).ends_with(0);
    assert!(sandbox.read("report.html").contains("<svg"));
    sandbox.run(&["get", "study.yaml", "graded", "-o", "out"]).ends_with(0);
    assert!(sandbox.read("out/images/samples.csv").starts_with("id,label,"));
    let shown = sandbox.run(&["show", "study.yaml", "score[arm=none,seed=1]"]).ends_with(0).stdout;
    assert!(shown.contains("correct"), "{shown}");
    sandbox.run(&["cache", "verify"]).ends_with(0);
    nothing_damaged_is_published(&sandbox);
}

/// Flips a bit in a file of scores, of which the program only knows what its digest says.
fn nothing_damaged_is_published(sandbox: &Sandbox) {
    let objects = files::walk(&sandbox.path("cache/objects")).expect("objects").into_iter();
    let mut read = objects.map(|found| (files::read(&found.path).expect("an object"), found.path));
    let is_of_scores = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"accuracy\"");
    let (mut bytes, path) = read.find(|(bytes, _)| is_of_scores(bytes)).expect("scores");
    let digit = bytes.iter().rposition(u8::is_ascii_digit).expect("a number");
    bytes[digit] ^= 1;
    files::write(&path, &bytes).expect("the test may write");
    for command in [&["table", "study.yaml"][..], &["report", "study.yaml", "-o", "other.html"]] {
        let told = sandbox.run(command).ends_with(3);
        assert!(told.stderr.contains("is damaged") && told.stdout.is_empty(), "{}", told.stderr);
    }
    assert!(!sandbox.path("other.html").exists());
}

/// Returns the digest of each score.
fn scores(told: &Value) -> Vec<(String, Value)> {
    let tasks = told["tasks"].as_array().expect("a list of tasks").iter();
    tasks
        .filter(|task| task["stage"] == "score")
        .map(|task| (task["task"].to_string(), task["outputs"].clone()))
        .collect()
}

#[test]
fn an_early_cut_off_spares_what_follows() {
    let Some(sandbox) = study() else { return };
    run(&sandbox, &["fakes"]);
    // Another way to write the same split: the recipe changes, the images do not.
    let again = run(&sandbox, &["fakes", "--set", "stages.parts.params.stratify=false"]);
    assert_eq!(stages(&again, "ran"), ["parts"]);
}

#[test]
fn a_worker_killed_half_way_leaves_a_whole_cache_and_the_next_run_ends() {
    let Some(sandbox) = study() else { return };
    // Long enough to be killed in the middle of it.
    let long = "stages.gan.params.schedule=[{epochs: 100000, learning_rate: 1.0e-3}]";
    let mut engine = sandbox.command(&["run", "study.yaml", "gan", "--set", long]);
    let mut engine = engine.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let worker = waited(|| children_of(engine.id()).first().copied());
    waited(|| has_worked(worker, 1.0).then_some(()));
    kill(worker);
    let status = engine.wait().expect("it ends");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut engine.stderr.take().expect("piped"), &mut said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("gan: "), "the stage is named: {said}");
    assert!(said.contains("killed") || said.contains("signal 9"), "the cause is named: {said}");
    assert!(said.contains("help: "), "a remedy is named: {said}");
    sandbox.run(&["cache", "verify"]).ends_with(0);
    run(&sandbox, &["gan"]);
}
