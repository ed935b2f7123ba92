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
use crate::files::Batch;
use crate::files::plain;
use crate::store::Blob;
use crate::store::Error;
use crate::store::Listing;
use crate::store::Output;
use crate::store::Record;
use crate::store::layout::FORMAT;
use crate::store::layout::JOURNAL;
use crate::store::layout::Layout;
use crate::store::layout::TAG;
use crate::store::layout::digest_of_name;
use crate::store::objects;
use crate::store::pulse::Hearts;
use crate::store::record;
use crate::store::sweep;

/// Longest file `VERSION`, bytes.
const LONGEST_VERSION: u64 = 64;
/// Longest recipe, bytes.
const LONGEST_RECIPE: u64 = 1024;

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
        store.layout.refuse_links()?;
        match plain::read(&store.layout.version(), LONGEST_VERSION) {
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
        if found.parse::<u32>().is_ok_and(|version| (1..=FORMAT).contains(&version)) {
            return Ok(());
        }
        let folder = self.layout.root.clone();
        Err(Error::Newer { folder, found: found.escape_debug().to_string(), known: FORMAT })
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
            sweep::sweep_strangers(&self.layout)?;
            sweep::sweep(self)?; // only in a cache: the folder might be anything else
        } else {
            self.refuse_taken()?;
            files::write(&self.layout.tag(), TAG.as_bytes())?;
            // What is put there by one may be relied on by another who did not create the folder.
            files::create_lasting_folder(&self.layout.objects())?;
            files::create_lasting_folder(&self.layout.records())?;
            files::write(&self.layout.version(), format!("{FORMAT}\n").as_bytes())?;
        }
        self.prepared.get_or_init(|| ());
        Ok(())
    }

    /// Refuses to make a cache where somebody keeps other things: what a cache does not need it removes one
    /// day. A `README.md`, hidden files and what a new file system holds may be there.
    fn refuse_taken(&self) -> Result<(), Error> {
        let tag = plain::read(&self.layout.tag(), LONGEST_VERSION.max(TAG.len() as u64));
        if tag.is_ok_and(|tag| tag == TAG.as_bytes()) {
            return Ok(()); // another process makes it, or was killed while it did
        }
        let is_foreign = |name: &String| {
            !name.starts_with('.')
                && !["README.md", "lost+found", "CACHEDIR.TAG"].contains(&name.as_str())
        };
        match files::names(&self.layout.root)?.into_iter().find(is_foreign) {
            Some(found) => Err(Error::Taken { folder: self.layout.root.clone(), found }),
            None => Ok(()),
        }
    }

    /// Returns the record that a recipe led to, if it is there and whole.
    pub fn by_recipe(&self, recipe: Digest) -> Option<Record> {
        self.find(self.key_of(recipe)?)
    }

    /// Returns the key that a recipe led to, whether or not there is a record of it.
    pub fn key_of(&self, recipe: Digest) -> Option<Digest> {
        self.read_recipe(recipe).ok()
    }

    /// Returns the key that a recipe led to, or why there is none.
    pub(super) fn read_recipe(&self, recipe: Digest) -> Result<Digest, String> {
        let bytes = plain::read(&self.layout.recipe(recipe), LONGEST_RECIPE);
        let bytes = bytes.map_err(|error| error.source.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("it is no recipe: {error}"))
    }

    /// Returns the record of a key, if it is there and whole. Anything else is a miss: a record in
    /// an unknown format or of another key, or one that names a file which is gone or of the wrong
    /// size.
    pub fn find(&self, key: Digest) -> Option<Record> {
        let record = self.read_record(key).ok()?;
        let whole = record.outputs.values().all(|output| objects::is_listed(&self.layout, output))
            && record.blobs().all(|blob| objects::is_whole(&self.layout, blob));
        whole.then_some(record)
    }

    /// Returns the record of a key, or why there is none that can be trusted; what it names may be
    /// gone.
    pub(super) fn read_record(&self, key: Digest) -> Result<Record, String> {
        let bytes = plain::read(&self.layout.record(key), record::LONGEST);
        let bytes = bytes.map_err(|error| error.source.to_string())?;
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| format!("it is no record: {error}"))?;
        if record.format != FORMAT {
            return Err(format!("its format is {}, {FORMAT} expected", record.format));
        }
        if record.key_digest() != key {
            return Err("it is the record of another key".to_owned());
        }
        for (port, output) in &record.outputs {
            if output.digest != output.blobs.digest() {
                return Err(format!("the digest of `{port}` is not that of its files"));
            }
        }
        Ok(record)
    }

    /// Writes a record, which is the commit: all that it names is there.
    pub(super) fn write_record(
        &self,
        record: &Record,
        key: Digest,
        scratch: &Path,
        batch: &Batch,
    ) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(record).expect("a record has string keys");
        let path = self.layout.record(key);
        if text.len() as u64 > record::LONGEST {
            let problem = format!("it has {} bytes, more than are ever read again", text.len());
            return Err(Error::Unkeepable { path, problem });
        }
        objects::clear_way(&path)?;
        Ok(batch.write(scratch, &path, &text)?)
    }

    /// Notes that a recipe leads to a key.
    pub fn remember_recipe(&self, recipe: Digest, key: Digest) -> Result<(), Error> {
        self.prepare()?;
        let batch = Batch::default();
        self.write_recipe(recipe, key, &self.layout.recipes(), &batch)?;
        Ok(batch.keep()?)
    }

    /// Writes a note that a recipe leads to a key.
    pub(super) fn write_recipe(
        &self,
        recipe: Digest,
        key: Digest,
        scratch: &Path,
        batch: &Batch,
    ) -> Result<(), Error> {
        let text = serde_json::to_vec(&key).expect("a digest is a text");
        let path = self.layout.recipe(recipe);
        objects::clear_way(&path)?;
        Ok(batch.write(scratch, &path, &text)?)
    }

    /// Returns every record in the cache that can be read, in no meaningful order, whole or not.
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        let read =
            |path: &Path| serde_json::from_slice(&plain::read(path, record::LONGEST).ok()?).ok();
        Ok(self.record_files()?.iter().filter_map(|(_, path)| read(path)).collect())
    }

    /// Returns where records lie, each with the key that it is named by.
    pub(super) fn record_files(&self) -> Result<Vec<(Digest, PathBuf)>, Error> {
        named_by_digests(&self.layout.records())
    }

    /// Returns the files of an output: path inside the artifact -> path on disk.
    pub fn files(&self, output: &Output) -> BTreeMap<String, PathBuf> {
        self.paths(&output.blobs)
    }

    /// Returns the files of an artifact: path inside the artifact -> path on disk.
    pub fn tree(&self, artifact: Digest) -> Result<BTreeMap<String, PathBuf>, Error> {
        Ok(self.paths(&self.blobs(artifact)?))
    }

    fn blobs(&self, artifact: Digest) -> Result<Listing, Error> {
        let gone = || Error::NoArtifact { digest: artifact };
        let path = self.layout.object(artifact);
        let bytes = plain::read(&path, record::LONGEST).map_err(|_| gone())?;
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
        let found = match plain::digest(&path) {
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
        blobs.iter().map(|blob| (blob.path.to_string(), self.layout.object(blob.digest))).collect()
    }

    /// Returns the file to which a run's journal goes.
    pub fn journal(&self, run: &str) -> PathBuf {
        self.layout.run(run).join(JOURNAL)
    }

    /// Returns the file to which a task's log goes.
    pub fn log(&self, run: &str, label: &str) -> PathBuf {
        self.layout.log(run, label)
    }

    /// Opens the journal of a run for writing.
    pub fn open_journal(&self, run: &str) -> Result<std::fs::File, Error> {
        self.prepare()?;
        self.layout.refuse_linked_run(run)?;
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
            files::remove_at_once(&folder.join(name))?;
        }
        if left.is_empty() {
            files::remove_folder(&folder)?;
        }
        Ok(())
    }
}

