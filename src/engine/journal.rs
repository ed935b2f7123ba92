//! The journal: every event of a run as one line of JSON, kept with the cache.

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use crate::engine::Event;
use crate::files;
use crate::store;
use crate::store::Store;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since the run began.
    pub seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A [`Line`] of an event that is somebody else's.
#[derive(Serialize)]
struct Borrowed<'a> {
    seconds: f64,
    #[serde(flatten)]
    event: &'a Event,
}

/// The journal of a run, open for writing.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    start: Instant,
}

impl Journal {
    pub(super) fn open(store: &Store, run: &str) -> Result<Self, store::Error> {
        let (path, file) = (store.journal(run), store.open_journal(run)?);
        Ok(Self { path, file, start: Instant::now() })
    }

    /// Writes down what happened at once.
    pub(super) fn hear_all(&self, events: &[Event]) {
        let seconds = self.start.elapsed().as_secs_f64();
        let mut text = Vec::new();
        for event in events {
            serde_json::to_writer(&mut text, &Borrowed { seconds, event })
                .expect("events have string keys");
            text.push(b'\n');
        }
        // A full disk must not end a run over its diary: what matters is refused when published.
        drop(files::add(&self.path, &self.file, &text));
    }
}
