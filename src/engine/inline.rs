//! Runs a job inside this process: the engine's light stages, and every stage inside a worker.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::executor::Executor;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::stage::Context;
use crate::stage::Produced;
use crate::stage::StageKind;

/// Runs jobs inside the engine's process, on rayon's threads.
pub(super) struct Inline;

impl Executor for Inline {
    fn execute(
        &self,
        kind: &StageKind,
        job: &Job,
        watch: &Watch<'_>,
        _: &TaskLog,
    ) -> Result<BTreeMap<String, Produced>, Failure> {
        catch_unwind(AssertUnwindSafe(|| run_here(kind, job, watch)))
            .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())))
    }
}

/// Runs a job on this thread.
pub(super) fn run_here(
    kind: &StageKind,
    job: &Job,
    watch: &Watch<'_>,
) -> Result<BTreeMap<String, Produced>, Failure> {
    let context = Context {
        seed: job.seed,
        device: job.device,
        threads: job.threads,
        sources: job.sources.clone(),
        checkpoints: job.checkpoints.clone(),
        observer: watch,
    };
    (kind.run)(&context, &job.params, &job.inputs, &job.folder).map_err(Failure::from)
}
