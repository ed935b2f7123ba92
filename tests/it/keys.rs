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
use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;

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
    let plan = build("quickstart.yaml", STUDY);
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
    classic-augment v2 classic 860a9065f0e9
    evaluate v1 score[arm=none,network=resnet18,seed=1] 85261cb1a7bf
    filter v1 kept c3f540b1ce94
    generate v1 fakes b45fb93e0e99
    label v1 graded 7c01514589f7
    load v1 retina 47b2d90104c2
    split v2 parts 67f36ff27dbf
    train-classifier v1 grader 541ccd48a86c
    wgan-train v2 gan efe84b383ea7
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
