//! A port's name: held in place, so that it is copied as easily as a number, whether a kind or a
//! manifest declares the port.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;

/// Longest name, bytes.
const LONGEST: usize = 31;

/// A port's name: 1 to 31 bytes. Names are ordered as their texts are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortName {
    /// Zeros after the name: no name has one.
    bytes: [u8; LONGEST],
    length: u8,
}

impl PortName {
    /// Returns the name that a kind gives a port; to be called where programs are compiled.
    pub const fn new(text: &str) -> Self {
        assert!(!text.is_empty() && text.len() <= LONGEST, "a port's name has 1 to 31 bytes");
        let mut bytes = [0; LONGEST];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        Self { bytes, length: text.len() as u8 }
    }

    /// Returns the name that a manifest gives a port: lower-case letters, digits, `-` and `_` after a
    /// letter. Nothing where a text is none.
    pub fn declared(text: &str) -> Option<Self> {
        let starts = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let fits =
            text.len() <= LONGEST && text.chars().all(|one| plain(one) || "-_".contains(one));
        (starts && fits).then(|| Self::new(text))
    }
}

impl Deref for PortName {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("it was made of a text")
    }
}

impl Borrow<str> for PortName {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for PortName {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for PortName {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for PortName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::PortName;

    proptest! {
        #[test]
        fn names_are_ordered_as_their_texts(one in "[a-z][a-z0-9_-]{0,30}", two in "[a-z][a-z0-9_-]{0,30}") {
            let (first, second) = (PortName::declared(&one).unwrap(), PortName::new(&two));
            prop_assert_eq!(first.cmp(&second), one.cmp(&two));
            prop_assert_eq!(&*first, one);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for text in ["", "-a", "a/b", "..", "a.b", "A", "a b", "é", &"a".repeat(32)] {
            assert_eq!(PortName::declared(text), None, "{text}");
        }
    }
}
