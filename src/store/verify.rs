//! Verification: hashes everything again and says what is damaged, missing or left over.

use std::collections::BTreeSet;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Store;
use crate::store::objects;

/// A file that a record names and that is not there, or not of its size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// Key of the record.
    pub key: Digest,
    /// Kind of stage.
    pub kind: String,
    /// Output port.
    pub port: String,
    /// Path inside the artifact.
    pub path: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verdict {
    /// Files that were hashed.
    pub objects: usize,
    /// Their size, bytes.
    pub bytes: u64,
    /// Paths of files whose content is not what their name says.
    pub damaged: Vec<String>,
    /// Files that records name and that are not there.
    pub missing: Vec<Missing>,
    /// Paths of whole files that no record names: harmless, left by a run that was cut off.
    pub orphaned: Vec<String>,
}

impl Verdict {
    /// Returns whether every record is whole.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

impl Store {
    /// Hashes every stored file again, on all cores.
    pub fn verify(&self) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        let named = self.check_records(&mut verdict)?;
        if !self.layout.objects().exists() {
            return Ok(verdict);
        }
        let found = files::walk(&self.layout.objects())?;
        let digests: Vec<Digest> =
            found.par_iter().map(|found| files::digest(&found.path)).collect::<Result<_, _>>()?;
        for (found, digest) in found.iter().zip(digests) {
            verdict.objects += 1;
            verdict.bytes += found.size;
            if objects::digest_of_name(&found.name) != Some(digest) {
                verdict.damaged.push(format!("objects/{}", found.name));
            } else if !named.contains(&digest) {
                verdict.orphaned.push(format!("objects/{}", found.name));
            }
        }
        Ok(verdict)
    }

    /// Removes the damaged files that a verification found, so that what needs them runs again.
    pub fn remove_damaged(&self, verdict: &Verdict) -> Result<(), Error> {
        let paths = verdict.damaged.iter().map(|name| self.folder().join(name));
        Ok(paths.into_iter().try_for_each(|path| files::remove_file(&path))?)
    }

    /// Returns what the records name, and notes what of it is missing.
    fn check_records(&self, verdict: &mut Verdict) -> Result<BTreeSet<Digest>, Error> {
        let mut named = BTreeSet::new();
        for record in self.records()? {
            for (port, output) in &record.outputs {
                named.insert(output.digest);
                for blob in &output.blobs {
                    named.insert(blob.digest);
                    if !objects::is_whole(&self.layout, blob) {
                        verdict.missing.push(Missing {
                            key: record.key_digest(),
                            kind: record.kind().to_owned(),
                            port: port.clone(),
                            path: blob.path.clone(),
                        });
                    }
                }
            }
        }
        verdict.missing.sort();
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::digest::Digest;
    use crate::files;
    use crate::store::Facts;
    use crate::store::Found;
    use crate::store::Made;
    use crate::store::Record;
    use crate::store::Store;

    /// Publishes one artifact with the files `a` and `b`.
    fn publish(store: &Store) -> Record {
        let key = json!({"kind": "toy"});
        let Found::Miss(lease) = store.lookup(Digest::of_value(&key)).unwrap() else {
            panic!("the cache is not empty");
        };
        let folder = lease.scratch().join("value");
        files::write_scratch(&folder.join("a"), b"one").unwrap();
        files::write_scratch(&folder.join("b"), b"two").unwrap();
        let made = Made { folder, summary: json!({}) };
        let (recipe, device, threads, machine, log) = (None, None, None, None, None);
        let facts = Facts { key, recipe, seconds: 0.0, device, threads, machine, finished: 0, log };
        lease.publish(&BTreeMap::from([("value".to_owned(), made)]), facts).unwrap()
    }

    #[test]
    fn damage_loss_and_leftovers_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = publish(&store);
        let sound = store.verify().unwrap();
        assert!(sound.is_sound() && sound.orphaned.is_empty());
        assert_eq!((sound.objects, store.statistics().unwrap().objects), (3, 3));
        assert_eq!(store.statistics().unwrap().kinds["toy"].bytes, 6);

        let paths = store.files(&record.outputs["value"]);
        files::write(&paths["a"], b"One").unwrap();
        files::remove_file(&paths["b"]).unwrap();
        let stray = store.layout.object(Digest::of_bytes(b"stray"));
        files::write(&stray, b"stray").unwrap();
        let verdict = store.verify().unwrap();
        assert_eq!(verdict.damaged.len(), 1);
        assert_eq!(verdict.missing.len(), 1);
        assert_eq!(
            (verdict.missing[0].port.as_str(), verdict.missing[0].path.as_str()),
            ("value", "b")
        );
        assert_eq!(verdict.orphaned.len(), 1);
        assert!(!verdict.is_sound());

        store.remove_damaged(&verdict).unwrap();
        assert!(!paths["a"].exists());
        publish(&store);
        assert!(store.verify().unwrap().is_sound());
    }
}
