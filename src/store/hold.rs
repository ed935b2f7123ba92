//! A hold: what a run relies on, noted before it does, so that no collection takes it away.
//!
//! The notes stay when the run has ended: they are how the cache knows which study used a record, as
//! which task, and when last. The lock of a hold lives as long as its run.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::store::Error;
use crate::store::Store;
use crate::store::gate::Gate;
use crate::store::lock::Lock;

/// What a hold's file begins with, so that it is told from a run's journal.
const PREFIX: &str = "held.";
const SUFFIX: &str = ".jsonl";
/// Longest line, bytes.
const LONGEST_NOTE: u64 = 1 << 16;

/// One line of a hold's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Note {
    /// The first line.
    Run {
        /// Name of the study.
        study: String,
        /// When it began, seconds since 1970 (UTC).
        time: u64,
    },
    /// Something that the run relies on, or is about to make.
    Use {
        /// Key of a record, or digest by which checkpoints or a download are found.
        key: Digest,
        /// Name of the task in the study.
        task: String,
        /// When it was noted, seconds since 1970 (UTC).
        time: u64,
    },
}

/// What a run relies on, for as long as it lives.
#[derive(Debug)]
pub struct Hold<'a> {
    path: PathBuf,
    _lock: Lock,
    /// Its pulse beats as long as the store lives.
    _store: &'a Store,
}

impl Store {
    /// Begins the hold of a run, given its name, its study and the time, seconds since 1970 (UTC).
    pub fn hold(&self, run: &str, study: &str, time: u64) -> Result<Hold<'_>, Error> {
        let gate = self.pass()?;
        self.layout.refuse_linked_run(run)?;
        loop {
            let holder = self.hearts.unique_name();
            // The lock comes first: there is no moment in which the file is there and looks dead.
            let Some(lock) = Lock::try_take(self, lock_of(run, &holder))? else { continue };
            let path = self.layout.run(run).join(format!("{PREFIX}{holder}{SUFFIX}"));
            let hold = Hold { path, _lock: lock, _store: self };
            hold.write(&[Note::Run { study: study.to_owned(), time }])?;
            drop(gate);
            return Ok(hold);
        }
    }
}

impl Hold<'_> {
    /// Notes what the run is about to rely on or to make: keys, each with the name of its task.
    ///
    /// Whoever looks a key up does both within one passage of the gate, in any order.
    pub fn note<'b>(
        &self,
        _gate: &Gate,
        uses: impl Iterator<Item = (Digest, &'b str)>,
        time: u64,
    ) -> Result<(), Error> {
        let note = |(key, task): (Digest, &str)| Note::Use { key, task: task.to_owned(), time };
        let notes: Vec<Note> = uses.map(note).collect();
        if notes.is_empty() { Ok(()) } else { self.write(&notes) }
    }

    /// Opens, writes and closes: on a network file system, closing is what others see it by.
    fn write(&self, notes: &[Note]) -> Result<(), Error> {
        let mut text = Vec::new();
        for note in notes {
            serde_json::to_writer(&mut text, note).expect("notes have string keys");
            text.push(b'\n');
        }
        Ok(files::add(&self.path, &files::append(&self.path)?, &text)?)
    }
}

/// Returns the digest on which the holder of a run's file has its lock.
pub(super) fn lock_of(run: &str, holder: &str) -> Digest {
    Digest::of_value(&("run", run, holder))
}

/// Returns the holder that a file in a run's folder is named by; nothing for another file.
pub(super) fn holder_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

/// A reader of all holds that knows how far it has read each.
#[derive(Debug, Default)]
pub(super) struct Notes {
    read: BTreeMap<PathBuf, u64>,
}

impl Notes {
    /// Tells of each note that was not told before: the run's name, the file's, and the note.
    pub(super) fn tell(
        &mut self,
        store: &Store,
        mut each: impl FnMut(&str, &str, Note),
    ) -> Result<(), Error> {
        for run in files::names(&store.layout.runs())? {
            let folder = store.layout.runs().join(&run);
            for name in files::names(&folder).unwrap_or_default() {
                if holder_of(&name).is_some() {
                    let path = folder.join(&name);
                    let from = self.read.get(&path).copied().unwrap_or_default();
                    let until = tell_file(&path, from, |note| each(&run, &name, note))?;
                    self.read.insert(path, until);
                }
            }
        }
        Ok(())
    }
}

/// Tells of each note in a file, from an offset on; returns the offset behind the last whole one.
pub(super) fn tell_file(
    path: &Path,
    from: u64,
    mut each: impl FnMut(Note),
) -> Result<u64, files::Error> {
    let told = plain::read_lines(path, from, LONGEST_NOTE, |line| {
        // A half line was written by a run that could not go on; it relied on nothing.
        if let Ok(note) = serde_json::from_slice(line) {
            each(note);
        }
        true
    });
    match told {
        Err(error) if error.is_missing() => Ok(from), // removed meanwhile, with its run's folder
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Note;
    use super::Notes;
    use super::Store;

    #[test]
    fn what_a_run_notes_is_told_once_and_what_it_notes_later_is_told_later() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hold = store.hold("run-1", "study", 10).unwrap();
        let key = Digest::of_bytes(b"key");
        let note = |task: &str, time| {
            hold.note(&store.pass().unwrap(), [(key, task)].into_iter(), time).unwrap();
        };
        note("one", 11);
        let other = Store::open(folder.path()).unwrap();
        let mut notes = Notes::default();
        let told = |notes: &mut Notes| {
            let mut all = Vec::new();
            notes.tell(&other, |run, _, note| all.push((run.to_owned(), note))).unwrap();
            all
        };
        let of =
            |task: &str, time| ("run-1".to_owned(), Note::Use { key, task: task.to_owned(), time });
        let first = Note::Run { study: "study".to_owned(), time: 10 };
        assert_eq!(told(&mut notes), [("run-1".to_owned(), first), of("one", 11)]);
        assert_eq!(told(&mut notes), []);
        note("two", 12);
        assert_eq!(told(&mut notes), [of("two", 12)]);
    }

    #[test]
    fn two_runs_of_one_name_have_a_hold_each() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let one = store.hold("run", "study", 1).unwrap();
        let two = store.hold("run", "study", 1).unwrap();
        assert_ne!(one.path, two.path);
    }
}
