//! Permission to run programs: those that hide in params of other kinds than `exec` need it too, and who would run is told.

use crate::sandbox::Sandbox;

#[test]
fn a_torchscript_file_is_a_program() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "study.yaml",
        "ablate: 1
name: features
stages:
  retina: {kind: load, params: {fundus: {train: 10, validation: 5, test: 5}, size: 8}}
  parts: {kind: split, inputs: {images: retina}, params: {use: given}}
  quality:
    kind: evaluate-images
    inputs: {real: parts.train, fake: parts.test}
    params: {features: {script: {file: network.pt}}}
",
    );
    sandbox.write("network.pt", "what a program would be");
    let refused = sandbox.run(&["run", "study.yaml"]).ends_with(2);
    let told = sandbox.redact(&refused.stderr);
    assert!(told.contains("stage `quality` runs a program: `network.pt`"), "{told}");
    assert!(told.contains("--allow-exec"), "{told}");
    // Weights are none.
    let weights = "stages.quality.params.features={script: null, weights: {network: resnet18, file: network.pt}}";
    let output = sandbox.run(&["run", "study.yaml", "parts", "--set", weights]).ends_with(0);
    assert!(!output.stderr.contains("--allow-exec"), "{}", output.stderr);
}

#[test]
fn of_many_programs_some_are_told_and_the_others_counted() {
    let sandbox = Sandbox::new();
    let stage = |number: usize| {
        format!(
            "  s{number:02}: {{kind: exec, params: {{command: [sh, -c, 'true'], outputs: {{out: files}}}}}}\n"
        )
    };
    let stages: String = (0..23).map(stage).collect();
    sandbox.write("study.yaml", format!("ablate: 1\nname: many\nstages:\n{stages}"));
    let told = sandbox.run(&["check", "study.yaml"]).ends_with(0).stderr;
    assert_eq!(told.lines().count(), 21, "{told}");
    assert!(told.contains("`s19` runs") && !told.contains("`s20` runs"), "{told}");
    assert!(told.ends_with("note: and so do 3 other stages\n"), "{told}");
}
