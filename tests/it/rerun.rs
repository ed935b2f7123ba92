//! Recorded tasks that are run again: what is the same, what is not, what cannot be run.

use ablate::digest::Digest;
use serde_json::Value;

use crate::archive::Archive;
use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: again
stages:
  retina: {kind: load, params: {npz: eyes.npz}}
  drawn: {kind: load, params: {fundus: {train: 6, validation: 2, test: 2}, size: 16}}
  parts: {kind: split, inputs: {images: drawn}, params: {use: given}}
  classic: {kind: classic-augment, inputs: {images: parts.train}, params: {passes: [{rotation: [-9, 9]}]}}
";

fn study() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    sandbox.write("data/eyes.npz", Archive::of(6, 8, 8).bytes());
    sandbox.run(&["run", "study.yaml", "-q", "--data", "data"]).ends_with(0);
    sandbox
}

/// Returns the record of the only task of a kind whose key has such a text.
fn record(sandbox: &Sandbox, text: &str) -> Value {
    let files = std::fs::read_dir(sandbox.path("cache/records")).expect("records").flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).expect("a record"));
    let found = texts.into_iter().find(|record| record.contains(text)).expect("one has it");
    serde_json::from_str(&found).expect("JSON")
}

#[test]
fn what_is_computed_again_is_the_same_and_what_lacks_its_data_is_not_run() {
    let sandbox = study();
    let told = sandbox.run(&["cache", "verify", "--rerun", "9", "--seed", "1"]).ends_with(0).stdout;
    insta::assert_snapshot!(sandbox.redact(told.split_once("\n\n").expect("two parts").1), @"
    kind              device      same    near  different  not run
    classic-augment   engine         1       0          0        0
    load              engine         1       0          0        1
    split             engine         1       0          0        0
    4 tasks again: 3 bit for bit the same, 0 within 1e-4, 0 different, 1 not run
    ");
    assert!(told.contains("not run: its source `eyes.npz` was not found as it was"), "{told}");
    let with =
        ["cache", "verify", "--rerun", "9", "--kind", "load", "--data", "data", "--format", "json"];
    let told: Value = serde_json::from_str(&sandbox.run(&with).ends_with(0).stdout).expect("JSON");
    assert_eq!((&told["same"], &told["not_run"]), (&2.into(), &0.into()), "{told:#}");
    let scratch = std::fs::read_dir(sandbox.path("cache/scratch")).expect("a folder");
    assert_eq!(scratch.count(), 0, "nothing is left behind");
}

#[test]
fn a_record_that_says_what_nobody_can_compute_is_different() {
    let sandbox = study();
    let mut forged = record(&sandbox, "\"rotation\"");
    forged["key"]["seed"] = 12345.into();
    let key = Digest::of_value(&forged["key"]).to_string();
    sandbox.write(&format!("cache/records/{key}.json"), forged.to_string());
    let told = sandbox.run(&["cache", "verify", "--task", &key[..12]]).ends_with(1);
    assert!(told.stdout.contains("DIFFERENT"), "{}", told.stdout);
    assert!(told.stderr.contains("1 of 1 tasks gave something else"), "{}", told.stderr);
}

#[test]
fn a_key_that_is_none_is_told() {
    let sandbox = study();
    let told = sandbox.run(&["cache", "verify", "--task", "zz"]).ends_with(2).stderr;
    insta::assert_snapshot!(told, @"
    error: the cache has no record whose key begins with `zz`
    help: `ablate explain` shows a task's key
    ");
    let told = sandbox.run(&["cache", "verify", "--rerun", "1", "--kind", "laod"]).ends_with(2);
    insta::assert_snapshot!(told.stderr, @"
    error: there is no kind `laod`
    help: `ablate kinds` lists them
    ");
}

#[test]
fn programs_of_the_user_run_again_only_where_that_is_permitted() {
    let sandbox = Sandbox::new();
    let made = |command: &str| {
        format!(
            "ablate: 1
name: programs
stages:
  made: {{kind: exec, params: {{command: [sh, -c, {command}], outputs: {{out: files}}}}}}
"
        )
    };
    sandbox.write("study.yaml", made("echo steady > outputs/out/file"));
    sandbox.run(&["run", "study.yaml", "-q", "--allow-exec"]).ends_with(0);
    let again = ["cache", "verify", "--rerun", "9"];
    let refused = sandbox.run(&again).ends_with(1).stdout;
    assert!(
        refused.contains("not run: the stage runs a program, which is not permitted"),
        "{refused}"
    );
    let permitted = [&again[..], &["--allow-exec"]].concat();
    let told = sandbox.run(&permitted).ends_with(0).stdout;
    assert!(told.contains("1 bit for bit the same"), "{told}");
    sandbox.write("study.yaml", made("date +%N > outputs/out/file"));
    sandbox.run(&["run", "study.yaml", "-q", "--allow-exec"]).ends_with(0);
    let told = sandbox.run(&permitted).ends_with(1).stdout;
    assert!(told.contains("1 bit for bit the same") && told.contains("1 different"), "{told}");
}
