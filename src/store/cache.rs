//! The cache's folder, opened: finds records, hands out leases and places to write.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use crate::digest::Digest;
use crate::files;
use crate::store::Blob;
use crate::store::Error;
use crate::store::Output;
use crate::store::Record;
use crate::store::layout::FORMAT;
use crate::store::layout::Layout;
use crate::store::layout::TAG;
use crate::store::layout::digest_of_name;
use crate::store::objects;
use crate::store::pulse::Hearts;
use crate::store::sweep;

/// The cache's folder, opened. Cheap to open; creates nothing before something is to be written.
#[derive(Debug)]
pub struct Store {
    pub(super) layout: Layout,
    pub(super) hearts: Hearts,
    /// Set once the folder was made ready to be written to.
    prepared: OnceLock<()>,
    /// Objects whose content was seen to be what their names say.
    checked: Mutex<BTreeSet<Digest>>,
}

impl Store {
    /// Opens a cache, which need not exist yet.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let (prepared, checked) = (OnceLock::new(), Mutex::default());
        let hearts = Hearts::new();
        let store = Self { layout: Layout { root }, hearts, prepared, checked };
        match files::read(&store.layout.version()) {
            Ok(text) => store.check_version(&String::from_utf8_lossy(&text))?,
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(store)
    }

    /// Opens a cache that must exist.
    pub fn open_existing(folder: &Path) -> Result<Self, Error> {
        let store = Self::open(folder)?;
        if store.layout.version().exists() {
            Ok(store)
        } else {
            Err(Error::NoCache { folder: folder.to_owned() })
        }
    }

    fn check_version(&self, text: &str) -> Result<(), Error> {
        let found = text.trim();
        if found.parse::<u32>().is_ok_and(|version| version <= FORMAT) {
            return Ok(());
        }
        let folder = self.layout.root.clone();
        Err(Error::Newer { folder, found: found.to_owned(), known: FORMAT })
    }

