//! Events: everything that a run tells, to the terminal, the journal and the report alike.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::plan::TaskId;
use crate::stage::Device;
use crate::stage::Tick;
use crate::store::Record;

/// Something that happened in a run. `task` is the place in the plan, `label` its name there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// Name of the run.
        run: String,
        /// Name of the study.
        study: String,
        /// Seconds since 1970 (UTC).
        time: u64,
        /// Tasks that are wanted or needed for what is.
        needed: usize,
    },
    /// The devices for torch stages were chosen.
    DevicesChosen {
        /// CUDA devices that the worker found.
        cuda_devices: usize,
        /// Devices that torch stages will run on.
        chosen: Vec<Device>,
        /// Whether a GPU would have been used, had there been one.
        fell_back: bool,
    },
    /// A task's outputs were in the cache.
    Cached {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// Which key found it.
        by: CachedBy,
    },
    /// Another process works on the same key; the task waits for its result.
    Waiting {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
    },
    /// A task began to run.
    Started {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// Device that it runs on; absent for work inside the engine.
        device: Option<Device>,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// A running task told how far it is.
    Ticked {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// How far it is.
        tick: Tick,
    },
    /// A running task said something worth a line.
    Noted {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// What it said.
        text: String,
    },
    /// A running task said something that whoever uses its result should know.
    Warned {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// What it said.
        text: String,
    },
    /// A task ran to its end and its outputs are in the cache.
    Finished {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// Seconds that it took.
        seconds: f64,
        /// Output port -> artifact.
        outputs: BTreeMap<String, TaskOutput>,
    },
    /// An attempt at a task ended without a result.
    Failed {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// 1 for the first attempt.
        attempt: u32,
        /// Seconds until it is tried again, where it is.
        again_in: Option<f64>,
        /// What was found where, and what was expected.
        problem: String,
        /// What to do about it, where that is known.
        help: Option<String>,
        /// Last lines of its log.
        tail: Vec<String>,
        /// Its log; absent where nothing was said.
        log: Option<PathBuf>,
    },
    /// A task will not run.
    Skipped {
        /// Place in the plan.
        task: TaskId,
        /// Name in the plan.
        label: String,
        /// Why not.
        because: SkipReason,
    },
    /// A file from outside that is found nowhere is being fetched.
    FetchStarted {
        /// Name of the source.
        source: String,
        /// Where it comes from.
        url: String,
    },
    /// Another process fetches the same file; this one waits for it.
    FetchAwaited {
        /// Name of the source.
        source: String,
    },
    /// Part of a file has arrived.
    FetchTicked {
        /// Name of the source.
        source: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes in all, where the server or the manifest says it.
        of: Option<u64>,
    },
    /// A file has arrived, and is what the manifest asks for.
    Fetched {
        /// Name of the source.
        source: String,
        /// Where it came from.
        url: String,
        /// Digest of its content.
        content: Digest,
        /// Its size, bytes.
        bytes: u64,
        /// Seconds that it took.
        seconds: f64,
    },
    /// The run ended.
    RunFinished {
        /// Tasks that ran.
        ran: usize,
        /// Tasks found in the cache.
        cached: usize,
        /// Tasks that failed.
        failed: usize,
        /// Tasks that were skipped.
        skipped: usize,
        /// Seconds from start to end.
        seconds: f64,
    },
}

/// The artifact that left at a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskOutput {
    /// Digest of the artifact.
    pub digest: Digest,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
}

impl TaskOutput {
    /// Returns what a record says of its outputs.
    pub(super) fn all(record: &Record) -> BTreeMap<String, Self> {
        let brief = |output: &crate::store::Output| Self {
            digest: output.digest,
            bytes: output.bytes,
            summary: output.summary.clone(),
        };
        record.outputs.iter().map(|(port, output)| (port.clone(), brief(output))).collect()
    }
}

/// Which key found a task in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CachedBy {
    /// The recipe: nothing upstream had to be looked at.
    Recipe,
    /// The content of what enters: something upstream changed and gave the same.
    Content,
}

/// Why a task will not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// A task that it needs failed.
    NeedsFailed(TaskId),
    /// Some task failed, and the run was asked to end then.
    FailFast(TaskId),
    /// The user stopped the run.
    Stopped,
}

/// Whoever wants to know what happens in a run.
pub trait Listener {
    /// Hears an event, in the order in which they happen.
    fn hear(&self, event: &Event);
}
