//! The real worker at its limits: memory that there is not, a stage that never ends, an engine that is gone.

use std::process::Stdio;

use crate::processes::children_of;
use crate::processes::is_running;
use crate::processes::signal;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

const STUDY: &str = "
ablate: 1
name: limits
stages:
  retina: {kind: load, params: {fundus: {train: 24, validation: 8, test: 8}, size: 16}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  gan:
    kind: wgan-train
    inputs: {images: parts.train}
    params: {generator_width: 16, critic_width: 8, batch_size: 8, schedule: [{epochs: 1, learning_rate: 1.0e-3}]}
  other:
    kind: wgan-train
    inputs: {images: parts.train}
    params: {generator_width: 32, critic_width: 8, batch_size: 8, schedule: [{epochs: 1, learning_rate: 1.0e-3}]}
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

#[test]
fn a_network_that_no_memory_holds_fails_its_stage_and_the_other_one_is_trained() {
    let Some(sandbox) = study() else { return };
    // A first layer of 68 billion numbers.
    let huge = "stages.gan.params={generator_width: 65536, latent: 65536}";
    let output = sandbox.run(&["run", "study.yaml", "--set", huge]).ends_with(1);
    let told = output.stderr;
    let line = told.lines().find(|line| line.contains("ERROR")).expect("an error is told");
    assert!(line.contains("gan: ") && line.contains("memory"), "{told}");
    assert!(told.contains("help: "), "{told}");
    assert!(told.contains("error: 1 of 4 tasks failed"), "{told}");
    assert!(told.lines().any(|line| line.contains("other: ") && line.contains(" in ")), "{told}");
}

#[test]
fn a_stage_that_takes_too_long_is_ended_with_its_worker_and_the_other_one_is_trained() {
    let Some(sandbox) = study() else { return };
    let long = "stages.gan.params.schedule=[{epochs: 1000000, learning_rate: 1.0e-3}]";
    let limit = "stages.gan.resources={time: 1}";
    let output = sandbox.run(&["run", "study.yaml", "--set", long, "--set", limit]).ends_with(1);
    assert!(output.stderr.contains("gan: the stage ran past its limit of 1 s"), "{output:?}");
    assert!(output.stderr.contains("error: 1 of 4 tasks failed"), "{output:?}");
}

#[test]
fn no_worker_outlives_its_engine_however_that_ends() {
    let Some(sandbox) = study() else { return };
    let long = "stages.gan.params.schedule=[{epochs: 1000000, learning_rate: 1.0e-3}]";
    for how in ["KILL", "TERM", "HUP", "ABRT"] {
        let mut command = sandbox.command(&["run", "study.yaml", "gan", "--set", long]);
        let mut engine =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let worker = waited(|| children_of(engine.id()).first().copied());
        signal(how, engine.id());
        engine.wait().expect("it ends");
        waited(|| (!is_running(worker)).then_some(()));
    }
    sandbox.run(&["cache", "verify"]).ends_with(0);
}

/// Writes a worker that never says anything; returns the line that runs `gan` with it.
fn silent(sandbox: &Sandbox) -> std::process::Command {
    sandbox.write("silent.sh", "#!/bin/sh\nexec sleep 1000\n");
    let path = sandbox.path("silent.sh");
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, rights).expect("the test may run it");
    let mut command = sandbox.command(&["run", "study.yaml", "gan"]);
    command.env("ABLATE_WORKER", path);
    command
}

#[test]
fn a_worker_that_is_never_ready_dies_with_an_engine_that_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    let mut engine = silent(&sandbox)
        .args(["--device", "cpu"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let worker = waited(|| children_of(engine.id()).first().copied());
    signal("KILL", engine.id());
    engine.wait().expect("it ends");
    waited(|| (!is_running(worker)).then_some(()));
}

#[test]
fn a_worker_that_is_never_ready_is_ended_when_the_time_of_its_stage_is_up() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    let mut command = silent(&sandbox);
    let output =
        Output::of(command.args(["--device", "cpu", "--set", "stages.gan.resources={time: 1}"]))
            .ends_with(1);
    assert!(output.stderr.contains("gan: the stage ran past its limit of 1 s"), "{output:?}");
}

#[test]
fn an_engine_that_looks_for_gpus_hears_that_it_shall_stop() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", STUDY);
    let mut command = silent(&sandbox);
    let mut engine = command.stderr(Stdio::null()).spawn().expect("it starts");
    let worker = waited(|| children_of(engine.id()).first().copied());
    signal("INT", engine.id());
    assert_eq!(engine.wait().expect("it ends").code(), Some(130));
    assert!(!is_running(worker));
}
