//! Verification: hashes everything again, says what is damaged, missing or left over, and repairs.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::files::plain::Entry;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::Record;
use crate::store::Store;
use crate::store::cache::named_by_digests;
use crate::store::checkpoints;
use crate::store::lock::Lock;
use crate::store::objects;
use crate::store::sweep;

/// Stands for the list of an artifact's files where that is what is missing.
const LIST: &str = "list of files";

/// Longest reason that is told, letters.
const LONGEST_REASON: usize = 300;

/// Something in the cache that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damaged {
    /// Path below the cache's folder.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

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
    /// Files, records, recipes and checkpoints that are not what their names say.
    pub damaged: Vec<Damaged>,
    /// Files that records name and that are not there.
    pub missing: Vec<Missing>,
    /// Paths of files that no record names: harmless, left by a run that was cut off, or not the cache's.
    pub orphaned: Vec<String>,
}

/// What a repair removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Removed {
    /// Damaged files, recipes and checkpoints.
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
        self.check_recipes(&mut verdict)?;
        if self.layout.objects().exists() {
            self.check_objects(&named, &mut verdict)?;
        }
        self.check_downloads(&mut verdict)?;
        let damaged = checkpoints::damaged(&self.layout)?;
        verdict.damaged.extend(damaged.into_iter().map(|(path, why)| Damaged::new(path, &why)));
        verdict.damaged.sort();
        Ok(verdict)
    }

    /// Removes the damaged files that a verification found, and the records of what is not whole, so
    /// that it is computed again where it is needed.
    pub fn repair(&self, verdict: &Verdict) -> Result<Removed, Error> {
        sweep::sweep_strangers(&self.layout)?; // locks are taken below
        let mut removed = Removed::default();
        for damaged in verdict.damaged.iter().filter(|damaged| !is_record(&damaged.path)) {
            files::remove(&self.folder().join(&damaged.path))?;
            removed.files += 1;
        }
        for (key, path) in self.record_files()? {
            if self.find(key).is_some() {
                continue;
            }
            // Whoever holds the lock is computing it again, or has just done so.
            if let Some(lock) = Lock::try_take(self, key)? {
                if self.find(key).is_none() {
                    files::remove(&path)?;
                    removed.records += 1;
                }
                drop(lock);
            }
        }
        Ok(removed)
    }

    /// Returns what the records name, and notes those that cannot be trusted and what of the others is
    /// missing.
    fn check_records(&self, verdict: &mut Verdict) -> Result<BTreeSet<Digest>, Error> {
        let mut named = BTreeSet::new();
        for (key, path) in self.record_files()? {
            match self.read_record(key) {
                Ok(record) => {
                    for output in record.outputs.values() {
                        named.insert(output.digest);
                        named.extend(output.blobs.iter().map(|blob| blob.digest));
                    }
                    let missing = self.missing(key, &record);
                    // A record goes before its files where it is collected meanwhile.
                    if missing.is_empty() || plain::look(&path).is_some() {
                        verdict.missing.extend(missing);
                    }
                }
                Err(_) if plain::look(&path).is_none() => {} // collected meanwhile
                Err(why) => verdict.damaged.push(Damaged::below("records", &path, &why)),
            }
        }
        verdict.missing.sort();
        Ok(named)
    }

    /// Returns what a record names and is not there.
    fn missing(&self, key: Digest, record: &Record) -> Vec<Missing> {
        let mut missing = Vec::new();
        for (port, output) in &record.outputs {
            let list = (!objects::is_listed(&self.layout, output)).then_some(LIST);
            let lost = output.blobs.iter().filter(|blob| !objects::is_whole(&self.layout, blob));
            let paths = list.into_iter().chain(lost.map(|blob| &*blob.path));
            missing.extend(paths.map(|path| Missing {
                key,
                kind: record.kind().to_owned(),
                port: port.clone(),
                path: path.to_owned(),
            }));
        }
        missing
    }

    /// Notes recipes that lead nowhere because they cannot be read.
    fn check_recipes(&self, verdict: &mut Verdict) -> Result<(), Error> {
        for (recipe, path) in named_by_digests(&self.layout.recipes())? {
            if let Err(why) = self.read_recipe(recipe)
                && plain::look(&path).is_some()
            {
                verdict.damaged.push(Damaged::below("recipes", &path, &why));
            }
        }
        Ok(())
    }

    /// Hashes all objects: small ones side by side, each on one core, large ones one after the other,
    /// each on all cores, so that neither waits for the other.
    fn check_objects(&self, named: &BTreeSet<Digest>, verdict: &mut Verdict) -> Result<(), Error> {
        let found = plain::walk(&self.layout.objects())?;
        let is_ours = |found: &Entry| objects::digest_of_name(&found.name).is_some();
        let (found, others): (Vec<Entry>, Vec<Entry>) = found.into_iter().partition(is_ours);
        let is_scratch =
            |name: &str| name.rsplit('/').next().is_some_and(|last| last.starts_with('.'));
        let others = others.into_iter().filter(|other| !is_scratch(&other.name));
        verdict.orphaned.extend(others.map(|other| format!("objects/{}", other.name)));
        let (files, strangers): (Vec<Entry>, Vec<Entry>) =
            found.into_iter().partition(|found| found.sort == Sort::File);
        let stranger = |found: &Entry| (found.name.clone(), format!("it is {}", found.sort));
        let mut bad: Vec<(String, String)> = strangers.iter().map(stranger).collect();
        let (large, small): (Vec<Entry>, Vec<Entry>) =
            files.into_iter().partition(|found| found.size >= plain::LARGE);
        let hashed = |found: &Entry| (plain::digest(&found.path), found.name.clone(), found.size);
        let mut all: Vec<_> = small.par_iter().map(hashed).collect();
        all.extend(large.iter().map(hashed));
        for (digest, name, size) in all {
            match digest {
                Err(error) if error.is_missing() => continue, // gone meanwhile
                Err(error) => bad.push((name, error.source.to_string())),
                Ok(digest) if objects::digest_of_name(&name) != Some(digest) => {
                    bad.push((name, "its content is not that of its name".to_owned()));
                }
                Ok(digest) if !named.contains(&digest) => {
                    verdict.orphaned.push(format!("objects/{name}"));
                }
                Ok(_) => {}
            }
            verdict.objects += 1;
            verdict.bytes = verdict.bytes.saturating_add(size);
        }
        verdict.orphaned.sort();
        let bad = bad.into_iter().map(|(name, why)| Damaged::new(format!("objects/{name}"), &why));
        verdict.damaged.extend(bad);
        Ok(())
    }
}

