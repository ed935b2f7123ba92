//! What is promised of `exec` before anything runs: ports, params that are one whatever their spelling,
//! names in braces.

use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use super::Exec;
use super::Names;
use super::Params;
use super::argument::Values;
use crate::stage::Lineage;
use crate::stage::Role;
use crate::stage::StageKind;

const KIND: StageKind = StageKind::of::<Exec>();

fn with(ports: &Value) -> Value {
    let mut params = json!({"command": ["x"], "outputs": {"out": "files"}});
    for (name, value) in ports.as_object().unwrap() {
        params[name] = value.clone();
    }
    params
}

fn filled(text: &str) -> Result<String, String> {
    let params: Params = serde_json::from_value(with(&json!({
        "inputs": {"images": "dataset"}, "params": {"rate": 0.5, "name": "a b", "deep": {}},
    })))
    .unwrap();
    let values = Values { seed: 7, threads: 2, device: "cpu".to_owned() };
    Names { params: &params }.fill(text, &values)
}

proptest! {
    #[test]
    fn what_names_nothing_stays_as_it_is(text in "[a-z{} .$;\\\\\"']{0,24}") {
        let known = ["{seed}", "{threads}", "{device}"];
        if !known.iter().any(|name| text.contains(name)) && !text.contains("puts.") && !text.contains("params.") {
            prop_assert_eq!(filled(&text), Ok(text));
        }
    }
}

#[test]
fn names_in_braces_stand_for_folders_and_values() {
    let text =
        "--in={inputs.images} {outputs.out} {params.rate}{params.name} {seed}/{threads}/{device}";
    assert_eq!(filled(text).unwrap(), "--in=inputs/images outputs/out 0.5a b 7/2/cpu");
    assert_eq!(filled("{{seed}} {").unwrap(), "{7} {");
    assert_eq!(
        filled("{params.deep}").unwrap_err(),
        "`{params.deep}` is no text and no number; `job.json` has it"
    );
}

#[test]
fn a_short_and_a_long_spelling_are_one() {
    let short =
        KIND.resolve(&with(&json!({"inputs": {"a": "dataset"}, "command": ["x", 3, true]})));
    let long = json!({"a": {"type": "dataset", "many": false, "role": "fit"}});
    let long = KIND.resolve(&with(&json!({"inputs": long, "command": ["x", "3", "true"]})));
    assert_eq!(short.unwrap(), long.unwrap());
}

#[test]
fn ports_are_those_that_params_declare() {
    let ports = (KIND.ports)(&with(&json!({"inputs": {
        "images": {"type": "dataset", "role": "measure", "many": true}, "model": "model", "B": "gan", "c": "nothing",
    }})));
    let told: Vec<_> = ports
        .inputs
        .iter()
        .map(|port| (&*port.name, port.artifact, port.role, port.many))
        .collect();
    assert_eq!(
        told,
        [("images", "images", Role::Measure, true), ("model", "classifier", Role::Fit, false)]
    );
    assert_eq!(ports.outputs[0].lineage, Lineage::Inputs);
    assert_eq!(
        (KIND.ports)(&with(&json!({}))).outputs[0].lineage,
        Lineage::All,
        "images from outside"
    );
}
