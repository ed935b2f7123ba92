//! An address: where a file may be fetched, checked before anything is asked for.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// Longest address, bytes.
const LONGEST: usize = 2048;

/// An `http` or `https` address without user, password or fragment; printable ASCII throughout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

/// A text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("an address begins with `https://` or `http://`, followed by a host")]
    Scheme,
    /// It has a blank, a control character, or one that is no ASCII.
    #[error("an address has neither blanks nor letters beyond ASCII; write `%20` for a blank")]
    Letter,
    /// It would tell everybody who reads the manifest a password.
    #[error("an address in a manifest has no user and no password")]
    Secret,
    /// It is too long.
    #[error("an address has at most {LONGEST} letters")]
    Long,
}

impl Address {
    /// Returns it as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::Long);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AddressError::Letter);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let is_known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !is_known || host.is_empty() || host.starts_with(':') {
            return Err(AddressError::Scheme);
        }
        if host.contains('@') {
            return Err(AddressError::Secret);
        }
        // What follows `#` is for browsers, and is never sent.
        let sent = text.split('#').next().unwrap_or(text);
        Ok(Self(sent.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use super::AddressError;

    #[test]
    fn only_what_a_server_can_be_asked_for_is_an_address() {
        let of = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(of("https://a.org/b?c=d#e"), Ok("https://a.org/b?c=d".to_owned()));
        assert_eq!(of("HTTP://127.0.0.1:80"), Ok("HTTP://127.0.0.1:80".to_owned()));
        for text in ["", "a.org/b", "file:///etc/passwd", "ftp://a.org/b", "https://", "http://:80"]
        {
            assert_eq!(of(text), Err(AddressError::Scheme), "{text}");
        }
        for text in ["https://a.org/b c", "https://a.org/\u{1b}[2J", "https://\u{e9}.org"] {
            assert_eq!(of(text), Err(AddressError::Letter), "{text}");
        }
        assert_eq!(of("https://me:secret@a.org/b"), Err(AddressError::Secret));
        assert!(of("https://a.org/by@name").is_ok());
        assert_eq!(of(&format!("https://a.org/{}", "x".repeat(2048))), Err(AddressError::Long));
    }
}
