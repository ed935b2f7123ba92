//! Plans of toy studies: what they come to, and what is said where they are wrong.

use std::fmt::Write;
use std::path::Path;

use crate::manifest;
use crate::manifest::Report;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::toys::TOYS;

/// A study in which a stage is fed by arm, as in the paper.
pub(super) const STUDY: &str = r#"
ablate: 1
name: toy
seed: 7
vars: {epochs: 40, many: "${vars.epochs}"}
axes:
  arm: [none, sum, sum+fake]
  rate: [0.1, 0.2]
  seed: [1, 2]
stages:
  numbers: {kind: draw}
  parts: {kind: divide, inputs: {numbers: numbers}}
  sum: {kind: add, inputs: {numbers: [parts.train, parts.train]}}
  gan: {kind: fit, inputs: {numbers: parts.train}}
  fake: {kind: add, inputs: {numbers: gan}, params: {terms: [{value: 1}]}}
  fit:
    kind: fit
    spans: [seed]
    inputs:
      numbers: {by: arm, none: parts.train, sum: [sum], sum+fake: [sum, fake]}
      validation: parts.validation
    params: {epochs: "${vars.many}", rate: "${axis.rate}", name: "at ${axis.rate}"}
  score: {kind: judge, inputs: {model: fit, numbers: parts.test}}
"#;

/// Plans a manifest, with `--set` arguments.
pub(super) fn try_plan(text: &str, overrides: &[&str]) -> Result<Plan, Report> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.yaml");
    crate::files::write(&path, text.as_bytes()).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|&one| one.to_owned()).collect();
    let manifest = manifest::load(&path, &overrides)?;
    let data = DataFolders::new([], Path::new("/nowhere/study.yaml"));
    crate::plan::build(&manifest.document, TOYS, &data)
        .map_err(|problems| manifest.report(problems))
}

/// Plans a manifest that is right.
pub(super) fn plan(text: &str) -> Plan {
    try_plan(text, &[]).unwrap_or_else(|report| panic!("{report}"))
}

/// Returns what is wrong with a manifest, a line each.
pub(super) fn faults(text: &str) -> String {
    let report = try_plan(text, &[]).expect_err("the manifest is wrong");
    let lines: Vec<String> = report
        .lines()
        .iter()
        .map(|line| {
            line.split_once("study.yaml:").map_or(line.as_str(), |(_, rest)| rest).to_owned()
        })
        .collect();
    lines.join("\n")
}

