//! A record: what a task made, from what, when and where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use litemap::LiteMap;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error as _;
use serde_json::Value;

use crate::digest::Digest;
use crate::store::Blob;
use crate::store::Key;
use crate::store::Listing;
use crate::store::listing::TreePath;

/// Longest record, and longest list of an artifact's files, bytes: a hundred thousand files.
pub(super) const LONGEST: u64 = 16 << 20;

/// The artifact that left at one port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Digest of the artifact: of the sorted list of its files.
    pub digest: Digest,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
    /// The files; here too, so that a hit reads one file and not one for each port.
    pub blobs: Listing,
}

/// What a task made. Its presence in the cache means that everything it names was stored before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Format of this struct.
    pub format: u32,
    /// Everything that decided the outputs; its digest is the record's name.
    pub key: Key,
    /// Digest of the recipe that led here first.
    pub recipe: Option<Digest>,
    /// Output port -> artifact.
    #[serde(deserialize_with = "checked")]
    pub outputs: LiteMap<String, Output>,
    /// Seconds that the task took.
    pub seconds: f64,
    /// Device that it ran on; absent for work inside the engine.
    pub device: Option<String>,
    /// Threads that it kept busy; absent where an older program did not say.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Most memory that it took, bytes: the GPU's where it ran on one; absent where nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Name of the machine, where known.
    pub machine: Option<String>,
    /// When it ended, seconds since 1970 (UTC).
    pub finished: u64,
    /// Its log; absent where nothing was said. For people: whoever wrote the record chose the path, so
    /// nothing opens it.
    pub log: Option<PathBuf>,
}

/// Reads outputs whose ports are plain names, so that they can name folders, and whose sizes are the
/// sums of their files'.
fn checked<'de, D: Deserializer<'de>>(input: D) -> Result<LiteMap<String, Output>, D::Error> {
    let outputs = BTreeMap::<TreePath, Output>::deserialize(input)?;
    for (port, output) in &outputs {
        if !port.is_name() {
            return Err(D::Error::custom(format!("the port `{port}` is no name")));
        }
        if output.bytes != output.blobs.bytes() {
            return Err(D::Error::custom(format!("the size of `{port}` is not that of its files")));
        }
    }
    Ok(outputs.into_iter().map(|(port, output)| (port.into(), output)).collect())
}

impl Output {
    /// Returns the artifact that consists of the given files.
    pub(super) fn of(blobs: Listing, summary: Value) -> Self {
        Self { digest: blobs.digest(), bytes: blobs.bytes(), summary, blobs }
    }
}

impl Record {
    /// Returns the digest under which the record is kept.
    pub fn key_digest(&self) -> Digest {
        self.key.digest()
    }

    /// Returns the kind of stage that the key names; `unknown` where that is no name of a kind.
    pub fn kind(&self) -> &str {
        self.key.kind()
    }

    /// Returns the artifact that left at a port.
    pub fn output(&self, port: &str) -> Option<&Output> {
        self.outputs.get(port)
    }

    /// Returns the size of all outputs, bytes.
    pub fn bytes(&self) -> u64 {
        self.outputs.values().fold(0, |sum: u64, output| sum.saturating_add(output.bytes))
    }

    /// Returns every file of every output.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.outputs.values().flat_map(|output| output.blobs.iter())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Blob;
    use super::Digest;
    use super::Listing;
    use super::Output;
    use super::Record;

    fn blob(path: &str, content: &str) -> Blob {
        let digest = Digest::of_bytes(content.as_bytes());
        Blob { path: path.to_owned().try_into().unwrap(), size: content.len() as u64, digest }
    }

    #[test]
    fn an_artifact_is_its_names_and_contents_and_nothing_else() {
        let of = |blobs| Output::of(Listing::of(blobs).unwrap(), Value::Null).digest;
        let one = of(vec![blob("a", "1"), blob("b", "2")]);
        assert_eq!(one, of(vec![blob("b", "2"), blob("a", "1")]));
        assert_ne!(one, of(vec![blob("a", "2"), blob("b", "1")]));
        assert_ne!(one, of(vec![blob("a", "1"), blob("c", "2")]));
        assert_ne!(one, of(vec![blob("a", "1")]));
        let same = Listing::of(vec![blob("a", "1"), blob("b", "2")]).unwrap();
        assert_eq!(one, Output::of(same, 5.into()).digest);
    }

    #[test]
    fn what_a_record_claims_is_checked_as_it_is_read() {
        let read = |port: &str, bytes: u64, kind: &str| {
            let output = json!({
                "digest": Digest::of_bytes(b""), "bytes": bytes, "summary": {},
                "blobs": [blob("a", "1")],
            });
            let record = json!({
                "format": 1, "key": {"kind": kind}, "outputs": {port: output}, "seconds": 1.0,
                "finished": 0,
            });
            serde_json::from_value::<Record>(record).map_err(|error| error.to_string())
        };
        assert_eq!(read("train", 1, "split").unwrap().kind(), "split");
        assert_eq!(read("train", 1, "split\u{1b}[2J").unwrap().kind(), "unknown");
        insta::assert_snapshot!(read("../train", 1, "split").unwrap_err(), @r#"the path "../train" leads out of its folder"#);
        insta::assert_snapshot!(read("a/b", 1, "split").unwrap_err(), @"the port `a/b` is no name");
        insta::assert_snapshot!(read("train", 2, "split").unwrap_err(), @"the size of `train` is not that of its files");
    }
}
