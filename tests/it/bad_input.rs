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
    let output = sandbox.run(&["run", "study.yaml", "-q"]).ends_with(code);
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
    insta::assert_snapshot!(output.stderr, @"
      × cannot read `study.yaml`: No such file or directory (os error 2)
      help: name a manifest, such as `pipelines/quickstart.yaml`
    error: 1 problem in `study.yaml`
    ");
}

#[test]
fn a_malformed_manifest() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", "ablate: 1\nname: [bad\nstages: {}\n");
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"
      × no valid YAML: illegal placement of ':' indicator
       ╭─[study.yaml:3:7]
     2 │ name: [bad
     3 │ stages: {}
       ·       ─
       ╰────
      help: compare the line with `ablate init`'s manifest: `name: value`, two blanks deeper each
    error: 1 problem in `study.yaml`
    ");
}

#[test]
fn an_unknown_kind() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD.replace("kind: split", "kind: spilt"));
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"
      × stage `parts` has an unknown kind `spilt`
        ╭─[study.yaml:9:11]
      8 │   parts:
      9 │     kind: spilt
        ·           ─────
     10 │     inputs: {images: retina}
        ╰────
      help: did you mean `split`?
    error: 1 problem in `study.yaml`
    ");
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
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"
      × stages feed one another in a circle: one -> two -> one
       ╭─[study.yaml:6:49]
     5 │   one: {kind: classic-augment, inputs: {images: two}}
     6 │   two: {kind: classic-augment, inputs: {images: one}}
       ·                                                 ───
       ╰────
      help: take one of these inputs away
    error: 1 problem in `study.yaml`
    ");
}

#[test]
fn a_missing_source() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    let output = fails(&sandbox, 2);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"
    error: retina: `eyes.npz`, named by its param `npz`, is not in `.`
    help: put it there, or name its folder with `--data DIR` or ABLATE_DATA
    ");
    // Whether a study has run is not known without what it is made from.
    let scored = "  fit: {kind: train-classifier, inputs: {images: parts.train}, params: {network: resnet18, epochs: 1}}
  score: {kind: evaluate, inputs: {model: fit, images: parts.test}}
";
    sandbox.write("study.yaml", format!("{LOAD}{scored}"));
    for asked in
        [&["table", "study.yaml"][..], &["report", "study.yaml"], &["show", "study.yaml", "retina"]]
    {
        assert_eq!(sandbox.run(asked).ends_with(2).stderr, output.stderr, "{asked:?}");
    }
    // It is known where the manifest says what the file holds.
    let url = format!("url: \"https://example.org/eyes.npz\", blake3: \"{}\"", "0".repeat(64));
    sandbox.write("study.yaml", LOAD.replace("npz: eyes.npz", &format!("npz: eyes.npz, {url}")));
    let told = sandbox.run(&["show", "study.yaml", "retina"]).ends_with(2).stderr;
    assert!(told.contains("`retina` has not run"), "{told}");
}

#[test]
fn a_truncated_archive() {
    let mut bytes = Archive::of(20, 5, 10).bytes();
    bytes.truncate(bytes.len() / 2);
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes.npz", bytes);
    // The plan counts images, so it meets the damage before anything runs.
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"
      × stage `retina` cannot run: `./eyes.npz`: it is truncated or damaged: invalid Zip archive: Could not find EOCD
       ╭─[study.yaml:5:3]
     4 │ stages:
     5 │   retina:
       ·   ──────
     6 │     kind: load
       ╰────
      help: fetch the file again, and compare its size or digest with the publisher's
    error: 1 problem in `study.yaml`
    ");
}

