//! Commands on a small study without torch stages: what each takes, shows and refuses.

use ablate::files;
use serde_json::Value;

use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: small
stages:
  retina: {kind: load, params: {fundus: {train: 20, validation: 5, test: 10}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  flipped:
    kind: classic-augment
    inputs: {images: parts.train}
    params: {passes: [{vertical_flip: 1.0}]}
  both:
    kind: classic-augment
    inputs: {images: [parts.validation, flipped]}
    params: {passes: [{vertical_flip: 1.0}]}
";

/// Returns a folder with the study, after a run of it.
fn study() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    sandbox.run(&["run", "study.yaml"]).ends_with(0);
    sandbox
}

#[test]
fn check_says_so_where_nothing_is_to_be_proved() {
    let sandbox = Sandbox::new();
    let retina = STUDY.split("  parts:").next().expect("text before it");
    sandbox.write("study.yaml", retina);
    insta::assert_snapshot!(sandbox.run(&["check", "study.yaml"]).ends_with(0).stdout, @"
    small: 1 stage, 1 task, no problem
    no stage fits, selects or labels, so no test image can reach one
    ");
}

#[test]
fn a_dry_run_shows_what_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    let told = sandbox.run(&["run", "study.yaml", "parts", "--dry-run"]).ends_with(0).stdout;
    assert!(told.contains("parts") && told.contains("retina"), "{told}");
    assert!(!told.contains("flipped"), "{told}");
    let wrong = ["run", "study.yaml", "--dry-run", "--device", "nonsense"];
    let told = sandbox.run(&wrong).ends_with(2).stderr;
    assert!(told.contains("`nonsense` is no device"), "{told}");
    let told = sandbox.run(&["run", "study.yaml", "--jobs", "0"]).ends_with(2).stderr;
    assert!(told.contains("--jobs"), "{told}");
}

#[test]
fn show_and_get_keep_to_the_port() {
    let sandbox = study();
    let shown = sandbox.run(&["show", "study.yaml", "parts.train"]).ends_with(0).stdout;
    assert!(shown.contains("\n  train: "), "{shown}");
    assert!(!shown.contains("\n  test: "), "{shown}");
    sandbox.run(&["get", "study.yaml", "parts.train", "-o", "out"]).ends_with(0);
    assert!(sandbox.path("out/train").exists());
    assert!(!sandbox.path("out/test").exists());
}

#[test]
fn what_has_not_run_is_told_with_the_command_that_runs_it() {
    let sandbox = study();
    let change = "stages.retina.params.size=20";
    let told = sandbox.run(&["show", "study.yaml", "retina", "--set", change]).ends_with(2).stderr;
    let command = "help: ablate run study.yaml retina --set stages.retina.params.size=20 --cache ";
    assert!(told.contains(command), "{told}");
}

#[test]
fn explain_names_the_missing_inputs_and_what_changed_above() {
    let sandbox = study();
    let change = "stages.flipped.params.passes=[{vertical_flip: 0.5}]";
    let told = sandbox.run(&["explain", "study.yaml", "both", "--set", change]).ends_with(0).stdout;
    assert!(told.contains("  will run: after flipped\n"), "{told}");
    assert!(told.contains("\n    flipped: passes.0.vertical_flip 1.0 -> 0.5\n"), "{told}");
}

#[test]
fn a_plan_names_the_change_that_reaches_a_task() {
    let sandbox = study();
    let change = "stages.flipped.params.passes=[{vertical_flip: 0.5}]";
    let told = sandbox.run(&["plan", "study.yaml", "--set", change]).ends_with(0).stdout;
    let both = told.lines().find(|line| line.contains("both")).expect("it is planned");
    assert!(both.ends_with("because flipped: passes.0.vertical_flip 1.0 -> 0.5"), "{told}");
    let fresh = Sandbox::new();
    fresh.write("study.yaml", STUDY);
    let told = fresh.run(&["plan", "study.yaml"]).ends_with(0).stdout;
    let both = told.lines().find(|line| line.contains("both")).expect("it is planned");
    assert!(both.ends_with("after flipped, parts"), "{told}");
}

#[test]
fn a_damaged_cache_is_repaired_and_computed_again() {
    let sandbox = study();
    let objects = files::walk(&sandbox.path("cache/objects")).expect("a cache");
    let largest = objects.into_iter().max_by_key(|found| found.look.size).expect("an object");
    files::remove_file(&largest.path).expect("the test may remove it");
    sandbox
        .write(&format!("cache/objects/{}", largest.name), vec![0_u8; largest.look.size as usize]);

    let told = sandbox.run(&["cache", "verify"]).ends_with(3);
    assert!(told.stdout.contains("1 damaged, 0 missing"), "{}", told.stdout);
    assert!(told.stderr.contains("`ablate cache verify --repair`"), "{}", told.stderr);
    let told = sandbox.run(&["cache", "verify", "--repair"]).ends_with(0).stdout;
    assert!(told.contains("removed 1 damaged file and "), "{told}");
    sandbox.run(&["cache", "verify"]).ends_with(0);

    let all = ["run", "study.yaml", "retina", "parts", "flipped", "both", "--format", "json"];
    let told: Value =
        serde_json::from_str(&sandbox.run(&all).ends_with(0).stdout).expect("JSON on stdout");
    assert!(told["ran"].as_u64() > Some(0), "{told:#}");
    sandbox.run(&["cache", "verify"]).ends_with(0);
}
