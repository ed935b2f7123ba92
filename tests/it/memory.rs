//! The engine's memory: a study of a thousand stages takes no more of it than one of two hundred, but for the
//! plan itself. Linux only.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::process::Stdio;

use crate::sandbox::Sandbox;

/// Most that may be left of each stage beside the plan, KiB: what a stage makes has thirty times as much.
const MOST_A_STAGE: u64 = 8;

/// Makes of each job what its kind leaves, and says as much as a training does. Starts one process a job.
const WORKER: &str = r#"#!/bin/sh
echo '{"ready":{"protocol":1,"cuda_devices":0}}'
while read -r job; do
    rest=${job#*\"folder\":\"}
    folder=${rest%%\"*}
    case $job in *'"kind":"wgan-train"'*) port=gan ;; *) port=images ;; esac
    mkdir -p "$folder/$port"
    echo "$folder" > "$folder/$port/file"
    for epoch in 1 2 3 4 5 6 7 8 9 10; do
        echo "epoch $epoch of a training" >&2
        echo '{"tick":{"done":'$epoch',"of":10,"unit":"epochs","images_per_second":null,"values":{"loss":1}}}'
        echo '{"note":"a checkpoint was saved"}'
    done
    echo '{"done":{"'$port'":{"folder":"'"$folder/$port"'","summary":{"files":1}}}}'
done
"#;

/// What all other stages need.
const FIRST: &str = "\
ablate: 1
name: many
stages:
  retina: {kind: load, params: {fundus: {train: 20, validation: 5, test: 5}, size: 64}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  gan: {kind: wgan-train, inputs: {images: parts.train}, params: {schedule: [{epochs: 1, learning_rate: 1.0e-3}]}}
";

/// A study of so many stages, half of them run in the engine, where each makes 240 KB, and half by a worker.
fn study(stages: usize) -> String {
    let pairs = (1..=stages / 2).map(|number| format!("  near-{number}: {{kind: classic-augment, inputs: {{images: parts.train}}, params: {{passes: [{{vertical_flip: 0.{number:04}}}]}}}}
  far-{number}: {{kind: generate, inputs: {{gan: gan}}, params: {{count: {number}}}}}
"));
    FIRST.to_owned() + &pairs.collect::<String>()
}

/// Returns the most memory that a program held at once, KiB, after it ended well.
pub(crate) fn peak(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The number never falls, and is gone at the very end.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let told = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = told.unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().expect("it is ours") {
            assert!(status.success(), "{status}");
            return peak;
        }
        std::thread::yield_now();
    }
}

/// Returns what a run of so many stages takes beyond their plan, KiB.
fn beyond_the_plan(stages: usize) -> u64 {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", study(stages));
    let worker = sandbox.write("worker", WORKER);
    std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let worker = worker.to_string_lossy().into_owned();
    // Where there is a disk of memory, nothing waits for a real one.
    let disk = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let cache = disk.path().join("cache").to_string_lossy().into_owned();
    let run = ["run", "study.yaml", "--device", "cpu", "--worker", &worker, "--cache", &cache];
    let planned = peak(&mut sandbox.command(&[&run[..], &["--dry-run"]].concat()));
    let run = peak(&mut sandbox.command(&run));
    println!("{stages} stages: {planned} KiB for the plan, {run} KiB for the run");
    run.saturating_sub(planned)
}

#[test]
fn a_run_of_a_thousand_stages_takes_no_more_memory_than_one_of_two_hundred() {
    let (few, many) = (beyond_the_plan(200), beyond_the_plan(1_000));
    let most = few + 800 * MOST_A_STAGE;
    assert!(many < most, "{few} KiB beyond the plan for 200 stages, {many} KiB for 1,000");
}
