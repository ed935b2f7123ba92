//! A listing: the files of an artifact by their paths, which lead nowhere but into the artifact.
//!
//! Whatever is read from a cache was perhaps written by somebody else, so none can be made, and none
//! is read, but through the checks here.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::digest::canonical;

/// Longest path, bytes.
const LONGEST_PATH: usize = 1024;
/// Longest part of a path between two `/`, bytes: what file systems take.
const LONGEST_PART: usize = 255;

/// A path inside an artifact: parts joined by `/`, none of them `..`, `.` or empty, without
/// backslashes and control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(String);

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Digest of the content.
    pub digest: Digest,
    /// Path inside the artifact.
    pub path: TreePath,
    /// Size in bytes.
    pub size: u64,
}

/// The files of an artifact, sorted by path; each path is there once and is no folder of another,
/// and all sizes together fit into 64 bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Blob>")]
pub struct Listing(Vec<Blob>);

/// Why a text is no path inside an artifact, or files are no listing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl TreePath {
    /// Returns whether this is one name, without any `/`.
    pub(super) fn is_name(&self) -> bool {
        !self.0.contains('/')
    }

    /// Returns the folders that the path goes through.
    fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl TryFrom<String> for TreePath {
    type Error = Refused;

    fn try_from(text: String) -> Result<Self, Refused> {
        let refused = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Err(Refused(format!("the path {shown:?} {why}")))
        };
        if text.len() > LONGEST_PATH {
            return refused("is longer than 1,024 bytes");
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return refused("has a backslash or a control character");
        }
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return refused("is no text");
        }
        for part in text.split('/') {
            match part {
                "" => return refused("is absolute or has an empty part"),
                "." | ".." => return refused("leads out of its folder"),
                _ if part.len() > LONGEST_PART => {
                    return refused("has a part of more than 255 bytes");
                }
                _ => {}
            }
        }
        Ok(Self(text))
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> Self {
        path.0
    }
}

impl Deref for TreePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Listing {
    /// Sorts files into a listing.
    pub(super) fn of(mut blobs: Vec<Blob>) -> Result<Self, Refused> {
        blobs.sort_by(|a, b| a.path.cmp(&b.path));
        Self::try_from(blobs)
    }

    /// Returns the canonical text, whose digest names the artifact.
    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string(self).expect("a listing has string keys");
        debug_assert_eq!(text, canonical(self), "fields are sorted");
        text
    }

    /// Returns the digest of the artifact that consists of these files.
    pub(super) fn digest(&self) -> Digest {
        Digest::of_bytes(self.text().as_bytes())
    }

    /// Returns the size of all files, bytes.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|blob| blob.size).sum()
    }
}

impl TryFrom<Vec<Blob>> for Listing {
    type Error = Refused;

    fn try_from(blobs: Vec<Blob>) -> Result<Self, Refused> {
        if let Some(pair) = blobs.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(Refused(format!("the path {:?} is not in its order", &*pair[1].path)));
        }
        let is_file = |path: &str| blobs.binary_search_by(|blob| (*blob.path).cmp(path)).is_ok();
        if let Some(blob) = blobs.iter().find(|blob| blob.path.folders().any(is_file)) {
            return Err(Refused(format!("the path {:?} goes through a file", &*blob.path)));
        }
        let bytes = blobs.iter().try_fold(0_u64, |sum, blob| sum.checked_add(blob.size));
        if bytes.is_none() {
            return Err(Refused("the sizes come to more than any disk holds".to_owned()));
        }
        Ok(Self(blobs))
    }
}

impl Deref for Listing {
    type Target = [Blob];

    fn deref(&self) -> &[Blob] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::path::Component;
    use std::path::Path;

    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;
    use serde_json::json;

    use super::Digest;
    use super::Listing;
    use super::TreePath;

    fn path(text: &str) -> Result<String, String> {
        let read = serde_json::from_value::<TreePath>(json!(text));
        read.map(String::from).map_err(|error| error.to_string())
    }

    fn listing(files: &[(&str, u64)]) -> Result<Listing, String> {
        let digest = Digest::of_bytes(b"");
        let file = |(path, size)| json!({"path": path, "size": size, "digest": digest});
        let all: Vec<_> = files.iter().copied().map(file).collect();
        serde_json::from_value(json!(all)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_path_that_leads_out_of_its_artifact_is_refused() {
        for fine in ["a", "images-0000.npy", "grids/epoch-0001.png", "...", "a b/é", ".hidden"] {
            assert_eq!(path(fine).as_deref(), Ok(fine));
        }
        insta::assert_snapshot!(path("../../escape").unwrap_err(), @r#"the path "../../escape" leads out of its folder"#);
        insta::assert_snapshot!(path("a/./b").unwrap_err(), @r#"the path "a/./b" leads out of its folder"#);
        insta::assert_snapshot!(path("/etc/passwd").unwrap_err(), @r#"the path "/etc/passwd" is absolute or has an empty part"#);
        insta::assert_snapshot!(path("").unwrap_err(), @r#"the path "" is absolute or has an empty part"#);
        insta::assert_snapshot!(path("a\nb").unwrap_err(), @r#"the path "a\nb" has a backslash or a control character"#);
        insta::assert_snapshot!(path(r"..\a").unwrap_err(), @r#"the path "..\\a" has a backslash or a control character"#);
        insta::assert_snapshot!(path(&"a/".repeat(600)).unwrap_err().split(' ').skip(3).collect::<Vec<_>>().join(" "), @"is longer than 1,024 bytes");
        assert!(path(&"a".repeat(255)).is_ok() && path(&"a".repeat(256)).is_err());
    }

    #[test]
    fn a_listing_names_each_file_once_and_in_order() {
        assert_eq!(listing(&[("a", 1), ("a-b", 2), ("b/c", 3)]).unwrap().bytes(), 6);
        insta::assert_snapshot!(listing(&[("a", 1), ("a", 1)]).unwrap_err(), @r#"the path "a" is not in its order"#);
        insta::assert_snapshot!(listing(&[("b", 1), ("a", 1)]).unwrap_err(), @r#"the path "a" is not in its order"#);
        insta::assert_snapshot!(listing(&[("a", 1), ("a-b", 1), ("a/b/c", 1)]).unwrap_err(), @r#"the path "a/b/c" goes through a file"#);
        insta::assert_snapshot!(listing(&[("a", 1 << 63), ("b", 1 << 63)]).unwrap_err(), @"the sizes come to more than any disk holds");
    }

    proptest! {
        #[test]
        fn what_is_taken_as_a_path_stays_below_any_folder(text in "[./a\\\\\n]{0,8}") {
            if let Ok(path) = TreePath::try_from(text.clone()) {
                let joined = Path::new("/cache").join(&*path);
                let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
                prop_assert!(joined.starts_with("/cache") && joined.components().all(is_plain));
                prop_assert_eq!(joined.to_str(), Some(&*format!("/cache/{text}")));
            }
        }
    }
}