impl Damaged {
    /// Notes what is wrong with something. Reasons quote what was found there: not all of it, and no
    /// control characters.
    pub(super) fn new(path: String, why: &str) -> Self {
        let why = why
            .chars()
            .take(LONGEST_REASON)
            .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
        Self { path, why: why.collect() }
    }

    fn below(folder: &str, path: &Path, why: &str) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(format!("{folder}/{name}"), why)
    }
}

fn is_record(path: &str) -> bool {
    path.starts_with("records/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::digest::Digest;
    use crate::files;
    use crate::store::Facts;
    use crate::store::Found;
    use crate::store::Key;
    use crate::store::Made;
    use crate::store::Record;
    use crate::store::Removed;
    use crate::store::Store;

    /// Publishes one artifact with the files `a` and `b`.
    fn publish(store: &Store) -> Record {
        let key = Key::of(&json!({"kind": "toy"}));
        let Some(Found::Miss(lease)) = store.lookup(key.digest()).unwrap() else {
            panic!("the cache is not empty");
        };
        let folder = lease.scratch().join("value");
        files::write_scratch(&folder.join("a"), b"one").unwrap();
        files::write_scratch(&folder.join("b"), b"two").unwrap();
        let made = Made { folder, summary: json!({}) };
        lease.publish(&BTreeMap::from([("value".to_owned(), made)]), Facts::of(key)).unwrap()
    }

    #[test]
    fn damage_loss_and_leftovers_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = publish(&store);
        let sound = store.verify().unwrap();
        assert!(sound.is_sound() && sound.orphaned.is_empty());
        assert_eq!((sound.objects, store.statistics(0).unwrap().objects), (3, 3));
        assert_eq!(store.statistics(0).unwrap().kinds["toy"].bytes, 6);

        let paths = store.files(record.output("value").unwrap());
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
        let artifact = record.output("value").unwrap().digest;
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
        assert_eq!(verdict.damaged.len(), 1);
        assert_eq!(verdict.damaged[0].why, "it is the record of another key");
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
        assert_eq!((verdict.objects, store.statistics(0).unwrap().objects), (3, 3));
        assert_eq!(store.records().unwrap().len(), 1);
    }
}
