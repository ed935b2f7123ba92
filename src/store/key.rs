//! A key: everything that decided what a task made, as a canonical text. Knows no field but the kind.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::digest::Digest;
use crate::digest::canonical;

/// What decided the outputs of a task; JSON in records. Held as text: a run may hold thousands, and as
/// trees of maps each would take some kilobytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Box<str>);

/// The one field that everybody may ask for.
#[derive(Deserialize)]
struct Kind<'a> {
    kind: &'a str,
}

impl Key {
    /// Returns the key that a value is.
    pub fn of<T: Serialize>(value: &T) -> Self {
        Self(canonical(value).into())
    }

    /// Returns the digest that names the record of the key.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.0.as_bytes())
    }

    /// Returns the key as a type of the caller's; nothing where it has another layout.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }

    /// Returns the kind of stage that the key names; `unknown` where that is no name of a kind.
    pub fn kind(&self) -> &str {
        kind_of(serde_json::from_str(&self.0).ok().map(|Kind { kind }| kind))
    }
}

/// Returns the name of a kind; `unknown` for what is none.
pub(super) fn kind_of(name: Option<&str>) -> &str {
    let is_name = |kind: &&str| {
        kind.len() < 100 && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    name.filter(is_name).unwrap_or("unknown")
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).expect("a key is JSON");
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer)?.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Digest;
    use super::Key;

    #[test]
    fn a_key_is_the_same_however_it_was_written() {
        let value =
            json!({"kind": "split", "params": {"b": 1.5, "a": [null, "\u{e9}"]}, "inputs": {}});
        let key = Key::of(&value);
        let text = serde_json::to_string_pretty(&key).unwrap();
        assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
        assert_eq!(key.digest(), Digest::of_value(&value));
        assert_eq!(key.read::<serde_json::Value>().unwrap(), value);
        assert_eq!(key.read::<Vec<u8>>(), None);
    }

    #[test]
    fn what_is_no_name_of_a_kind_is_unknown() {
        let kind = |value: serde_json::Value| Key::of(&value).kind().to_owned();
        assert_eq!(kind(json!({"kind": "split", "more": 1})), "split");
        for odd in [json!({"kind": "sp\u{1b}lit"}), json!({"kind": 3}), json!({}), json!([])] {
            assert_eq!(kind(odd), "unknown");
        }
    }
}
