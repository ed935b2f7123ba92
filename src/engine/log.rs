//! The log of one task: whatever it, or the worker that runs it, said.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::files;

/// Lines of a log that are shown where its task fails.
const TAIL: usize = 12;

/// The log of one task; its file appears with the first line.
#[derive(Debug, Clone)]
pub(super) struct TaskLog {
    path: PathBuf,
    written: Arc<Mutex<Written>>,
}

#[derive(Debug, Default)]
struct Written {
    file: Option<File>,
    tail: VecDeque<String>,
}

impl TaskLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, written: Arc::default() }
    }

    /// Adds a line. A log that cannot be written is no reason to end its task.
    pub(super) fn line(&self, text: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.file.is_none() {
            written.file = files::append(&self.path).ok();
        }
        if let Some(file) = &written.file {
            drop(files::add(&self.path, file, format!("{text}\n").as_bytes()));
        }
        if written.tail.len() == TAIL {
            written.tail.pop_front();
        }
        written.tail.push_back(text.to_owned());
    }

    /// Returns the last lines.
    pub(super) fn tail(&self) -> Vec<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.tail.iter().cloned().collect()
    }

    /// Returns the file, where anything was said.
    pub(super) fn file(&self) -> Option<&Path> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.file.is_some().then_some(self.path.as_path())
    }
}
