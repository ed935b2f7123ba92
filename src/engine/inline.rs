//! Runs a job inside this process: the engine's light stages, those that run a program of the user,
//! and every stage inside a worker.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::Options;
use crate::engine::executor::Executor;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::engine::workers::Workers;
use crate::guard::Guard;
use crate::stage::Context;
use crate::stage::Produced;
use crate::stage::Runner;
use crate::stage::StageKind;

/// What programs of the user are granted.
#[derive(Clone, Copy, Default)]
pub(super) struct Permission<'a> {
    /// What they may inherit of the environment; nothing where none may be started.
    pub(super) environment: Option<&'a BTreeMap<String, OsString>>,
    /// Who ends them where this process is killed.
    pub(super) guard: Option<&'a Guard>,
}

impl<'a> Permission<'a> {
    /// Returns what the options of a run grant.
    pub(super) fn of(options: &'a Options<'_>) -> Self {
        Self { environment: options.programs.as_ref(), guard: options.guard.as_deref() }
    }
}

/// Runs jobs inside the engine's process, on rayon's threads.
pub(super) struct Inline<'a> {
    pub(super) programs: Permission<'a>,
}

impl Executor for Inline<'_> {
    fn execute(
        &self,
        kind: &StageKind,
        job: &Job,
        watch: &Watch<'_>,
        _: &TaskLog,
    ) -> Result<BTreeMap<String, Produced>, Failure> {
        catch_unwind(AssertUnwindSafe(|| run_here(kind, job, watch, self.programs)))
            .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())))
    }
}

/// Runs a job where its kind runs, unless it starts a program of the user and nobody permitted that.
pub(super) fn execute(
    (kind, job): (&StageKind, &Job),
    (watch, log): (&Watch<'_>, &TaskLog),
    options: &Options<'_>,
    workers: &Workers,
) -> Result<BTreeMap<String, Produced>, Failure> {
    if options.programs.is_none() && (kind.program)(&job.params).is_some() {
        return Err(Failure::new("the stage runs a program, which is not permitted")
            .help("read what it runs, and give `--allow-exec`"));
    }
    match kind.runner {
        Runner::Torch => workers.execute(kind, job, watch, log),
        Runner::Inline | Runner::Program => {
            Inline { programs: Permission::of(options) }.execute(kind, job, watch, log)
        }
    }
}

/// Runs a job on this thread.
pub(super) fn run_here(
    kind: &StageKind,
    job: &Job,
    watch: &Watch<'_>,
    programs: Permission<'_>,
) -> Result<BTreeMap<String, Produced>, Failure> {
    let context = Context {
        seed: job.seed,
        device: job.device,
        threads: job.threads,
        sources: job.sources.clone(),
        folder: job.folder.clone(),
        environment: programs.environment,
        guard: programs.guard,
        checkpoints: job.checkpoints.clone(),
        observer: watch,
    };
    (kind.run)(&context, &job.params, &job.inputs, &job.folder).map_err(Failure::from)
}
