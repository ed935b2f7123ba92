//! A lease: the right to compute and publish what a key stands for, held by one at a time.
//!
//! It is a lock of the operating system on a file, so a crash frees it. Without having missed
//! nobody gets a lease, and without a lease nobody can publish.

use std::collections::BTreeMap;
use std::fs::File;
use std::fs::TryLockError;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Output;
use crate::store::Record;
use crate::store::Store;
use crate::store::layout::FORMAT;
use crate::store::layout::Layout;
use crate::store::objects;

/// What the cache answers when asked for a key.
#[derive(Debug)]
pub enum Found<'a> {
    /// The task was done before.
    Hit(Box<Record>),
    /// Nobody has done it, and nobody else may until the lease is dropped.
    Miss(Lease<'a>),
}

/// The right to publish under a key; dropping it gives it back and removes its scratch folder.
#[derive(Debug)]
pub struct Lease<'a> {
    store: &'a Store,
    key: Digest,
    scratch: PathBuf,
    _lock: Lock,
}

/// What a task left at one output port.
#[derive(Debug, Clone)]
pub struct Made {
    /// Folder with the artifact's files, below the lease's scratch folder.
    pub folder: PathBuf,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
}

/// What is recorded beside the outputs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Everything that decided the outputs; its digest is the lease's key.
    pub key: Value,
    /// Digest of the recipe, where it is known.
    pub recipe: Option<Digest>,
    /// Seconds that the task took.
    pub seconds: f64,
    /// Device that it ran on; absent for work inside the engine.
    pub device: Option<String>,
    /// Name of the machine, where known.
    pub machine: Option<String>,
    /// When it ended, seconds since 1970 (UTC).
    pub finished: u64,
    /// Its log; absent where nothing was said.
    pub log: Option<PathBuf>,
}

impl Store {
    /// Looks for a key; on a miss waits until nobody else works on it, then looks again.
    pub fn lookup(&self, key: Digest) -> Result<Found<'_>, Error> {
        if let Some(record) = self.find(key) {
            return Ok(Found::Hit(Box::new(record)));
        }
        self.prepare()?;
        let lock = Lock::take(&self.layout, key)?;
        self.look_again(key, lock)
    }

    /// Looks for a key without ever waiting; answers nothing while somebody else works on it.
    pub fn try_lookup(&self, key: Digest) -> Result<Option<Found<'_>>, Error> {
        if let Some(record) = self.find(key) {
            return Ok(Some(Found::Hit(Box::new(record))));
        }
        self.prepare()?;
        match Lock::try_take(&self.layout, key)? {
            Some(lock) => self.look_again(key, lock).map(Some),
            None => Ok(None),
        }
    }

    /// Looks once more under the lock: whoever held it before may have published.
    fn look_again(&self, key: Digest, lock: Lock) -> Result<Found<'_>, Error> {
        if let Some(record) = self.find(key) {
            return Ok(Found::Hit(Box::new(record)));
        }
        let scratch = self.layout.scratch(key);
        files::remove_folder(&scratch)?; // left by a crash
        files::create_folder(&scratch)?;
        Ok(Found::Miss(Lease { store: self, key, scratch, _lock: lock }))
    }
}

impl Lease<'_> {
    /// Returns the key's digest.
    pub fn key(&self) -> Digest {
        self.key
    }

    /// Returns an empty folder on the cache's disk, for what the task writes.
    pub fn scratch(&self) -> &PathBuf {
        &self.scratch
    }

    /// Stores what a task made: contents first, the record last, so that whoever sees the record
    /// sees all of it, and a crash or a full disk before that publishes nothing.
    pub fn publish(self, made: &BTreeMap<String, Made>, facts: Facts) -> Result<Record, Error> {
        let layout = &self.store.layout;
        let mut outputs = BTreeMap::new();
        for (port, made) in made {
            let output = Output::of(objects::take_in(layout, &made.folder)?, made.summary.clone());
            objects::keep_list(layout, &output)?;
            outputs.insert(port.clone(), output);
        }
        let record = Record {
            format: FORMAT,
            key: facts.key,
            recipe: facts.recipe,
            outputs,
            seconds: facts.seconds,
            device: facts.device,
            machine: facts.machine,
            finished: facts.finished,
            log: facts.log,
        };
        debug_assert_eq!(record.key_digest(), self.key, "the lease is on the key of the record");
        let text = serde_json::to_vec_pretty(&record).expect("a record has string keys");
        files::write(&layout.record(self.key), &text)?;
        if let Some(recipe) = record.recipe {
            self.store.remember_recipe(recipe, self.key)?;
        }
        files::remove_folder(&self.store.checkpoints(self.key))?;
        Ok(record)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next process that writes.
        let _ = files::remove_folder(&self.scratch);
    }
}

/// An exclusive lock on a key. The file goes when the lock does.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock, after waiting for whoever holds it.
    fn take(layout: &Layout, key: Digest) -> Result<Self, Error> {
        let path = layout.lock(key);
        loop {
            let file = files::append(&path)?;
            file.lock().map_err(|source| Error::Lock { path: path.clone(), source })?;
            if still_names(&path, &file) {
                return Ok(Self { path, file });
            }
        }
    }

    /// Takes the lock, or answers nothing where somebody holds it.
    pub(super) fn try_take(layout: &Layout, key: Digest) -> Result<Option<Self>, Error> {
        let path = layout.lock(key);
        loop {
            let file = files::append(&path)?;
            match file.try_lock() {
                Ok(()) if still_names(&path, &file) => return Ok(Some(Self { path, file })),
                Ok(()) => {} // its holder removed it meanwhile: take the new one
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(Error::Lock { path, source }),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while still locked: whoever waits for it sees that its file lost the name.
        let _ = files::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Returns whether a path still names the opened file, not a newer one or none.
fn still_names(path: &PathBuf, file: &File) -> bool {
    let (Ok(named), Ok(opened)) = (std::fs::metadata(path), file.metadata()) else {
        return false;
    };
    (named.dev(), named.ino()) == (opened.dev(), opened.ino())
}
