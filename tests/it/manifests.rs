//! What is said of wrong manifests: one file in `tests/manifests/bad` for each fault, named by it.

use std::fmt::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::sandbox::Output;
use crate::sandbox::Sandbox;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/bad")
}

/// Returns the names of the bad manifests.
fn bad() -> Vec<String> {
    let names = std::fs::read_dir(folder()).expect("the folder is part of the project");
    let mut names: Vec<String> = names
        .map(|entry| entry.expect("it is readable").file_name().into_string().expect("plain names"))
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn check(folder: &Path, name: &str) -> Output {
    let sandbox = Sandbox::new();
    let output = Output::of(sandbox.command(&["check", name]).current_dir(folder)).ends_with(2);
    assert!(output.stdout.is_empty(), "{name}: stdout is for results: {}", output.stdout);
    output
}

#[test]
fn every_fault_is_told_with_its_place_and_a_remedy() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../manifests/bad/told");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let names = bad();
    assert!(names.len() >= 60, "{}", names.len());
    settings.bind(|| {
        for name in names {
            let told = check(&folder(), &name).stderr;
            assert!(told.contains(".yaml:"), "{name}: no place is named:\n{told}");
            assert!(told.contains("help:"), "{name}: no remedy is named:\n{told}");
            insta::assert_snapshot!(name.trim_end_matches(".yaml"), told);
        }
    });
}

#[test]
fn of_thousands_of_problems_a_hundred_are_drawn_and_all_are_counted() {
    let sandbox = Sandbox::new();
    let mut text = "ablate: 1\nname: x\nstages:\n".to_owned();
    for stage in 0..3_000 {
        writeln!(text, "  s{stage}: {{kind: laod}}").expect("a text has room");
    }
    sandbox.write("many.yaml", text);
    let told = check(&sandbox.path(""), "many.yaml").stderr;
    assert_eq!(told.matches('\u{d7}').count(), 100);
    assert!(
        told.ends_with("  and 2,900 problems after these\nerror: 3000 problems in `many.yaml`\n")
    );
}

#[test]
fn a_hundred_megabytes_ten_thousand_levels_and_a_billion_laughs_end_soon() {
    let sandbox = Sandbox::new();
    let head = "ablate: 1\nname: x\nvars:\n";
    let deep = format!("{head}  a: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    sandbox.write("deep.yaml", deep);
    let mut laughs = format!("{head}  a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for level in 1..10 {
        let uses = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(laughs, "  a{level}: &a{level} [{uses}]").expect("a text has room");
    }
    sandbox.write("laughs.yaml", laughs);
    sandbox.write("large.yaml", format!("{head}  a: {}\n", "x".repeat(100_000_000)));
    sandbox.write("bytes.yaml", b"ablate: 1\nname: \xff\xfe\n");
    let told: Vec<String> = ["deep.yaml", "laughs.yaml", "large.yaml", "bytes.yaml"]
        .into_iter()
        .map(|name| {
            check(&sandbox.path(""), name).stderr.lines().next().unwrap_or_default().to_owned()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    × no valid YAML: recursion limit exceeded
    × no valid YAML: it is too large, too deep or repeats too much
    × `large.yaml` is larger than 16 MiB, and no manifest
    × `bytes.yaml` is no text: byte 16 is not UTF-8
    ");
}