/// Returns the files of a folder that are named by digests; none where there is no folder.
pub(super) fn named_by_digests(folder: &Path) -> Result<Vec<(Digest, PathBuf)>, Error> {
    let names = files::names(folder)?.into_iter().map(|name| folder.join(name));
    Ok(names.filter_map(|path| Some((digest_of_name(&path)?, path))).collect())
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
        assert_eq!(store.statistics(0).unwrap().objects, 0);
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
    fn a_folder_that_holds_other_things_becomes_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join(format!("scratch/{}/mine", Digest::of_bytes(b"")));
        files::write(&mine, b"precious").unwrap();
        let error = Store::open(folder.path()).unwrap().prepare().unwrap_err();
        assert!(error.to_string().ends_with("holds other things, such as `scratch`"), "{error}");
        assert!(mine.exists() && !folder.path().join("VERSION").exists());
        let tag = folder.path().join("CACHEDIR.TAG");
        files::write(&tag, super::TAG.as_bytes()).unwrap(); // by a process that was killed then
        Store::open(folder.path()).unwrap().prepare().unwrap();
    }

    #[test]
    fn an_artifact_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = store.tree(Digest::of_bytes(b"")).unwrap_err();
        assert_eq!(error.to_string(), "the cache has no artifact `af1349b9f5f9`");
    }
}
