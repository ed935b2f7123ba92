//! What is not the cache's own: folders and files of the user that lie where a cache does or share a file
//! with it, labels that look like paths. Nothing of it is taken, changed or left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use ablate::files;

use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: small
stages:
  retina: {kind: load, params: {fundus: {train: 6, validation: 2, test: 2}, size: 8}}
";

fn study(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", text);
    sandbox
}

/// Returns the largest object of the cache.
fn largest(sandbox: &Sandbox) -> PathBuf {
    let objects = files::walk(&sandbox.path("cache/objects")).expect("objects").into_iter();
    objects
        .map(|found| found.path)
        .max_by_key(|path| files::size(path).expect("a size"))
        .expect("one")
}

/// Flips the last bit of a read-only file.
fn flip(path: &Path) {
    let mut bytes = files::read(path).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    files::write(path, &bytes).expect("the test may write");
}

#[test]
fn a_folder_with_other_things_in_it_becomes_no_cache() {
    let sandbox = study(STUDY);
    sandbox.write("runs/first/weights/best.pt", "months of work");
    let told = sandbox.run(&["run", "study.yaml", "--cache", "."]).ends_with(2).stderr;
    assert!(told.contains("is no cache, and holds other things, such as `runs`"), "{told}");
    assert!(told.contains("help: name a folder that is empty or does not exist yet"), "{told}");
    assert!(!sandbox.path("VERSION").exists() && !sandbox.path("CACHEDIR.TAG").exists());
    sandbox.write("fresh/README.md", "what this folder becomes");
    sandbox.write("fresh/.gitignore", "*");
    sandbox.run(&["run", "study.yaml", "--cache", "fresh", "-q"]).ends_with(0);
}

#[test]
fn a_folder_that_no_run_left_is_not_collected() {
    let sandbox = study(STUDY);
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    sandbox.write("cache/runs/notes/mine.txt", "precious");
    let told = sandbox.run(&["cache", "gc", "--older-than", "0min"]).ends_with(0).stdout;
    assert!(told.contains("load"), "{told}");
    assert_eq!(sandbox.read("cache/runs/notes/mine.txt"), "precious");
}

#[test]
fn a_lock_without_end_is_not_read() {
    let sandbox = study(STUDY);
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    let run = files::names(&sandbox.path("cache/runs")).expect("runs").remove(0);
    let held = files::names(&sandbox.path(&format!("cache/runs/{run}"))).expect("its files");
    let held = held.iter().find(|name| name.starts_with("held.")).expect("what it held");
    let holder = held.trim_start_matches("held.").trim_end_matches(".jsonl");
    let lock = ablate::digest::Digest::of_value(&("run", &run, holder));
    let path = sandbox.path(&format!("cache/locks/{lock}.lock"));
    sandbox.write(&format!("cache/locks/{lock}.lock"), "");
    fs::File::options()
        .write(true)
        .open(&path)
        .expect("a lock")
        .set_len(1 << 40)
        .expect("a long one");
    for command in [&["cache", "stats"][..], &["cache", "gc", "--older-than", "30d", "--dry-run"]] {
        sandbox.run(command).ends_with(0);
    }
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
}

#[test]
fn a_value_that_looks_like_a_path_leads_nowhere() {
    let sandbox = study(
        "
ablate: 1
name: small
axes: {place: [../../../escaped, here]}
stages:
  retina: {kind: load, params: {fundus: {train: 6, validation: 2, test: 2}, size: 8}}
  moved:
    kind: classic-augment
    spans: [place]
    inputs: {images: retina}
    params: {passes: [{vertical_flip: 1.0}]}
",
    );
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    sandbox.run(&["get", "study.yaml", "moved", "-o", "in/out"]).ends_with(0);
    let names = files::names(&sandbox.path("in/out")).expect("a folder a task");
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"moved[place=here]".to_owned()), "{names:?}");
    assert_eq!(files::names(&sandbox.path("in")).expect("a folder"), ["out"]);
    assert!(!sandbox.path("escaped").exists());
}

#[test]
fn what_is_damaged_on_the_disk_is_replaced_when_it_is_computed_again() {
    let sandbox = study(STUDY);
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    flip(&largest(&sandbox));
    files::remove_folder(&sandbox.path("cache/records")).expect("the test may remove it");
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    sandbox.run(&["cache", "verify"]).ends_with(0);
    sandbox.run(&["get", "study.yaml", "retina", "-o", "out"]).ends_with(0);
}

#[test]
fn an_output_that_shares_its_file_with_the_user_is_copied() {
    let sandbox = study(
        "
ablate: 1
name: small
stages:
  made:
    kind: exec
    params:
      command: [sh, -c, 'ln \"$0\" outputs/out/shared', MINE]
      outputs: {out: files}
",
    );
    sandbox.write("mine.txt", "the user's own");
    let mine = sandbox.path("mine.txt");
    let text = sandbox.read("study.yaml").replace("MINE", &mine.display().to_string());
    sandbox.write("study.yaml", text);
    let rights = || fs::metadata(&mine).expect("it is there").permissions().mode() & 0o777;
    let before = rights();
    sandbox.run(&["run", "study.yaml", "--allow-exec", "-q"]).ends_with(0);
    assert_eq!(rights(), before);
    sandbox.write("mine.txt", "edited in place since");
    sandbox.run(&["cache", "verify"]).ends_with(0);
}

#[test]
fn files_that_no_digest_names_are_told_and_left() {
    let sandbox = study(STUDY);
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    sandbox.write("cache/objects/00/stranger", "?");
    symlink("nowhere", sandbox.path("cache/objects/00/link")).expect("the test may link");
    let told = sandbox.run(&["cache", "verify", "--repair"]).ends_with(0).stdout;
    assert!(told.contains("orphaned  objects/00/stranger"), "{told}");
    assert!(told.contains("orphaned  objects/00/link"), "{told}");
    assert_eq!(sandbox.read("cache/objects/00/stranger"), "?");
}
