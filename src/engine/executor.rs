//! An executor: a way to run a job, here or elsewhere.

use std::collections::BTreeMap;

use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::stage::Produced;
use crate::stage::StageKind;

/// A way to run a job.
pub(super) trait Executor: Sync {
    /// Runs a job to its end; output port -> folder with its files, below the job's folder.
    fn execute(
        &self,
        kind: &StageKind,
        job: &Job,
        watch: &Watch<'_>,
        log: &TaskLog,
    ) -> Result<BTreeMap<String, Produced>, Failure>;
}