#[test]
fn an_archive_that_lacks_an_array() {
    insta::assert_snapshot!(load_fails(&Archive::of(20, 5, 10).without("test_labels").bytes()), @"
    ERROR retina: `./eyes.npz`, array `test_labels`: it is missing; the file has `test_images`, `train_images`, `train_labels`, `val_images`, `val_labels`
        help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
}

#[test]
fn images_of_the_wrong_shape() {
    let archive = Archive::of(20, 5, 10).with("val_images", |shape, _| *shape = vec![5, 8, 24]);
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"
    ERROR retina: `./eyes.npz`, array `val_images`: images of 24 x 8 pixels beside `train` of 8 x 8
        help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
}

#[test]
fn labels_that_are_not_as_many_as_images() {
    let archive = Archive::of(20, 5, 10).with("test_labels", |shape, labels| {
        *shape = vec![9, 1];
        labels.pop();
    });
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"
    ERROR retina: `./eyes.npz`, array `test_labels`: it has 9 labels for 10 images
        help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
}

#[test]
fn labels_out_of_range() {
    let sandbox = Sandbox::new();
    let five = "params: {npz: eyes.npz, classes: [none, mild, moderate, severe, proliferative]}";
    sandbox.write("study.yaml", LOAD.replace("params: {npz: eyes.npz}", five));
    let archive = Archive::of(20, 5, 10).with("train_labels", |_, labels| labels[7] = 9);
    sandbox.write("eyes.npz", archive.bytes());
    insta::assert_snapshot!(sandbox.redact(&fails(&sandbox, 1).stderr), @"
    ERROR retina: `./eyes.npz`, array `train_labels`: label 9 at index 7 is out of range 0 to 4
        help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
}

#[test]
fn a_class_without_images() {
    let no_severe = |_: &mut Vec<usize>, labels: &mut Vec<u8>| {
        labels.iter_mut().filter(|label| **label == 3).for_each(|label| *label = 2);
    };
    let parts = ["train_labels", "val_labels", "test_labels"];
    let archive = parts
        .into_iter()
        .fold(Archive::of(20, 5, 10), |archive, part| archive.with(part, no_severe));
    insta::assert_snapshot!(load_fails(&archive.bytes()), @"
    ERROR retina: `eyes.npz`: class `3` has no image; found `0`: 7, `1`: 7, `2`: 14, `3`: 0, `4`: 7
        help: check the labels, or name only the classes that occur
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
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
    insta::assert_snapshot!(fails(&sandbox, 2).stderr, @"
      × stage `kept` cannot run: `keep` asks for 443 of 200 images
        ╭─[study.yaml:9:3]
      8 │   fakes: {kind: generate, inputs: {gan: gan}, params: {count: 200}}
      9 │   kept:
        ·   ────
     10 │     kind: filter
        ╰────
      help: lower `keep`, or raise `count` in the stage that generates them
    error: 1 problem in `study.yaml`
    ");
}

#[test]
fn stages_that_would_fail_after_hours() {
    let sandbox = Sandbox::new();
    let text = "
ablate: 1
name: bad
stages:
  retina: {kind: load, params: {fundus: {train: 40, validation: 10, test: 10}, size: 28}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  dense: {kind: train-classifier, inputs: {images: parts.train}, params: {network: densenet121}}
  best: {kind: train-classifier, inputs: {images: parts.train}, params: {keep: best}}
  gan: {kind: wgan-train, inputs: {images: parts.train}}
  fakes: {kind: generate, inputs: {gan: gan}}
  kept: {kind: filter, inputs: {images: fakes, reference: parts.train}}
  graded: {kind: label, inputs: {images: fakes}}
  alike: {kind: label, inputs: {images: fakes}, params: {by: neighbours}}
";
    sandbox.write("study.yaml", text);
    let said = fails(&sandbox, 2).stderr;
    let expected = [
        "stage `dense` cannot run: images are 28 x 28 pixels; densenet121 needs at least 29 x 29",
        "help: set `size` of the `load` stage",
        "stage `best` cannot run: `keep: best` chooses by validation images, but there are none",
        "help: connect the port `validation`",
        "stage `gan` cannot run: `size`: found 28 pixels, expected 4 times a power of two, at least 8",
        "help: load the images with `size: 64`",
        "stage `kept` cannot run: `by: critic` scores by a GAN's critic, but there is none",
        "help: connect the port `gan`, or write `by: realism`",
        "stage `graded` cannot run: `by: classifier` asks a classifier, but there is none",
        "help: connect the port `classifier`",
        "stage `alike` cannot run: `by: neighbours` compares with real images, but there are none",
        "help: connect labelled",
        "error: 6 problems in `study.yaml`",
    ];
    for words in expected {
        assert!(said.contains(words), "{words}\n{said}");
    }
    sandbox.run(&["check", "study.yaml"]).ends_with(2);
}

#[test]
fn a_folder_for_a_file_and_a_place_for_a_name() {
    let sandbox = Sandbox::new();
    sandbox.write("eyes.npz", Archive::of(20, 5, 10).bytes());
    let said = |params: &str| {
        sandbox.write("study.yaml", LOAD.replace("npz: eyes.npz", params));
        fails(&sandbox, 2).stderr
    };
    let cases = [
        ("folder: eyes.npz", "`eyes.npz` is a file; `folder` takes a folder"),
        ("npz: .", "`.` is a folder; `npz` takes a file"),
        (
            "npz: /data/eyes.npz",
            "help: write `npz: eyes.npz`, and give its folder with `--data DIR`",
        ),
        ("npz: ../eyes.npz", "help: write `npz: eyes.npz`, and give its folder with `--data DIR`"),
    ];
    for (params, words) in cases {
        let said = said(params);
        assert!(said.contains(words), "{words}\n{said}");
    }
}

#[test]
fn resources_that_are_none() {
    let sandbox = Sandbox::new();
    let wrong = "kind: split\n    resources: {cpus: many, device: gpu}";
    sandbox.write("study.yaml", LOAD.replace("kind: split", wrong));
    let said = fails(&sandbox, 2).stderr;
    let expected = [
        "stage `parts`, resource `cpus`: found `many`, expected a whole number of at least 0 and at most 4096",
        "help: `cpus` counts cores",
        "stage `parts`, resource `device`: found `gpu`, expected one of `auto`, `cpu`, `cuda`",
    ];
    for words in expected {
        assert!(said.contains(words), "{words}\n{said}");
    }
}

#[test]
fn a_disk_that_takes_no_large_file() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes.npz", Archive::of(600, 50, 50).bytes());
    // A limit on the size of files stands in for a full disk where nothing may be mounted.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" run study.yaml -q";
    let program = env!("CARGO_BIN_EXE_ablate");
    let output =
        Output::of(Command::new("sh").args(["-c", limited, program]).current_dir(sandbox.path("")));
    let output = output.ends_with(1);
    let told = sandbox.redact(&output.stderr);
    let (before, after) = told.split_once("/scratch/").expect("it names the file");
    let (_, after) = after.split_once('/').expect("it lies in the folder of a lease");
    insta::assert_snapshot!(format!("{before}/scratch/[lease]/{after}"), @"
    ERROR retina: cannot write `[folder]/cache/scratch/[lease]/spilled/shard-0.npy`: File too large (os error 27)
        help: free disk space, or move the cache with `--cache DIR`
     WARN parts: skipped, since `retina` failed
    error: 1 of 2 tasks failed, 1 skipped
    ");
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