#[test]
fn a_study_becomes_one_task_for_each_stage_and_cell() {
    let mut shown = String::new();
    for task in &plan(STUDY).tasks {
        let inputs: Vec<String> = task
            .all_inputs()
            .map(|(port, input)| format!("{port}:{}.{}", input.task.0, input.port))
            .collect();
        writeln!(shown, "{} {task} {} {}", task.id.0, inputs.join(" "), task.params).unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    0 numbers  {"blake3":null,"count":1000,"file":null}
    1 parts numbers:0.numbers {"turn":0}
    2 sum numbers:1.train numbers:1.train {"keep":null,"terms":[]}
    3 gan numbers:1.train {"epochs":1000,"name":"","rate":null}
    4 fake numbers:3.model {"keep":null,"terms":[{"value":1.0}]}
    5 fit[arm=none,rate=0.1,seed=1] numbers:1.train validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    6 fit[arm=none,rate=0.1,seed=2] numbers:1.train validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    7 fit[arm=none,rate=0.2,seed=1] numbers:1.train validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    8 fit[arm=none,rate=0.2,seed=2] numbers:1.train validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    9 fit[arm=sum,rate=0.1,seed=1] numbers:2.sum validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    10 fit[arm=sum,rate=0.1,seed=2] numbers:2.sum validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    11 fit[arm=sum,rate=0.2,seed=1] numbers:2.sum validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    12 fit[arm=sum,rate=0.2,seed=2] numbers:2.sum validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    13 fit[arm=sum+fake,rate=0.1,seed=1] numbers:2.sum numbers:4.sum validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    14 fit[arm=sum+fake,rate=0.1,seed=2] numbers:2.sum numbers:4.sum validation:1.validation {"epochs":40,"name":"at 0.1","rate":0.1}
    15 fit[arm=sum+fake,rate=0.2,seed=1] numbers:2.sum numbers:4.sum validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    16 fit[arm=sum+fake,rate=0.2,seed=2] numbers:2.sum numbers:4.sum validation:1.validation {"epochs":40,"name":"at 0.2","rate":0.2}
    17 score[arm=none,rate=0.1,seed=1] model:5.model numbers:1.test {}
    18 score[arm=none,rate=0.1,seed=2] model:6.model numbers:1.test {}
    19 score[arm=none,rate=0.2,seed=1] model:7.model numbers:1.test {}
    20 score[arm=none,rate=0.2,seed=2] model:8.model numbers:1.test {}
    21 score[arm=sum,rate=0.1,seed=1] model:9.model numbers:1.test {}
    22 score[arm=sum,rate=0.1,seed=2] model:10.model numbers:1.test {}
    23 score[arm=sum,rate=0.2,seed=1] model:11.model numbers:1.test {}
    24 score[arm=sum,rate=0.2,seed=2] model:12.model numbers:1.test {}
    25 score[arm=sum+fake,rate=0.1,seed=1] model:13.model numbers:1.test {}
    26 score[arm=sum+fake,rate=0.1,seed=2] model:14.model numbers:1.test {}
    27 score[arm=sum+fake,rate=0.2,seed=1] model:15.model numbers:1.test {}
    28 score[arm=sum+fake,rate=0.2,seed=2] model:16.model numbers:1.test {}
    "#);
}

#[test]
fn every_problem_of_a_manifest_is_said_at_once_and_with_its_place() {
    let wrong = r#"
ablate: 1
name: toy
axes: {arm: [a, b], seed: [1, 2]}
stages:
  numbers: {kind: drw}
  parts: {kind: divide, inputs: {numbrs: two}}
  two: {kind: draw, params: {count: many, coun: 2}}
  sum: {kind: add, inputs: {numbers: [partz.train, parts.tran, score]}, spans: [arms]}
  fit: {kind: fit, inputs: {numbers: {by: arm, a: parts.train, c: parts.train}}, params: {epochs: 0, rate: "${axis.rate}"}}
  score: {kind: judge, inputs: {model: "fit[arm=d]", numbers: parts.test}, resources: {gpu: 1}}
"#;
    insta::assert_snapshot!(faults(wrong), @"
    6:19: stage `numbers` has an unknown kind `drw` (help: did you mean `draw`?)
    7:34: kind `divide` has no input `numbrs` (help: did you mean `numbers`?)
    8:37: stage `two`, param `count`: found `many`, expected a whole number of at least 0 (help: `ablate kinds draw` lists its params)
    8:43: stage `two`, param `coun`: unknown name `coun`; known are `blake3`, `count`, `file` (help: did you mean `count`?)
    9:39: there is no stage `partz` (help: did you mean `parts`?)
    9:58: stage `parts` (a `divide`) has no output `tran` (help: did you mean `train`?)
    9:64: `score.verdict` is a `verdict`, but input `numbers` of stage `sum` takes a `number` (help: a `number` is given by `parts`, `parts.validation`, `parts.test`, `two`, `sum`, `fit`)
    9:81: there is no axis `arms` (help: did you mean `arm`?)
    10:64: axis `arm` has no value `c` (help: its values are `a`, `b`)
    10:99: stage `fit`, param `epochs`: found 0, expected a whole number of at least 1 and at most 5000 (help: `ablate kinds fit` lists its params)
    10:109: there is no axis `rate` (help: the study's axes are `arm`, `seed`)
    11:49: axis `arm` has no value `d` (help: its values are `a`, `b`)
    11:88: there is no resource `gpu` (help: did you mean `gpus`?)
    ");
}
