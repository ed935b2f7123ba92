//! Everything that a running stage may use beside its params and inputs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::guard::Guard;
use crate::seed::Seed;
use crate::stage::Device;
use crate::stage::StageError;

/// How far a running stage is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tick {
    /// Units done: epochs for training, images for image work.
    pub done: u64,
    /// Units in all.
    pub of: u64,
    /// Name of the unit: `epochs`, `images`.
    pub unit: String,
    /// Images handled per second, where measured.
    pub images_per_second: Option<f64>,
    /// Named numbers worth showing, such as losses.
    pub values: BTreeMap<String, f64>,
}

/// Whoever watches a running stage. One that does not listen loses nothing but what it would have heard.
pub trait Observer: Sync {
    /// Hears how far the stage is.
    fn tick(&self, _tick: &Tick) {}

    /// Hears something worth a line in the log.
    fn note(&self, _text: &str) {}

    /// Hears something that whoever uses the result should know, also where little is told.
    fn warn(&self, text: &str) {
        self.note(text);
    }

    /// Hears a line of a program that the stage runs: for its log alone.
    fn said(&self, _line: &str) {}

    /// Hears how much memory the stage took at most until now, bytes: the GPU's where it runs on one.
    fn took(&self, _bytes: u64) {}

    /// Answers whether the stage should stop at its next opportunity.
    fn cancelled(&self) -> bool {
        false
    }

    /// Returns seconds since some fixed moment, for rates only.
    fn seconds(&self) -> f64 {
        0.0
    }
}

/// Nobody: a stage that is run outside the engine goes on to its end unwatched.
pub struct Unwatched;

impl Observer for Unwatched {}

/// Everything that a running stage may use beside its params and inputs.
pub struct Context<'a> {
    /// Seed of this task; derive one for each use with [`Seed::named`].
    pub seed: Seed,
    /// Device that a torch stage runs on.
    pub device: Device,
    /// Threads that the stage may keep busy, 1 or more.
    pub threads: usize,
    /// Where the sources lie, by the name that the params give them.
    pub sources: BTreeMap<String, PathBuf>,
    /// Empty folder of this very task, which is removed when it has ended.
    pub folder: PathBuf,
    /// What a program of the user may inherit of the environment; absent where none may be started.
    pub environment: Option<&'a BTreeMap<String, OsString>>,
    /// Who ends the programs of the user where this process is killed; absent where nobody does.
    pub guard: Option<&'a Guard>,
    /// Folder for checkpoints of this very task, kept until it has finished; absent where none is.
    pub checkpoints: Option<PathBuf>,
    /// Whoever watches.
    pub observer: &'a dyn Observer,
}

impl Context<'_> {
    /// Returns where a source lies.
    pub fn source(&self, name: &str) -> Result<&Path, StageError> {
        let missing = || StageError::data(format!("source `{name}` was not handed to the stage"));
        self.sources.get(name).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// Does image work on as many of rayon's threads as the stage may keep busy.
    pub fn on_threads<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R, StageError> {
        if self.threads >= rayon::current_num_threads() {
            return Ok(work()); // threads that are there already
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        let refused = |error| StageError::data(format!("no threads to work on: {error}"));
        Ok(pool.map_err(refused)?.install(work))
    }

    /// Returns an error once the user has asked to stop.
    pub fn keep_going(&self) -> Result<(), StageError> {
        if self.observer.cancelled() { Err(StageError::Cancelled) } else { Ok(()) }
    }
}
