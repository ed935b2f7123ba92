//! Many engines on one cache at once: nothing is computed twice, and nobody waits for the dead.

use std::process::Stdio;

use serde_json::Value;

use crate::processes::kill;
use crate::processes::waited;
use crate::sandbox::Output;
use crate::sandbox::Sandbox;

/// A study of three of eight augmentations.
fn study(first: usize) -> String {
    let shares: Vec<String> = (0..3).map(|next| format!("0.{}", (first + next) % 8 + 1)).collect();
    format!(
        "
ablate: 1
name: part-{first}
axes: {{share: [{}]}}
stages:
  retina: {{kind: load, params: {{fundus: {{train: 150, validation: 8, test: 8}}, size: 64}}}}
  parts: {{kind: split, inputs: {{images: retina}}, params: {{use: given}}}}
  classic:
    kind: classic-augment
    inputs: {{images: parts.train}}
    params: {{passes: [{{vertical_flip: '${{axis.share}}', rotation: [-9, 9]}}]}}
",
        shares.join(", ")
    )
}

fn told(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).expect("JSON on stdout")
}

#[test]
fn eight_engines_with_studies_in_common_compute_each_task_once() {
    let sandbox = Sandbox::new();
    let start = |number: usize| {
        let name = format!("part-{number}.yaml");
        sandbox.write(&name, study(number));
        let mut command = sandbox.command(&["run", &name, "-q", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let engines: Vec<_> = (0..8).map(start).collect();
    let outputs: Vec<Output> =
        engines.into_iter().map(|engine| Output::of_child(engine).ends_with(0)).collect();
    let ran: u64 =
        outputs.iter().map(|output| told(output)["ran"].as_u64().expect("a number")).sum();
    // One load, one split, and eight augmentations that three engines each ask for.
    assert_eq!(ran, 10, "{outputs:#?}");
    let cached: u64 =
        outputs.iter().map(|output| told(output)["cached"].as_u64().expect("a number")).sum();
    assert_eq!(ran + cached, 8 * 5);
    sandbox.run(&["cache", "verify"]).ends_with(0);
    let stats = sandbox.run(&["cache", "stats", "--format", "json"]).ends_with(0);
    assert_eq!(told(&stats)["records"], 10);
}

#[test]
fn nobody_waits_for_an_engine_that_was_killed() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", study(0).replace("train: 150", "train: 900"));
    let mut first = sandbox.command(&["run", "study.yaml", "-q"]);
    let mut first = first.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
    let locks = sandbox.path("cache/locks");
    let holds = || std::fs::read_dir(&locks).is_ok_and(|entries| entries.count() > 0).then_some(());
    waited(holds);
    kill(first.id());
    first.wait().expect("it ends");
    let output = sandbox.run(&["run", "study.yaml", "-q", "--format", "json"]).ends_with(0);
    assert_eq!(told(&output)["ran"], 5);
}
