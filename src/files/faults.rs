//! Faults for tests: the nth thing that is done to a file below a folder fails.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::files::Error;

/// How a file operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk is full.
    Full,
    /// The disk is full after half of what was to be written.
    Short,
    /// The disk is broken.
    Broken,
    /// It is not permitted.
    Forbidden,
}

/// What changes files.
const CHANGES: [&str; 6] = ["write", "move to", "sync", "create", "protect", "remove"];
/// What a short write says, to be told from a full disk.
const SHORT: &str = "half was written";

/// A fault that waits below a folder.
struct Trap {
    folder: PathBuf,
    fault: Fault,
    /// How many operations come before it.
    left: usize,
    has_sprung: bool,
}

static TRAPS: Mutex<Vec<Trap>> = Mutex::new(Vec::new());

/// What was done to a file.
type Deed = (&'static str, PathBuf);

/// Watched folders, each with what was done below it.
static WATCHED: Mutex<Vec<(PathBuf, Vec<Deed>)>> = Mutex::new(Vec::new());

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::Short => Self::new(io::ErrorKind::StorageFull, SHORT),
            Fault::Broken => Self::from_raw_os_error(5),
            Fault::Forbidden => io::ErrorKind::PermissionDenied.into(),
        }
    }
}

/// Lets one change below a folder fail: that after the given number of others.
pub(crate) fn set(folder: &Path, fault: Fault, after: usize) {
    let trap = Trap { folder: folder.to_owned(), fault, left: after, has_sprung: false };
    traps(|traps| traps.push(trap));
}

/// Takes the fault below a folder away; returns whether it happened.
pub(crate) fn clear(folder: &Path) -> bool {
    traps(|traps| {
        let sprung = traps.iter().any(|trap| trap.folder == folder && trap.has_sprung);
        traps.retain(|trap| trap.folder != folder);
        sprung
    })
}

/// Notes from now on what is done below a folder.
pub(crate) fn watch(folder: &Path) {
    watched(|watched| watched.push((folder.to_owned(), Vec::new())));
}

/// Returns what was done below a watched folder, in this order, and watches it no longer.
pub(crate) fn seen(folder: &Path) -> Vec<Deed> {
    watched(|watched| {
        let at = watched.iter().position(|(other, _)| other == folder);
        at.map(|at| watched.swap_remove(at).1).unwrap_or_default()
    })
}

/// Returns the fault that happens now to what is done to a file.
pub(super) fn next(action: &'static str, path: &Path) -> Option<Fault> {
    watched(|watched| {
        for (_, deeds) in watched.iter_mut().filter(|(folder, _)| path.starts_with(folder)) {
            deeds.push((action, path.to_owned()));
        }
    });
    if !CHANGES.contains(&action) {
        return None;
    }
    traps(|traps| {
        let trap = traps.iter_mut().find(|trap| path.starts_with(&trap.folder))?;
        if trap.has_sprung {
            return None;
        }
        trap.has_sprung = trap.left == 0;
        trap.left = trap.left.saturating_sub(1);
        trap.has_sprung.then_some(trap.fault)
    })
}

/// Returns whether a failed write is to leave half of what it had to write.
pub(super) fn is_short(error: &Error) -> bool {
    error.source.to_string() == SHORT
}

fn traps<R>(work: impl FnOnce(&mut Vec<Trap>) -> R) -> R {
    work(&mut TRAPS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn watched<R>(work: impl FnOnce(&mut Vec<(PathBuf, Vec<Deed>)>) -> R) -> R {
    work(&mut WATCHED.lock().unwrap_or_else(PoisonError::into_inner))
}
