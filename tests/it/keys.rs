//! What decides a key and what does not: keys are pinned, and the way a manifest is written is not
//! part of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ablate::digest::Digest;
use ablate::files;
use ablate::manifest;
use ablate::plan;
use ablate::plan::DataFolders;
use ablate::plan::Plan;
use ablate::seed::Seed;
use ablate::seed::Stream;
use ablate::stages::STAGES;
use proptest::prelude::ProptestConfig;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;

use crate::archive::Archive;

/// A study with every kind and every way to write a value.
const STUDY: &str = include_str!("../../pipelines/quickstart.yaml");

fn build(name: &str, text: &str) -> Plan {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join(name);
    files::write(&path, text.as_bytes()).expect("the folder is new");
    let manifest = manifest::load(&path, &[]).unwrap_or_else(|report| panic!("{text}\n{report}"));
    plan::build(&manifest.document, STAGES, &DataFolders::new([], Path::new(name)))
        .unwrap_or_else(|problems| panic!("{text}\n{}", manifest.report(problems)))
}

/// Returns the recipe of every task, by its label.
fn recipes(plan: &Plan) -> BTreeMap<String, Digest> {
    let recipe = |task: &plan::Task| (task.to_string(), task.recipe.expect("it needs no file"));
    plan.tasks.iter().map(recipe).collect()
}

#[test]
fn the_key_of_each_kind_is_pinned() {
    let own = "  own: {kind: exec, params: {command: [make, it], outputs: {files: files}}}\n";
    let quality = "  quality: {kind: evaluate-images, inputs: {real: parts.train, fake: kept}}\n";
    let plan = build("quickstart.yaml", &format!("{STUDY}{own}{quality}"));
    let mut kinds = BTreeMap::new();
    for task in &plan.tasks {
        let recipe = task.recipe.expect("it needs no file").short();
        kinds.entry(task.kind.name).or_insert(format!("v{} {task} {recipe}", task.kind.version));
    }
    assert_eq!(kinds.len(), STAGES.len());
    let told: Vec<String> = kinds.iter().map(|(kind, key)| format!("{kind} {key}")).collect();
    // A change here makes every cache compute again: raise the kind's VERSION, and say it in the
    // changelog, or find out what changed the key by accident.
    insta::assert_snapshot!(told.join("\n"), @"
    classic-augment v2 classic cd5ce21aa93f
    evaluate v2 score[arm=none,network=resnet18,seed=1] fb8806dbf0a7
    evaluate-images v1 quality 6b5e3743ddc1
    exec v1 own e3c98b5a4346
    filter v3 kept e7506d476e0f
    generate v1 fakes b829489d22cd
    label v3 graded a9484d33d26b
    load v3 retina b3ce96d21e40
    split v3 parts e95c4a904429
    train-classifier v2 grader 6c0d55e3fd7b
    wgan-train v3 gan 07a79324f7bd
    ");
}

/// Writes a value as YAML in one of many ways: entries in any order, numbers in any spelling,
/// comments and blank lines between.
fn written(value: &Value, stream: &mut Stream, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<_> = fields.iter().collect();
            stream.shuffle(&mut entries);
            out.push('{');
            for (name, value) in entries {
                if stream.chance(0.2) {
                    out.push_str(" # a remark\n\n");
                }
                let _ = write!(out, " {}: ", Value::String(name.clone()));
                written(value, stream, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                written(item, stream, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Number(number) if number.is_f64() && stream.chance(0.5) => {
            let _ = write!(out, "{:e}", number.as_f64().expect("it is one"));
        }
        other => out.push_str(&other.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn spelling_order_remarks_and_file_names_change_no_key(seed in any::<u64>(), name in "[a-z]{1,8}") {
        let study: Value = serde_yaml::from_str(STUDY).expect("it is YAML");
        let mut text = String::new();
        written(&study, &mut Seed(seed).stream(), &mut text);
        let other = build(&format!("{name}.yaml"), &text);
        prop_assert_eq!(recipes(&other), recipes(&build("quickstart.yaml", STUDY)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn where_data_lies_changes_no_key_and_what_it_is_does(
        folders in proptest::collection::vec("[a-z]{1,6}", 1..4), beside in any::<bool>(), images in 2_usize..6,
    ) {
        let text = "ablate: 1\nname: x\nstages:\n  eyes: {kind: load, params: {npz: eyes.npz}}\n  parts: {kind: split, inputs: {images: eyes}, params: {use: given}}\n";
        let place = tempfile::tempdir().expect("a folder can be made");
        let plan = |folders: &[String], archive: &Archive| {
            let root = tempfile::tempdir_in(place.path()).expect("a folder can be made");
            let data = folders.iter().fold(root.path().to_owned(), |path, name| path.join(name));
            let manifest = root.path().join("study.yaml");
            files::write(&manifest, text.as_bytes()).expect("the folder is new");
            let read = manifest::load(&manifest, &[]).expect("it is right");
            files::write(&data.join("eyes.npz"), &archive.bytes()).expect("the folder is new");
            let given = (!folders.is_empty()).then_some(data);
            let data = DataFolders::new(given, &manifest);
            recipes(&plan::build(&read.document, STAGES, &data).expect("it is right"))
        };
        let archive = Archive::of(images, 1, 2);
        let there = if beside { Vec::new() } else { folders.clone() };
        prop_assert_eq!(plan(&there, &archive), plan(&folders, &archive));
        prop_assert!(plan(&folders, &Archive::of(images + 1, 1, 2)) != plan(&folders, &archive));
    }
}

#[test]
fn a_pin_on_content_changes_no_key() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let bytes = Archive::of(2, 1, 1).bytes();
    files::write(&folder.path().join("eyes.npz"), &bytes).expect("the folder is new");
    let plan = |pin: &str| {
        let text = format!(
            "ablate: 1\nname: x\nstages: {{eyes: {{kind: load, params: {{npz: eyes.npz{pin}}}}}}}\n"
        );
        let path = folder.path().join("study.yaml");
        files::write(&path, text.as_bytes()).expect("the folder takes it");
        let manifest = manifest::load(&path, &[]).expect("it is right");
        let data = DataFolders::new([], &path);
        recipes(&plan::build(&manifest.document, STAGES, &data).expect("it is right"))
    };
    assert_eq!(plan(&format!(", blake3: {}", Digest::of_bytes(&bytes))), plan(""));
}

#[test]
fn names_of_stages_and_vars_change_no_key() {
    let plain = build("quickstart.yaml", STUDY);
    let digests = |plan: &Plan| plan.tasks.iter().map(|task| task.recipe).collect::<Vec<_>>();
    let text = STUDY
        .replace("graded", "labelled")
        .replace("  kept:", "  chosen:")
        .replace("images: kept", "images: chosen")
        .replace("seed: 2021", "seed: 2021\nvars: {rate: 0.0002, side: 32}")
        .replace("learning_rate: 2.0e-4", "learning_rate: \"${vars.rate}\"")
        .replace("size: 32", "size: \"${vars.side}\"");
    assert_ne!(text, STUDY);
    assert_eq!(digests(&build("other.yaml", &text)), digests(&plain));
    let changed = build("other.yaml", &text.replace("rate: 0.0002", "rate: 0.0003"));
    assert_ne!(digests(&changed), digests(&plain));
}
