//! A batch: files that get their names one after the other, and whose names are made to last together.
//!
//! A file is whole and on the disk before it gets its name; the folders are synced once, at the end. What
//! must not be seen before something else lasts belongs to a later batch.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::files::Error;
use crate::files::READ_ONLY;
use crate::files::RIGHTS;
use crate::files::attempt;
use crate::files::create_folder;
use crate::files::create_named;
use crate::files::in_folder;
use crate::files::parent;
use crate::files::put;
use crate::files::remove_file;
use crate::files::scratch_name;
use crate::files::sync_folder;

/// The folders in which files have new names, on any thread; a power cut may take those until they are kept.
#[derive(Debug, Default)]
pub struct Batch(Mutex<BTreeSet<PathBuf>>);

impl Batch {
    /// Writes a file whole or not at all, by way of a scratch file in another folder of the same file
    /// system: best one that somebody clears where this process is killed before the end.
    pub fn write(&self, scratches: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let scratch = self.scratch(scratches, RIGHTS)?;
        self.fill(scratch, path, |scratch, file| put(scratch, file, bytes))
    }

    /// Does what [`Batch::write`] does; nobody may write the file from the moment it is there.
    pub fn write_read_only(
        &self,
        scratches: &Path,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let scratch = self.scratch(scratches, READ_ONLY)?;
        self.fill(scratch, path, |scratch, file| put(scratch, file, bytes))
    }

    /// Creates a scratch file; the name of a folder that is created for it is to last as well.
    pub(super) fn scratch(&self, folder: &Path, rights: u32) -> Result<(PathBuf, fs::File), Error> {
        let create = |folder: &Path| self.create_folder(folder);
        in_folder(folder, create, || create_named(folder, rights, scratch_name))
    }

    /// Fills a scratch file, forces it to disk and gives it a name; removes it where any of that fails.
    pub(super) fn fill(
        &self,
        (scratch, file): (PathBuf, fs::File),
        path: &Path,
        work: impl FnOnce(&Path, fs::File) -> Result<fs::File, Error>,
    ) -> Result<(), Error> {
        let written = work(&scratch, file).and_then(|file| {
            attempt("sync", &scratch, || file.sync_all())?;
            self.rename("write", &scratch, path)
        });
        if written.is_err() {
            let _ = remove_file(&scratch);
        }
        written
    }

    /// Moves a synced file or folder to a place on the same file system, replacing a file there.
    pub fn give(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.rename("move to", from, to)
    }

    fn rename(&self, action: &'static str, from: &Path, to: &Path) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that renames")]
        let rename = || attempt(action, to, || fs::rename(from, to));
        in_folder(parent(to), |folder| self.create_folder(folder), rename)?;
        self.rely_on(to);
        Ok(())
    }

    /// Lets a name last that was there already: whoever gave it may not have come to keep it.
    pub fn rely_on(&self, path: &Path) {
        self.note(parent(path));
    }

    /// Creates a folder and those above it, whose names are to last as well.
    pub(super) fn create_folder(&self, folder: &Path) -> Result<(), Error> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        self.create_folder(parent(folder))?;
        create_folder(folder)?;
        self.note(parent(folder));
        Ok(())
    }

    fn note(&self, folder: &Path) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !folders.contains(folder) {
            folders.insert(folder.to_owned());
        }
    }

    /// Makes all names that were given last through a power cut.
    pub fn keep(self) -> Result<(), Error> {
        let folders = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Batch;
    use crate::files;

    #[test]
    fn folders_are_synced_once_and_new_ones_in_those_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        files::write(&at("old/file"), b"1").unwrap();
        let batch = Batch::default();
        batch.write(&at("old"), &at("old/two"), b"2").unwrap();
        batch.write_read_only(&at("old"), &at("new/deep/three"), b"3").unwrap();
        batch.give(&at("old/two"), &at("new/deep/two")).unwrap();
        let noted: Vec<PathBuf> = batch.0.lock().unwrap().iter().cloned().collect();
        assert_eq!(noted, [folder.path().to_owned(), at("new"), at("new/deep"), at("old")]);
        batch.keep().unwrap();
        let found = files::walk(folder.path()).unwrap().into_iter();
        let found: Vec<String> = found.map(|found| found.name).collect();
        assert_eq!(found, ["new/deep/three", "new/deep/two", "old/file"]);
        let rights = |name: &str| std::fs::metadata(at(name)).unwrap().permissions();
        assert!(rights("new/deep/three").readonly() && !rights("new/deep/two").readonly());
    }

    #[test]
    fn a_folder_that_is_made_for_a_scratch_file_lasts_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("new/deep");
        let batch = Batch::default();
        batch.write(&deep, &deep.join("file"), b"1").unwrap();
        let noted: Vec<PathBuf> = batch.0.lock().unwrap().iter().cloned().collect();
        assert_eq!(noted, [folder.path().to_owned(), folder.path().join("new"), deep]);
    }

    #[test]
    fn what_cannot_be_named_leaves_no_scratch() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        files::create_folder(&at("taken")).unwrap();
        let error = Batch::default().write(folder.path(), &at("taken"), b"1").unwrap_err();
        assert!(error.path == at("taken"), "{error}");
        assert_eq!(files::names(folder.path()).unwrap(), ["taken"]);
        assert!(Batch::default().give(&at("none"), &at("other")).unwrap_err().is_missing());
    }
}
