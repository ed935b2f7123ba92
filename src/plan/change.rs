//! Changes: what differs between two keys of a task, for people to read.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::plan::TaskKey;

/// One difference between an earlier key of a task and its key now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// The task never ran.
    NeverRun,
    /// Keys are built otherwise than they were.
    Format {
        /// Layout of the earlier key.
        old: u32,
        /// Layout now.
        new: u32,
    },
    /// The stage has another kind.
    Kind {
        /// Kind earlier.
        old: String,
        /// Kind now.
        new: String,
    },
    /// The kind computes otherwise than it did.
    Version {
        /// Version earlier.
        old: u32,
        /// Version now.
        new: u32,
    },
    /// A param has another value.
    Param {
        /// Way to the param, joined by dots.
        path: String,
        /// Value earlier; absent where there was none.
        old: Option<Value>,
        /// Value now; absent where there is none.
        new: Option<Value>,
    },
    /// Something else enters a port.
    Input {
        /// The port.
        port: String,
        /// Digests earlier.
        old: Vec<Digest>,
        /// Digests now.
        new: Vec<Digest>,
    },
    /// A file from outside has another content.
    Source {
        /// Its name.
        name: String,
        /// Digest earlier; absent where the file was not used.
        old: Option<Digest>,
        /// Digest now; absent where the file is not used.
        new: Option<Digest>,
    },
    /// The seed is another.
    Seed {
        /// Seed earlier.
        old: u64,
        /// Seed now.
        new: u64,
    },
}

/// Returns everything that differs; nothing where the keys are equal.
pub fn changes(old: Option<&TaskKey>, new: &TaskKey) -> Vec<Change> {
    let Some(old) = old else { return vec![Change::NeverRun] };
    let mut found = Vec::new();
    if old.format != new.format {
        found.push(Change::Format { old: old.format, new: new.format });
    }
    if old.kind != new.kind {
        found.push(Change::Kind { old: old.kind.clone(), new: new.kind.clone() });
    }
    if old.version != new.version {
        found.push(Change::Version { old: old.version, new: new.version });
    }
    params(&old.params, &new.params, "", &mut found);
    for (port, old, new) in both(&old.inputs, &new.inputs) {
        let (old, new) = (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default());
        found.push(Change::Input { port: port.clone(), old, new });
    }
    for (name, old, new) in both(&old.sources, &new.sources) {
        found.push(Change::Source { name: name.clone(), old: old.copied(), new: new.copied() });
    }
    if old.seed != new.seed {
        found.push(Change::Seed { old: old.seed, new: new.seed });
    }
    found
}

type Pair<'a, T> = (&'a String, Option<&'a T>, Option<&'a T>);

/// Returns the entries that differ.
fn both<'a, T: PartialEq>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = Pair<'a, T>> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().map(|name| (name, old.get(name), new.get(name))).filter(|(_, a, b)| a != b)
}

fn params(old: &Value, new: &Value, path: &str, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut one = |path: String, old: Option<&Value>, new: Option<&Value>| match (old, new) {
        (Some(old), Some(new)) => params(old, new, &path, found),
        (None, None) => {}
        _ => found.push(Change::Param { path, old: old.cloned(), new: new.cloned() }),
    };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                one(below(name), old.get(name), new.get(name));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                one(below(&at.to_string()), old.get(at), new.get(at));
            }
        }
        _ => found.push(Change::Param {
            path: path.to_owned(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::prop_oneof;
    use proptest::proptest;
    use serde_json::json;

    use super::changes;
    use crate::digest::Digest;
    use crate::plan::TaskKey;

    fn key() -> TaskKey {
        TaskKey {
            format: 1,
            kind: "fit".to_owned(),
            version: 1,
            params: json!({"epochs": 40, "schedule": [{"rate": 0.1}], "mode": null}),
            inputs: BTreeMap::from([("images".to_owned(), vec![Digest::of_bytes(b"a")])]),
            sources: BTreeMap::from([("a.npz".to_owned(), Digest::of_bytes(b"b"))]),
            seed: 7,
        }
    }

    fn keys() -> impl Strategy<Value = TaskKey> {
        let digest = || (0_u8..3).prop_map(|byte| Digest::of_bytes(&[byte]));
        let digests = proptest::collection::vec(digest(), 0..3);
        let kinds = prop_oneof![Just("fit".to_owned()), Just("add".to_owned())];
        let params =
            prop_oneof![Just(json!({})), (0_u8..3).prop_map(|n| json!({"a": n, "b": [n]}))];
        let inputs = proptest::collection::btree_map("[ab]", digests, 0..2);
        let sources = proptest::collection::btree_map("[ab]", digest(), 0..2);
        (1_u32..3, kinds, 1_u32..3, params, inputs, sources, any::<bool>()).prop_map(
            |(format, kind, version, params, inputs, sources, seed)| TaskKey {
                format,
                kind,
                version,
                params,
                inputs,
                sources,
                seed: u64::from(seed),
            },
        )
    }

    #[test]
    fn each_difference_is_said_with_old_and_new() {
        let mut new = key();
        new.version = 2;
        new.params = json!({"epochs": 60, "schedule": [{"rate": 0.1}, {"rate": 0.2}]});
        new.seed = 8;
        new.sources = BTreeMap::new();
        insta::assert_snapshot!(serde_json::to_string_pretty(&changes(Some(&key()), &new)).unwrap(), @r#"
        [
          {
            "change": "version",
            "old": 1,
            "new": 2
          },
          {
            "change": "param",
            "path": "epochs",
            "old": 40,
            "new": 60
          },
          {
            "change": "param",
            "path": "mode",
            "old": null,
            "new": null
          },
          {
            "change": "param",
            "path": "schedule.1",
            "old": null,
            "new": {
              "rate": 0.2
            }
          },
          {
            "change": "source",
            "name": "a.npz",
            "old": "10e5cf3d3c8a4f9f3468c8cc58eea84892a22fdadbc1acb22410190044c1d553",
            "new": null
          },
          {
            "change": "seed",
            "old": 7,
            "new": 8
          }
        ]
        "#);
        assert_eq!(changes(None, &new).len(), 1);
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_where_nothing_changed_and_digests_are(a in keys(), b in keys()) {
            prop_assert_eq!(changes(Some(&a), &b).is_empty(), a == b);
            prop_assert_eq!(a.digest() == b.digest(), a == b);
        }
    }
}
