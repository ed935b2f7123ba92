//! An MD5 digest: what data sets publish beside their files.
//!
//! It finds damage, and is no proof against malice: nothing is named or looked up by it.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// A 128-bit MD5 digest (RFC 1321); shown, parsed and serialised as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Md5([u8; 16]);

/// A text that is no MD5 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no MD5 digest: 32 hexadecimal digits expected")]
pub struct ParseMd5Error(String);

impl Md5 {
    /// Returns the digest of a byte string.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(::md5::compute(bytes).0)
    }
}

impl fmt::Display for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5({self})")
    }
}

impl FromStr for Md5 {
    type Err = ParseMd5Error;

    fn from_str(text: &str) -> Result<Self, ParseMd5Error> {
        let is_digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        let number = number.ok_or_else(|| ParseMd5Error(text.to_owned()))?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for Md5 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Md5 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Md5;

    #[test]
    fn the_published_test_suite_comes_out() {
        // RFC 1321, A.5.
        let suite = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ];
        for (text, digest) in suite {
            assert_eq!(Md5::of_bytes(text.as_bytes()).to_string(), digest);
            assert_eq!(digest.to_uppercase().parse(), Ok(Md5::of_bytes(text.as_bytes())));
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in ["", "d41d8cd98f00b204e9800998ecf8427", "+41d8cd98f00b204e9800998ecf8427e"] {
            assert!(text.parse::<Md5>().is_err(), "{text}");
        }
    }
}