    /// Returns the cache's folder as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.layout.root
    }

    /// Makes the folder ready to be written to, and clears away what dead processes left behind.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        if self.prepared.get().is_some() {
            return Ok(());
        }
        if self.layout.version().exists() {
            sweep::sweep(self)?; // only in a cache: the folder might be anything else
        } else {
            files::write(&self.layout.tag(), TAG.as_bytes())?;
            files::write(&self.layout.version(), format!("{FORMAT}\n").as_bytes())?;
        }
        self.prepared.get_or_init(|| ());
        Ok(())
    }

    /// Returns the record that a recipe led to, if it is there and whole.
    pub fn by_recipe(&self, recipe: Digest) -> Option<Record> {
        let bytes = files::read(&self.layout.recipe(recipe)).ok()?;
        self.find(serde_json::from_slice(&bytes).ok()?)
    }

    /// Returns the record of a key, if it is there and whole. Anything else is a miss: a record in
    /// an unknown format or of another key, or one that names a file which is gone or of the wrong
    /// size.
    pub fn find(&self, key: Digest) -> Option<Record> {
        let bytes = files::read(&self.layout.record(key)).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        let whole = record.format == FORMAT
            && record.key_digest() == key
            && record.outputs.values().all(|output| objects::is_listed(&self.layout, output))
            && record.blobs().all(|blob| objects::is_whole(&self.layout, blob));
        whole.then_some(record)
    }

    /// Notes that a recipe leads to a key.
    pub fn remember_recipe(&self, recipe: Digest, key: Digest) -> Result<(), Error> {
        self.prepare()?;
        let text = serde_json::to_vec(&key).expect("a digest is a text");
        Ok(files::write(&self.layout.recipe(recipe), &text)?)
    }

    /// Returns every record in the cache, in no meaningful order, whole or not.
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        let read = |path: &Path| serde_json::from_slice(&files::read(path).ok()?).ok();
        Ok(self.record_files()?.iter().filter_map(|(_, path)| read(path)).collect())
    }

    /// Returns the files of all records, each with the key that it is named by.
    pub(super) fn record_files(&self) -> Result<Vec<(Digest, PathBuf)>, Error> {
        let folder = self.layout.records();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let found = files::walk(&folder)?.into_iter();
        Ok(found.filter_map(|found| Some((digest_of_name(&found.path)?, found.path))).collect())
    }

    /// Returns the files of an output: path inside the artifact -> path on disk.
    pub fn files(&self, output: &Output) -> BTreeMap<String, PathBuf> {
        self.paths(&output.blobs)
    }

    /// Returns the files of an artifact: path inside the artifact -> path on disk.
    pub fn tree(&self, artifact: Digest) -> Result<BTreeMap<String, PathBuf>, Error> {
        Ok(self.paths(&self.blobs(artifact)?))
    }

    fn blobs(&self, artifact: Digest) -> Result<Vec<Blob>, Error> {
        let gone = || Error::NoArtifact { digest: artifact };
        let bytes = files::read(&self.layout.object(artifact)).map_err(|_| gone())?;
        serde_json::from_slice(&bytes).map_err(|_| gone())
    }

    /// Returns the files of an artifact after a look at every byte of them, so that nothing is made of
    /// damaged ones. What was looked at before is not looked at again.
    pub fn checked_tree(&self, artifact: Digest) -> Result<BTreeMap<String, PathBuf>, Error> {
        self.check(artifact)?;
        let blobs = self.blobs(artifact)?;
        blobs.iter().try_for_each(|blob| self.check(blob.digest))?;
        Ok(self.paths(&blobs))
    }

    fn check(&self, object: Digest) -> Result<(), Error> {
        let seen = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if seen().contains(&object) {
            return Ok(());
        }
        let path = self.layout.object(object);
        let found = match files::digest(&path) {
            Err(error) if error.is_missing() => {
                return Err(Error::NoArtifact { digest: object });
            }
            found => found?,
        };
        if found != object {
            return Err(Error::Damaged { path });
        }
        seen().insert(object);
        Ok(())
    }

    fn paths(&self, blobs: &[Blob]) -> BTreeMap<String, PathBuf> {
        blobs.iter().map(|blob| (blob.path.clone(), self.layout.object(blob.digest))).collect()
    }

    /// Returns the file to which a run's journal goes.
    pub fn journal(&self, run: &str) -> PathBuf {
        self.layout.run(run).join("events.jsonl")
    }

    /// Returns the file to which a task's log goes.
    pub fn log(&self, run: &str, label: &str) -> PathBuf {
        self.layout.log(run, label)
    }

    /// Opens the journal of a run for writing.
    pub fn open_journal(&self, run: &str) -> Result<std::fs::File, Error> {
        self.prepare()?;
        Ok(files::append(&self.journal(run))?)
    }

    /// Returns the folder for checkpoints of the trainings that this digest stands for.
    pub fn checkpoints(&self, way: Digest) -> PathBuf {
        self.layout.checkpoints().join(way.to_string())
    }

    /// Returns the names of the checkpoints in such a folder.
    pub fn checkpoint_names(&self, way: Digest) -> Result<Vec<String>, Error> {
        Ok(files::names(&self.checkpoints(way))?)
    }

    /// Removes those checkpoints of a folder whose names are told, and the folder with the last of them.
    pub fn drop_checkpoints(
        &self,
        way: Digest,
        is_told: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let folder = self.checkpoints(way);
        let (told, left): (Vec<_>, Vec<_>) =
            self.checkpoint_names(way)?.into_iter().partition(|name| is_told(name));
        for name in told {
            files::remove_folder(&folder.join(name))?;
        }
        if left.is_empty() {
            files::remove_folder(&folder)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Store;
    use super::files;
    use crate::store::Error;

    #[test]
    fn opening_and_looking_create_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        let store = Store::open(&root).unwrap();
        assert_eq!(store.find(Digest::of_bytes(b"key")), None);
        assert_eq!(store.records().unwrap(), []);
        assert_eq!(store.statistics().unwrap().objects, 0);
        assert!(store.verify().unwrap().is_sound());
        assert!(!root.exists());
        assert!(matches!(Store::open_existing(&root), Err(Error::NoCache { .. })));
    }

    #[test]
    fn a_cache_of_a_newer_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.prepare().unwrap();
        Store::open_existing(folder.path()).unwrap();
        for found in ["2", "new"] {
            files::write(&folder.path().join("VERSION"), found.as_bytes()).unwrap();
            let error = Store::open(folder.path()).unwrap_err();
            let told = format!("has format {found}; this program knows formats up to 1");
            assert!(error.to_string().ends_with(&told), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_no_cache_is_never_swept() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join(format!("scratch/{}/mine", Digest::of_bytes(b"")));
        files::write(&mine, b"precious").unwrap();
        Store::open(folder.path()).unwrap().prepare().unwrap();
        assert!(mine.exists());
    }

    #[test]
    fn an_artifact_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = store.tree(Digest::of_bytes(b"")).unwrap_err();
        assert_eq!(error.to_string(), "the cache has no artifact `af1349b9f5f9`");
    }
}
