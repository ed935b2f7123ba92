//! What people get wrong, and what machines do to them: each ends with one clear error that names
//! the stage, the file and the remedy, the right exit code, and a cache that is whole.

use std::process::Command;

use crate::archive::Archive;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

const LOAD: &str = "
ablate: 1
name: bad
stages:
  retina:
    kind: load
    params: {npz: eyes.npz}
  parts:
    kind: split
    inputs: {images: retina}
    params: {use: given}
";

/// Runs a manifest that must fail, and checks that the cache came to no harm.
#[track_caller]
fn fails(sandbox: &Sandbox, code: i32) -> Output {
    let output = sandbox.run(&["run", "study.yaml"]).ends_with(code);
    assert!(output.stdout.is_empty(), "stdout is for results: {}", output.stdout);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    assert_cache_is_whole(sandbox);
    output
}

#[track_caller]
fn assert_cache_is_whole(sandbox: &Sandbox) {
    if sandbox.path("cache/VERSION").exists() {
        sandbox.run(&["cache", "verify"]).ends_with(0);
        let scratch = sandbox.path("cache/scratch");
        let left = std::fs::read_dir(&scratch).map_or(0, Iterator::count);
        assert_eq!(left, 0, "scratch folders are left in {}", scratch.display());
    }
}

/// Runs a manifest that loads the given archive, and returns what is said.
#[track_caller]
fn load_fails(bytes: &[u8]) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes.npz", bytes);
    let output = fails(&sandbox, 1);
    assert!(output.stderr.contains("retina"), "the stage is named: {}", output.stderr);
    assert!(output.stderr.contains("eyes.npz"), "the file is named: {}", output.stderr);
    assert!(output.stderr.contains("help:"), "a remedy is named: {}", output.stderr);
    sandbox.redact(&output.stderr)
}

#[test]
fn a_missing_manifest() {
    let output = fails(&Sandbox::new(), 2);
    insta::assert_snapshot!(output.stderr, @"");
}

#[test]
fn a_malformed_manifest() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", "ablate: 1\nname: [bad\nstages: {}\n");
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"");
}

#[test]
fn an_unknown_kind() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD.replace("kind: split", "kind: spilt"));
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"");
}

#[test]
fn a_cycle() {
    let sandbox = Sandbox::new();
    let text = "
ablate: 1
name: bad
stages:
  one: {kind: classic-augment, inputs: {images: two}}
  two: {kind: classic-augment, inputs: {images: one}}
";
    sandbox.write("study.yaml", text);
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"");
}

#[test]
fn a_missing_source() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    let output = fails(&sandbox, 2);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"");
}

#[test]
fn a_truncated_archive() {
    let mut bytes = Archive::of(20, 5, 10).bytes();
    bytes.truncate(bytes.len() / 2);
    insta::assert_snapshot!(load_fails(&bytes), @"");
}

#[test]
fn an_archive_that_lacks_an_array() {
    insta::assert_snapshot!(load_fails(&Archive::of(20, 5, 10).without("test_labels").bytes()), @"");
}

#[test]
fn images_of_the_wrong_shape() {
    let archive = Archive::of(20, 5, 10).with("val_images", |shape, _| *shape = vec![5, 8, 24]);
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"");
}

#[test]
fn labels_that_are_not_as_many_as_images() {
    let archive = Archive::of(20, 5, 10).with("test_labels", |shape, labels| {
        *shape = vec![9, 1];
        labels.pop();
    });
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"");
}

#[test]
fn labels_out_of_range() {
    let sandbox = Sandbox::new();
    let five = "params: {npz: eyes.npz, classes: [none, mild, moderate, severe, proliferative]}";
    sandbox.write("study.yaml", LOAD.replace("params: {npz: eyes.npz}", five));
    let archive = Archive::of(20, 5, 10).with("train_labels", |_, labels| labels[7] = 9);
    sandbox.write("eyes.npz", archive.bytes());
    insta::assert_snapshot!(sandbox.redact(&fails(&sandbox, 1).stderr), @"");
}

#[test]
fn a_class_without_images() {
    let archive = Archive::of(20, 5, 10).with("train_labels", |_, labels| {
        labels.iter_mut().filter(|label| **label == 3).for_each(|label| *label = 2);
    });
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"");
}

#[test]
fn more_images_kept_than_there_are() {
    let sandbox = Sandbox::new();
    let text = "
ablate: 1
name: bad
stages:
  retina: {kind: load, params: {fundus: {train: 40, validation: 10, test: 10}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  gan: {kind: wgan-train, inputs: {images: parts.train}, params: {generator_width: 16, critic_width: 8}}
  fakes: {kind: generate, inputs: {gan: gan}, params: {count: 200}}
  kept:
    kind: filter
    inputs: {images: fakes, gan: gan, reference: parts.train}
    params: {by: critic, keep: 443}
";
    sandbox.write("study.yaml", text);
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"");
}

#[test]
fn a_disk_that_takes_no_large_file() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes.npz", Archive::of(600, 50, 50).bytes());
    // A limit on the size of files stands in for a full disk where nothing may be mounted.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" run study.yaml";
    let program = env!("CARGO_BIN_EXE_ablate");
    let output =
        Output::of(Command::new("sh").args(["-c", limited, program]).current_dir(sandbox.path("")));
    let output = output.ends_with(1);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"");
    assert_cache_is_whole(&sandbox);
    sandbox.run(&["run", "study.yaml"]).ends_with(0);
}

#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes.npz", Archive::of(600, 50, 50).bytes());
    let mount = "mkdir -p full && mount -t tmpfs -o size=96k none full";
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_ablate")]);
        Output::of(command.current_dir(sandbox.path("")))
    };
    if Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| !status.success())
        || unshare(mount).code != 0
    {
        println!("skipped: this machine lets nobody mount a file system of his own");
        return;
    }
    let script = format!(
        "{mount} && \"$0\" --cache full run study.yaml; code=$?; ls full/records 2>&1; exit $code"
    );
    let output = unshare(&script).ends_with(1);
    assert!(output.stderr.contains("retina"), "{}", output.stderr);
    assert!(output.stderr.contains("help: free disk space"), "{}", output.stderr);
    assert!(!output.stdout.contains(".json"), "nothing is published: {}", output.stdout);
}
