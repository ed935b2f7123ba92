//! A lock on a key: held by one at a time, on any machine that shares the folder.
//!
//! It is a lock of the operating system on a file, so a crash frees it at once. Where such locks end
//! at one machine, as on some network file systems, the file's pulse says whether its holder lives;
//! and whoever creates the file holds it, since a hard link is atomic everywhere. Knows nothing of
//! what is done under the lock.

use std::fs::File;
use std::fs::TryLockError;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Store;
use crate::store::pulse::Pulse;

/// An exclusive lock on a key. The file goes when the lock does.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    pulse: Arc<Pulse>,
}

/// Who holds a lock, as far as this machine can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// Nobody who lives.
    Nobody,
    /// Somebody whose lock this machine's operating system sees.
    Seen,
    /// Somebody on another machine whose pulse beats, or is still watched, and whose lock is not seen here.
    Felt,
}

impl Lock {
    /// Returns who holds the lock, without taking it.
    pub(super) fn holder(store: &Store, key: Digest) -> Result<Holder, Error> {
        let path = store.layout.lock(key);
        let Some(file) = files::open_if_there(&path)? else { return Ok(Holder::Nobody) };
        match file.try_lock() {
            Ok(()) if !still_names(&path, &file) => Ok(Holder::Nobody), // it ended meanwhile
            Ok(()) if store.hearts.is_alive(&path)? => Ok(Holder::Felt),
            Ok(()) => Ok(Holder::Nobody),
            Err(TryLockError::WouldBlock) => Ok(Holder::Seen),
            Err(TryLockError::Error(source)) => Err(Error::Lock { path, source }),
        }
    }

    /// Takes the lock, or answers nothing where somebody holds it.
    pub(super) fn try_take(store: &Store, key: Digest) -> Result<Option<Self>, Error> {
        let path = store.layout.lock(key);
        loop {
            let Some(file) = files::open_if_there(&path)? else {
                match Self::create(store, &path)? {
                    Some(lock) => return Ok(Some(lock)),
                    None => continue, // somebody else was quicker
                }
            };
            match file.try_lock() {
                Ok(()) if !still_names(&path, &file) => {} // its holder removed it meanwhile
                Ok(()) if store.hearts.is_alive(&path)? => return Ok(None),
                Ok(()) => return Self::hold(store, path, file).map(Some),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(Error::Lock { path, source }),
            }
        }
    }

    /// Creates the file, already locked and with a pulse; answers nothing where there is one, or where a
    /// [`sweep()`] took the file for that of a dead maker, before it was locked.
    fn create(store: &Store, path: &Path) -> Result<Option<Self>, Error> {
        let (scratch, file) = files::create_scratch(&store.layout.locks())?;
        let made = file
            .lock()
            .map_err(|source| Error::Lock { path: path.to_owned(), source })
            .and_then(|()| Self::hold(store, path.to_owned(), file))
            .and_then(|lock| match files::link(&scratch, path) {
                Err(error) if error.is_missing() && !scratch.exists() => Ok(None),
                linked => Ok(linked?.then_some(lock)),
            });
        files::remove_file(&scratch)?;
        made
    }

    /// Makes a locked file this holder's own.
    fn hold(store: &Store, path: PathBuf, file: File) -> Result<Self, Error> {
        let pulse = store.hearts.start(file, &path)?;
        Ok(Self { path, pulse })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while still locked: whoever waits for it sees that its file lost the name. A file
        // that somebody else put there, after this process had slept for long, is theirs.
        if still_names(&self.path, self.pulse.file()) {
            let _ = files::remove_file(&self.path);
        }
        let _ = self.pulse.file().unlock();
    }
}

/// Clears away lock files whose holders are dead.
pub(super) fn sweep(store: &Store) -> Result<(), Error> {
    for name in files::names(&store.layout.locks())? {
        let path = store.layout.locks().join(&name);
        if let Some(key) = crate::store::layout::digest_of_name(&path) {
            drop(Lock::try_take(store, key)?);
        } else if let Some(file) = files::open_if_there(&path)?
            && file.try_lock().is_ok()
        {
            files::remove_file(&path)?; // half-made: its maker is dead
        }
    }
    Ok(())
}

