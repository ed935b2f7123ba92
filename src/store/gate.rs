//! The gate: many runs pass it at once, or one collection shuts it for a moment.
//!
//! A run passes it to look something up and note it, and to publish; a collection shuts it to read the
//! notes and remove what nobody noted. So each removal comes before a look, which then misses, or
//! after the note, which then spares. Readers that note nothing pass no gate.

use std::fs::File;

use crate::files;
use crate::files::plain;
use crate::store::Error;
use crate::store::Store;

/// The gate, passed or shut until this is dropped; the operating system opens it after a crash.
#[derive(Debug)]
pub struct Gate {
    file: File,
}

impl Store {
    /// Passes the gate, after waiting for the moment for which a collection shuts it.
    pub fn pass(&self) -> Result<Gate, Error> {
        self.prepare()?;
        let path = self.layout.version();
        let (file, _) = plain::open(&path)?;
        file.lock_shared().map_err(|source| Error::Lock { path, source })?;
        Ok(Gate { file })
    }

    /// Shuts the gate, after waiting for those who are passing it.
    pub(super) fn shut(&self) -> Result<Gate, Error> {
        // The lock is on a file that every cache has and nobody replaces. Some network file systems
        // grant an exclusive one only where the file is open for writing.
        let path = self.layout.version();
        let gone = || Error::NoCache { folder: self.layout.root.clone() };
        let file = files::open_if_there(&path)?.ok_or_else(gone)?;
        file.lock().map_err(|source| Error::Lock { path, source })?;
        Ok(Gate { file })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Closing would do, but for a worker that is being started and still shares the open file.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use crate::store::Store;

    #[test]
    fn many_pass_the_gate_at_once_and_whoever_shuts_it_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        let (first, second) = (one.pass().unwrap(), two.pass().unwrap());
        let (sender, shut) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let gate = two.shut().unwrap();
                sender.send(()).unwrap();
                drop(gate);
            });
            drop(first);
            assert!(shut.try_recv().is_err(), "shut while somebody passes");
            drop(second);
            shut.recv().unwrap();
        });
        drop(one.pass().unwrap());
    }
}
