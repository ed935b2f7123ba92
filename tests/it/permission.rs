//! Programs that hide in params of other kinds than `exec`: none runs without permission.

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