/// Returns whether a path still names the opened file, not a newer one or none.
fn still_names(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(opened)) = (std::fs::metadata(path), file.metadata()) else {
        return false;
    };
    (named.dev(), named.ino()) == (opened.dev(), opened.ino())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;
    use std::time::Instant;

    use super::Digest;
    use super::Lock;
    use super::Store;
    use super::files;
    use crate::store::pulse::Hearts;
    use crate::store::pulse::Pace;

    const HOUR: Duration = Duration::from_hours(1);
    const MOMENT: Duration = Duration::from_millis(20);

    fn key() -> Digest {
        Digest::of_bytes(b"key")
    }

    /// Returns a cache as a process on a machine of this name sees it.
    fn on(machine: &str, folder: &Path, pace: (Duration, Duration)) -> Store {
        let mut store = Store::open(folder).unwrap();
        store.hearts = Hearts::elsewhere(machine, Pace { beat: pace.0, patience: pace.1 });
        store
    }

    /// Leaves a lock file behind as if this machine could not see its holder's lock.
    fn leave(store: &Store, text: &str) {
        files::write(&store.layout.lock(key()), text.as_bytes()).unwrap();
    }

    fn is_free(store: &Store) -> bool {
        Lock::try_take(store, key()).unwrap().is_some()
    }

    #[test]
    fn a_lock_is_held_by_one_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        let lock = Lock::try_take(&one, key()).unwrap().unwrap();
        assert!(!is_free(&one) && !is_free(&two));
        drop(lock);
        assert!(is_free(&two) && is_free(&one));
        assert_eq!(files::names(&one.layout.locks()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn of_many_that_ask_at_once_one_at_a_time_gets_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let taken = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = Store::open(folder.path()).unwrap();
                    while taken.load(std::sync::atomic::Ordering::SeqCst) < 200 {
                        let Some(lock) = Lock::try_take(&store, key()).unwrap() else { continue };
                        let others = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        assert_eq!(others, 0);
                        taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }

    #[test]
    fn a_lock_is_taken_beside_processes_that_sweep() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let takers = [0, 1].map(|number| {
                let folder = folder.path();
                scope.spawn(move || {
                    let store = Store::open(folder).unwrap();
                    for _ in 0..300 {
                        drop(Lock::try_take(&store, Digest::of_bytes(&[number])).unwrap());
                    }
                })
            });
            let store = Store::open(folder.path()).unwrap();
            while !takers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                super::sweep(&store).unwrap();
            }
        });
    }

    #[test]
    fn a_holder_that_died_on_this_machine_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = on("here", folder.path(), (HOUR, HOUR));
        for text in ["here 12345 00000000000000000007\n", ""] {
            leave(&store, text);
            assert!(is_free(&store), "{text:?}");
        }
    }

    #[test]
    fn a_holder_on_another_machine_is_alive_as_long_as_its_pulse_beats() {
        let folder = tempfile::tempdir().unwrap();
        let store = on("here", folder.path(), (HOUR, MOMENT));
        let start = Instant::now();
        let mut looks = 0;
        while start.elapsed() < 5 * MOMENT {
            looks += 1;
            leave(&store, &format!("there 12345 {looks:020}\n"));
            assert!(!is_free(&store), "after {looks} looks");
        }
        let stopped = Instant::now();
        while !is_free(&store) {
            assert!(stopped.elapsed() < Duration::from_mins(1), "a dead holder is waited for");
        }
        assert!(looks > 2 && stopped.elapsed() >= MOMENT);
    }

    #[test]
    fn a_held_lock_beats() {
        let folder = tempfile::tempdir().unwrap();
        let store = on("here", folder.path(), (Duration::from_millis(1), HOUR));
        let lock = Lock::try_take(&store, key()).unwrap().unwrap();
        let text = || files::read(&store.layout.lock(key())).unwrap();
        let first = text();
        assert!(first.starts_with(b"here "));
        let start = Instant::now();
        while text() == first {
            assert!(start.elapsed() < Duration::from_mins(1), "it does not beat");
        }
        drop(lock);
    }

    #[test]
    fn what_dead_holders_left_is_swept_and_what_is_held_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = on("here", folder.path(), (HOUR, HOUR));
        leave(&store, "here 12345 00000000000000000007\n");
        let half_made = store.layout.locks().join(".scratch-99999-1");
        files::write(&half_made, b"").unwrap();
        let other = Digest::of_bytes(b"other");
        let _held = Lock::try_take(&store, other).unwrap().unwrap();
        super::sweep(&Store::open(folder.path()).unwrap()).unwrap();
        let other = format!("{other}.lock");
        let alive = format!("{}.lock", key());
        // To another machine `here` might live: what it left stays until it was watched.
        let mut names = vec![other.clone(), alive];
        names.sort();
        assert_eq!(files::names(&store.layout.locks()).unwrap(), names);
        super::sweep(&store).unwrap();
        assert_eq!(files::names(&store.layout.locks()).unwrap(), [other]);
    }
}
