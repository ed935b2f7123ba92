//! A BLAKE3 digest: of bytes, or of any serialisable value in its canonical form. Beside it an MD5 one,
//! which others publish.
//!
//! Knows nothing of files or of what is hashed.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

mod md5;
mod untold;

pub use md5::Md5;
pub use md5::ParseMd5Error;
pub(crate) use untold::is_default;

/// A 256-bit BLAKE3 digest; shown, parsed and serialised as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no BLAKE3 digest: 64 hexadecimal digits expected")]
pub struct ParseError(String);

impl Digest {
    /// Returns the digest of a byte string.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the digest of a value's canonical JSON: map keys sorted, no blanks.
    ///
    /// The value goes through `serde_json::Value`, whose maps are ordered by key, so the order of
    /// struct fields never matters.
    pub fn of_value<T: Serialize>(value: &T) -> Self {
        Self::of_bytes(canonical(value).as_bytes())
    }

    /// Returns the digest of a list's canonical JSON, without having more than one item of it in memory as
    /// such.
    pub fn of_items<T: Serialize>(items: impl Iterator<Item = T>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"[");
        for (place, item) in items.enumerate() {
            hasher.update(if place == 0 { b"" } else { b"," });
            hasher.update(canonical(&item).as_bytes());
        }
        hasher.update(b"]");
        hasher.finalize().into()
    }

    /// Returns the digest of byte strings, one after the other.
    pub fn of_parts(parts: impl Iterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        parts.for_each(|part| {
            hasher.update(part.as_ref());
        });
        hasher.finalize().into()
    }

    /// Returns the first 12 hexadecimal digits, enough for people to tell digests apart.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Returns a value's canonical JSON text: map keys sorted, no blanks.
pub fn canonical<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("hashed values have string keys and no NaN");
    value.to_string()
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| ParseError(text.to_owned()))?;
        Ok(hash.into())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

/// Reads a digest from a text where that lies, without a copy.
struct Digits;

impl serde::de::Visitor<'_> for Digits {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("64 hexadecimal digits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::prop_assume;
    use proptest::proptest;

    use super::Digest;
    use super::canonical;

    #[test]
    fn the_order_of_keys_does_not_change_a_digest() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"a": 1, "b": {"d": 1, "c": 2}}"#).unwrap();
        let two: serde_json::Value =
            serde_json::from_str(r#"{"b": {"c": 2, "d": 1}, "a": 1}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":1,"b":{"c":2,"d":1}}"#);
        assert_eq!(Digest::of_value(&one), Digest::of_value(&two));
    }

    proptest! {
        #[test]
        fn a_number_that_was_written_and_read_has_the_same_digest(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            let value = serde_json::json!({"rate": number});
            let text = serde_json::to_string_pretty(&value).unwrap();
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Digest::of_value(&read), Digest::of_value(&value));
        }
    }

    proptest! {
        #[test]
        fn a_list_piece_by_piece_has_the_digest_of_the_whole(
            items in proptest::collection::vec((".{0,4}", any::<u64>()), 0..5),
        ) {
            prop_assert_eq!(Digest::of_items(items.iter()), Digest::of_value(&items));
            let whole: Vec<u8> = items.iter().flat_map(|(text, _)| text.bytes()).collect();
            let parts = items.iter().map(|(text, _)| text);
            prop_assert_eq!(Digest::of_parts(parts), Digest::of_bytes(&whole));
        }
    }

    #[test]
    fn a_digest_survives_text() {
        let digest = Digest::of_bytes(b"retina");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
    }

    #[test]
    fn the_empty_input_has_the_published_digest() {
        let published = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of_bytes(b"").to_string(), published);
    }
}
