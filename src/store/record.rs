//! A record: what a task made, from what, when and where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Path inside the artifact, parts joined by `/`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the content.
    pub digest: Digest,
}

/// The artifact that left at one port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Digest of the artifact: of the sorted list of its files.
    pub digest: Digest,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
    /// The files, sorted by path; here too, so that a hit reads one file and not one for each port.
    pub blobs: Vec<Blob>,
}

/// What a task made. Its presence in the cache means that everything it names was stored before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Format of this struct.
    pub format: u32,
    /// Everything that decided the outputs; its digest is the record's name.
    pub key: Value,
    /// Digest of the recipe that led here first.
    pub recipe: Option<Digest>,
    /// Output port -> artifact.
    pub outputs: BTreeMap<String, Output>,
    /// Seconds that the task took.
    pub seconds: f64,
    /// Device that it ran on; absent for work inside the engine.
    pub device: Option<String>,
    /// Threads that it kept busy; absent where an older program did not say.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Name of the machine, where known.
    pub machine: Option<String>,
    /// When it ended, seconds since 1970 (UTC).
    pub finished: u64,
    /// Its log; absent where nothing was said.
    pub log: Option<PathBuf>,
}

impl Output {
    /// Returns the artifact that consists of the given files.
    pub(super) fn of(mut blobs: Vec<Blob>, summary: Value) -> Self {
        blobs.sort_by(|a, b| a.path.cmp(&b.path));
        let digest = Digest::of_value(&blobs);
        Self { digest, bytes: blobs.iter().map(|blob| blob.size).sum(), summary, blobs }
    }
}

impl Record {
    /// Returns the digest under which the record is kept.
    pub fn key_digest(&self) -> Digest {
        Digest::of_value(&self.key)
    }

    /// Returns the kind of stage that the key names.
    pub fn kind(&self) -> &str {
        self.key.get("kind").and_then(Value::as_str).unwrap_or("unknown")
    }

    /// Returns every file of every output.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.outputs.values().flat_map(|output| &output.blobs)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Blob;
    use super::Digest;
    use super::Output;

    fn blob(path: &str, content: &str) -> Blob {
        let digest = Digest::of_bytes(content.as_bytes());
        Blob { path: path.to_owned(), size: content.len() as u64, digest }
    }

    #[test]
    fn an_artifact_is_its_names_and_contents_and_nothing_else() {
        let of = |blobs| Output::of(blobs, Value::Null).digest;
        let one = of(vec![blob("a", "1"), blob("b", "2")]);
        assert_eq!(one, of(vec![blob("b", "2"), blob("a", "1")]));
        assert_ne!(one, of(vec![blob("a", "2"), blob("b", "1")]));
        assert_ne!(one, of(vec![blob("a", "1"), blob("c", "2")]));
        assert_ne!(one, of(vec![blob("a", "1")]));
        assert_eq!(one, Output::of(vec![blob("a", "1"), blob("b", "2")], 5.into()).digest);
    }
}
