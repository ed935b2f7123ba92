//! The JSON schema (2020-12) of manifests, for editors: made from the kinds, so that it is never old.
//!
//! It is milder than `ablate check`: a file that extends another may leave anything out, and any
//! value may be a `${...}` or, to delete what was inherited, nothing.

use schemars::schema_for;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::report::Measure;
use crate::stage::Port;
use crate::stage::Resources;
use crate::stage::StageKind;

/// Where the schema keeps what any value may be instead.
const DEFERRED: &str = "#/$defs/deferred";

/// A text with at least one `${...}`, none in another.
const DEFERRING: &str = "^([^$]|\\$[^{])*(\\$\\{[^${}]+\\}([^$]|\\$[^{])*)+$";
/// A name of a stage, loosely: the same in every dialect of regular expressions.
const NAME: &str = "^[^\\s.,=\\[\\]]+$";
/// A stage, a port and a slice, the last two where there are any.
const REFERENCE: &str =
    "^[^\\s.\\[\\]]+(\\.[^\\s.\\[\\]]+)?(\\[[^\\[\\]]+\\](\\.[^\\s.\\[\\]]+)?)?$";

/// Returns the schema of manifests that use the given kinds.
pub fn manifest_schema(kinds: &[StageKind]) -> Value {
    let mut defs = Map::new();
    defs.insert(
        "deferred".into(),
        json!({
            "description": "A value that is filled in from `vars` or an axis, or nothing.",
            "anyOf": [{"type": "string", "pattern": DEFERRING}, {"type": "null"}],
        }),
    );
    defs.insert(
        "reference".into(),
        json!({
            "description": "What enters: `stage`, `stage.port` or `stage[axis=value].port`.",
            "type": "string", "pattern": REFERENCE,
        }),
    );
    let resources = adopt("resources", schema_for!(Resources).to_value(), &mut defs);
    let (mut branches, mut whole) = (Vec::new(), Vec::new());
    for kind in kinds {
        let params = adopt(kind.name, (kind.schema)(), &mut defs);
        branches.push(json!({
            "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
            "then": {"properties": {
                "params": open(params),
                "inputs": inputs(kind),
            }},
        }));
        whole.extend(required_inputs(kind));
    }
    defs.insert("stage".into(), stage(kinds, &open(resources), &branches));
    defs.insert(
        "whole-stage".into(),
        json!({"type": "object", "required": ["kind"], "allOf": whole}),
    );
    let mut schema = manifest();
    schema["$defs"] = Value::Object(defs);
    schema
}

fn manifest() -> Value {
    let names = json!({"type": ["array", "null"], "items": {"type": "string"}});
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let measures = Measure::ALL.map(|measure| format!("`{measure}`")).join(", ");
    let measure = format!("The measure in its cells, one of {measures}.");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of a study",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "ablate": {"description": "Format of the manifest.", "const": 1},
            "name": {"description": "Name of the study.", "type": "string"},
            "about": {"description": "One sentence on the study.", "type": "string"},
            "seed": {"description": "Decides every draw of the study.", "type": "integer", "minimum": 0},
            "extends": {
                "description": "Manifest, or list of them, on which this one builds: maps are merged, the rest is replaced, `null` deletes.",
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            },
            "vars": {"description": "Values for `${vars.x}`.", "type": ["object", "null"]},
            "axes": {
                "description": "Dimensions of the study; `seed` sets the seed of the stages that span it.",
                "type": ["object", "null"],
                "additionalProperties": {
                    "type": ["array", "null"], "minItems": 1, "uniqueItems": true,
                    "items": {"anyOf": [scalar, {"type": "object", "required": ["name"]}]},
                },
            },
            "exclude": {
                "description": "Cells to leave out: each a map of axes and values.",
                "type": ["array", "null"],
                "items": {"type": "object", "minProperties": 1, "additionalProperties": scalar},
            },
            "only": {
                "description": "Cells to keep; all others are left out.",
                "type": ["array", "null"],
                "items": {"type": "object", "minProperties": 1, "additionalProperties": scalar},
            },
            "table": {
                "description": "Shape of the study's table.",
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "stage": {"description": "Stage whose scores it shows.", "type": "string"},
                    "rows": {"description": "Axes of its rows.", "anyOf": [names, {"type": "string"}]},
                    "columns": {"description": "Axes of its columns.", "anyOf": [names, {"type": "string"}]},
                    "value": {"description": measure, "type": "string"},
                    "baseline": {"description": "The row with which all others are compared, or a value of one of the rows' axes; the first row by default.", "type": "string"},
                },
            },
            "stages": {
                "description": "What is done, by name.",
                "type": ["object", "null"],
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/stage"}, {"type": "null"}]},
            },
        },
        "if": {"required": ["extends"]},
        "else": {
            "required": ["ablate", "name", "stages"],
            "properties": {
                "stages": {"minProperties": 1, "additionalProperties": {"$ref": "#/$defs/whole-stage"}},
            },
        },
    })
}

