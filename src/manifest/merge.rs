//! Merging: one document laid over another.
//!
//! Maps merge key by key, everything else replaces, nothing (`null`) deletes. What comes from a
//! document keeps its place there.

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::Node;

/// Lays `over` over `base`.
pub(super) fn merge(base: Node, over: Node) -> Node {
    match (base.content, over.content) {
        (Content::Map(entries), Content::Map(overs)) => {
            Node { content: Content::Map(merge_maps(entries, overs)), span: base.span }
        }
        (_, content) => without_deletions(Node { content, span: over.span }),
    }
}

fn merge_maps(mut entries: Vec<Entry>, overs: Vec<Entry>) -> Vec<Entry> {
    for over in overs {
        let at = entries.iter().position(|entry| entry.key.value == over.key.value);
        match (at, over.value.is_null()) {
            (Some(at), true) => {
                entries.remove(at);
            }
            (None, true) => {}
            (Some(at), false) => {
                let place = &mut entries[at];
                let null = Node { content: Content::Null, span: over.value.span };
                let replaces = !matches!(
                    (&place.value.content, &over.value.content),
                    (Content::Map(_), Content::Map(_))
                );
                let old = std::mem::replace(&mut place.value, null);
                place.value = merge(old, over.value);
                if replaces {
                    place.key = over.key;
                }
            }
            (None, false) => {
                entries.push(Entry { key: over.key, value: without_deletions(over.value) });
            }
        }
    }
    entries
}

/// Drops keys that delete what is not there.
fn without_deletions(node: Node) -> Node {
    let content = match node.content {
        Content::Map(entries) => Content::Map(merge_maps(Vec::new(), entries)),
        other => other,
    };
    Node { content, span: node.span }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::prop_oneof;
    use proptest::proptest;
    use serde_json::Value;
    use serde_json::json;

    use super::merge;
    use crate::manifest::Content;
    use crate::manifest::Entry;
    use crate::manifest::FileId;
    use crate::manifest::Located;
    use crate::manifest::Node;
    use crate::manifest::Span;

    const HERE: Span = Span { file: FileId(0), offset: 0, length: 0 };

    fn node(value: &Value) -> Node {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(answer) => Content::Bool(*answer),
            Value::Number(number) => Content::Number(number.clone()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(node).collect()),
            Value::Object(map) => Content::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: Located::new(key.clone(), HERE),
                        value: node(value),
                    })
                    .collect(),
            ),
        };
        Node { content, span: HERE }
    }

    fn merged(base: &Value, over: &Value) -> Value {
        merge(node(base), node(over)).to_json()
    }

    fn values(null: bool) -> impl Strategy<Value = Value> {
        let nothing = if null { Value::Null } else { json!(0) };
        let leaf = prop_oneof![Just(nothing), any::<u8>().prop_map(|n| json!(n)), Just(json!("x"))];
        let any = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                maps(inner),
            ]
        });
        maps(any)
    }

    fn maps(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[a-d]", inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    #[test]
    fn maps_merge_others_replace_and_nothing_deletes() {
        let base = json!({"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3});
        let over = json!({"a": {"y": 4, "z": {"w": null}}, "b": [5], "c": null, "d": null});
        assert_eq!(merged(&base, &over), json!({"a": {"x": 1, "y": 4, "z": {}}, "b": [5]}));
    }

    proptest! {
        #[test]
        fn an_empty_overlay_changes_nothing(base in values(false)) {
            prop_assert_eq!(merged(&base, &json!({})), base);
        }

        #[test]
        fn laying_the_same_over_twice_changes_nothing_more(base in values(false), over in values(true)) {
            let once = merged(&base, &over);
            prop_assert_eq!(merged(&once, &over), once);
        }

        #[test]
        fn an_overlay_without_deletions_wins_everywhere(base in values(false), over in values(false)) {
            let result = merged(&base, &over);
            prop_assert_eq!(merged(&result, &over), result.clone());
            for (key, value) in over.as_object().unwrap() {
                if !value.is_object() {
                    prop_assert_eq!(&result[key], value);
                }
            }
            for (key, value) in base.as_object().unwrap() {
                if over.get(key).is_none() {
                    prop_assert_eq!(&result[key], value);
                }
            }
        }
    }
}
