//! Verification: hashes everything again, says what is damaged, missing or left over, and repairs.

use std::collections::BTreeSet;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Store;
use crate::store::lock::Lock;
use crate::store::objects;

/// Stands for the list of an artifact's files where that is what is missing.
const LIST: &str = "list of files";

/// A file that a record names and that is not there, or not of its size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// Key of the record.
    pub key: Digest,
    /// Kind of stage.
    pub kind: String,
    /// Output port.
    pub port: String,
    /// Path inside the artifact; `list of files` where that list is missing.
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

/// What a repair removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Removed {
    /// Damaged files.
    pub files: usize,
    /// Records of what is no longer whole.
    pub records: usize,
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
        let mut found = files::walk(&self.layout.objects())?;
        found.retain(|found| objects::digest_of_name(&found.name).is_some());
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

    /// Removes the damaged files that a verification found, and the records of what is not whole, so
    /// that it is computed again where it is needed.
    pub fn repair(&self, verdict: &Verdict) -> Result<Removed, Error> {
        let mut removed = Removed { files: verdict.damaged.len(), records: 0 };
        for name in &verdict.damaged {
            files::remove_file(&self.folder().join(name))?;
        }
        for (key, path) in self.record_files()? {
            if self.find(key).is_some() {
                continue;
            }
            // Whoever holds the lock is computing it again, or has just done so.
            if let Some(lock) = Lock::try_take(self, key)? {
                if self.find(key).is_none() {
                    files::remove_file(&path)?;
                    removed.records += 1;
                }
                drop(lock);
            }
        }
        Ok(removed)
    }

    /// Returns what the records name, and notes what of it is missing.
    fn check_records(&self, verdict: &mut Verdict) -> Result<BTreeSet<Digest>, Error> {
        let mut named = BTreeSet::new();
        for record in self.records()? {
            for (port, output) in &record.outputs {
                named.insert(output.digest);
                named.extend(output.blobs.iter().map(|blob| blob.digest));
                let list = (!objects::is_listed(&self.layout, output)).then_some(LIST);
                let lost =
                    output.blobs.iter().filter(|blob| !objects::is_whole(&self.layout, blob));
                let paths = list.into_iter().chain(lost.map(|blob| blob.path.as_str()));
                verdict.missing.extend(paths.map(|path| Missing {
                    key: record.key_digest(),
                    kind: record.kind().to_owned(),
                    port: port.clone(),
                    path: path.to_owned(),
                }));
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
    use crate::store::Removed;
    use crate::store::Store;

    /// Publishes one artifact with the files `a` and `b`.
    fn publish(store: &Store) -> Record {
        let key = json!({"kind": "toy"});
        let Some(Found::Miss(lease)) = store.lookup(Digest::of_value(&key)).unwrap() else {
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

        assert_eq!(store.repair(&verdict).unwrap(), Removed { files: 1, records: 1 });
        assert!(!paths["a"].exists());
        assert!(store.verify().unwrap().is_sound());
        assert_eq!(store.repair(&verdict).unwrap().records, 0);
        publish(&store);
        assert!(store.verify().unwrap().is_sound());
    }

    #[test]
    fn an_artifact_that_lost_its_list_is_a_miss_and_can_be_published_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = publish(&store);
        let artifact = record.outputs["value"].digest;
        files::remove_file(&store.layout.object(artifact)).unwrap();
        assert_eq!(store.find(record.key_digest()), None);
        let verdict = store.verify().unwrap();
        let missing: Vec<&str> = verdict.missing.iter().map(|lost| lost.path.as_str()).collect();
        assert_eq!(missing, ["list of files"]);
        publish(&store);
        assert!(store.find(record.key_digest()).is_some());
        assert_eq!(store.tree(artifact).unwrap().len(), 2);
        assert!(store.verify().unwrap().is_sound());
    }

    #[test]
    fn a_record_under_the_name_of_another_key_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = publish(&store);
        let other = Digest::of_bytes(b"other");
        let text = files::read(&store.layout.record(record.key_digest())).unwrap();
        files::write(&store.layout.record(other), &text).unwrap();
        assert_eq!(store.find(other), None);
        let verdict = store.verify().unwrap();
        assert_eq!(store.repair(&verdict).unwrap(), Removed { files: 0, records: 1 });
        assert!(store.find(record.key_digest()).is_some());
    }

    #[test]
    fn what_a_killed_process_was_writing_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store);
        for name in ["objects/1b/.scratch-123-4", "records/.scratch-123-5"] {
            files::write_scratch(&folder.path().join(name), b"half").unwrap();
        }
        let verdict = store.verify().unwrap();
        assert!(verdict.is_sound() && verdict.orphaned.is_empty(), "{verdict:?}");
        assert_eq!((verdict.objects, store.statistics().unwrap().objects), (3, 3));
        assert_eq!(store.records().unwrap().len(), 1);
    }
}