fn stage(kinds: &[StageKind], resources: &Value, branches: &[Value]) -> Value {
    let kind = |kind: &StageKind| json!({"const": kind.name, "description": kind.about});
    let names: Vec<Value> = kinds.iter().map(kind).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "kind": {"description": "What is done.", "oneOf": names},
            "inputs": {"description": "What enters, by port.", "type": ["object", "null"]},
            "params": {"description": "How it is done."},
            "resources": resources,
            "retries": {
                "description": "Times that a failed run is tried again.",
                "type": ["integer", "null"], "minimum": 0, "maximum": 100,
            },
            "spans": {
                "description": "Axes that it spans beside those of its inputs and params.",
                "anyOf": [{"type": ["array", "null"], "items": {"type": "string"}}, {"type": "string"}],
            },
            "crosses": {
                "description": "Axes of which its inputs may hold different values.",
                "anyOf": [{"type": ["array", "null"], "items": {"type": "string"}}, {"type": "string"}],
            },
            "allow_leakage": {
                "description": "Why test images may reach it; every number that depends on it is marked.",
                "type": ["string", "null"], "minLength": 1,
            },
            "about": {"description": "One sentence on it.", "type": ["string", "null"]},
        },
        "allOf": branches,
    })
}

fn inputs(kind: &StageKind) -> Value {
    let port = |port: &Port| {
        let one = json!({"$ref": "#/$defs/reference"});
        let most = if port.many { 1_000 } else { 1 };
        let least = usize::from(!port.optional);
        let list = json!({"type": "array", "items": one, "minItems": least, "maxItems": most});
        let feed = json!([one, list, {"type": "null"}]);
        let by = json!({
            "type": "object",
            "required": ["by"],
            "properties": {"by": {"type": "string"}},
            "additionalProperties": {"anyOf": feed},
        });
        let feed = json!({"description": port.about, "anyOf": [one, list, {"type": "null"}, by]});
        (port.name.to_string(), feed)
    };
    let declared = !kind.declares.is_empty();
    let ports: Map<String, Value> = kind.inputs.iter().map(port).collect();
    json!({"type": ["object", "null"], "additionalProperties": declared, "properties": ports})
}

/// Returns what a stage of a kind must have in a manifest that extends no other.
fn required_inputs(kind: &StageKind) -> Option<Value> {
    let needed = kind.inputs.iter().filter(|port| !port.optional).map(|port| port.name);
    let needed: Vec<_> = needed.collect();
    (!needed.is_empty()).then(|| {
        json!({
            "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
            "then": {"required": ["inputs"], "properties": {"inputs": {"required": needed}}},
        })
    })
}

/// Moves a schema's definitions below the names of their owner, and opens every field to `${...}`.
fn adopt(owner: &str, mut schema: Value, defs: &mut Map<String, Value>) -> Value {
    let own = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("title");
        schema.remove("$defs")
    });
    if let Some(Value::Object(own)) = own {
        for (name, definition) in own {
            defs.insert(format!("{owner}.{name}"), opened(definition, owner));
        }
    }
    opened(schema, owner)
}

/// Returns a schema with its references renamed and the schemas of its fields and entries opened.
fn opened(schema: Value, owner: &str) -> Value {
    let Value::Object(map) = schema else { return schema };
    let mut result = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("$ref", Value::String(name)) => {
                Value::String(name.replace("#/$defs/", &format!("#/$defs/{owner}.")))
            }
            ("properties", Value::Object(fields)) => {
                let field = |(name, field)| (name, open(opened(field, owner)));
                Value::Object(fields.into_iter().map(field).collect())
            }
            ("items", value) | ("additionalProperties", value @ Value::Object(_)) => {
                open(opened(value, owner))
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(options)) => {
                options.into_iter().map(|option| opened(option, owner)).collect()
            }
            // A manifest that extends another may leave out what that one gives.
            ("required", Value::Array(_)) => continue,
            (_, value) => value,
        };
        result.insert(key, value);
    }
    Value::Object(result)
}

/// Returns a schema that also takes `${...}` or nothing, with its words where editors look.
fn open(schema: Value) -> Value {
    let Value::Object(mut map) = schema else { return schema };
    let mut outer = Map::new();
    for word in ["description", "default"] {
        if let Some(text) = map.remove(word) {
            outer.insert(word.to_owned(), text);
        }
    }
    outer.insert("anyOf".into(), json!([Value::Object(map), {"$ref": DEFERRED}]));
    Value::Object(outer)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::manifest_schema;
    use crate::report::sample::KINDS;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let schema = manifest_schema(KINDS);
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.contains(&"#/$defs/learn.Style".to_owned()));
        for name in found {
            assert!(schema.pointer(name.trim_start_matches('#')).is_some(), "{name}");
        }
    }

    #[test]
    fn each_kind_has_a_branch_with_its_ports_and_params() {
        let schema = manifest_schema(KINDS);
        let branches = schema["$defs"]["stage"]["allOf"].as_array().unwrap();
        assert_eq!(branches.len(), KINDS.len());
        let learn = &branches[3]["then"]["properties"];
        assert!(learn["inputs"]["properties"]["validation"].is_object());
        let count = &learn["params"]["anyOf"][0]["properties"]["count"];
        insta::assert_snapshot!(serde_json::to_string_pretty(count).unwrap(), @r##"
        {
          "anyOf": [
            {
              "format": "uint",
              "minimum": 1,
              "type": "integer"
            },
            {
              "$ref": "#/$defs/deferred"
            }
          ],
          "default": 100,
          "description": "Images that enter | leave."
        }
        "##);
    }
}
