//! Options of a run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::engine::DevicePolicy;
use crate::guard::Guard;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; `--cpu` is added where no GPU is to be looked for.
    pub arguments: Vec<OsString>,
    /// All that it finds in its environment, as names and values: nothing else of the engine's
    /// reaches it.
    pub environment: Vec<(OsString, OsString)>,
}

/// Options of a run. Clock, processors and host name are read by whoever calls.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Name of the run: names its journal and its logs.
    pub run: String,
    /// When it starts, seconds since 1970 (UTC).
    pub time: u64,
    /// Torch stages at once on each device, 1 or more.
    pub jobs: usize,
    /// Cores of this machine, 1 or more.
    pub cores: usize,
    /// Main memory of this machine, MiB, where known.
    pub memory: Option<u64>,
    /// Devices that torch stages may use.
    pub devices: DevicePolicy,
    /// Whether the first failure ends the run; else whatever does not need the failed task goes on.
    pub fail_fast: bool,
    /// Time before a failed task is tried again; doubles with each attempt, up to a minute.
    pub pause: Duration,
    /// How to start a worker.
    pub worker: WorkerCommand,
    /// What programs of the user may inherit of the environment, by name; absent where none may be
    /// started.
    pub programs: Option<BTreeMap<String, OsString>>,
    /// Who ends workers and programs where this process is killed; absent where nobody does.
    pub guard: Option<Arc<Guard>>,
    /// Name of this machine, for the records.
    pub machine: Option<String>,
    /// Set by the user's wish to stop: running stages save a checkpoint and end, nothing new starts.
    pub cancel: &'a AtomicBool,
}

impl<'a> Options<'a> {
    /// Returns those of a run that does one thing at a time, on what devices there are, starts no programs and tries
    /// nothing twice; its worker is found on the path.
    pub fn new(run: impl Into<String>, time: u64, cancel: &'a AtomicBool) -> Self {
        let worker = WorkerCommand {
            program: PathBuf::from("ablate-worker"),
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        Self {
            run: run.into(),
            time,
            jobs: 1,
            cores: 1,
            memory: None,
            devices: DevicePolicy::Auto,
            fail_fast: false,
            pause: Duration::ZERO,
            worker,
            programs: None,
            guard: None,
            machine: None,
            cancel,
        }
    }
}
