//! The workers: one process for each slot of a device, kept between jobs, replaced after a fault.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::engine::DevicePolicy;
use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::Options;
use crate::engine::WorkerCommand;
use crate::engine::executor::Executor;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::engine::process::Process;
use crate::guard::Guard;
use crate::stage::Device;
use crate::stage::Observer;
use crate::stage::Produced;
use crate::stage::StageKind;

/// Runs jobs in worker processes.
pub(super) struct Workers {
    command: WorkerCommand,
    /// Whether no worker ever looks for a GPU, which takes time.
    cpu_only: bool,
    /// Who ends them where this process is killed.
    guard: Option<Arc<Guard>>,
    /// Workers without a job, with the device that they used before.
    idle: Mutex<Vec<(Option<Device>, Process)>>,
}

impl Workers {
    pub(super) fn new(options: &Options<'_>) -> Self {
        let cpu_only = options.devices == DevicePolicy::Cpu;
        let (command, guard) = (options.worker.clone(), options.guard.clone());
        Self { command, cpu_only, guard, idle: Mutex::default() }
    }

    /// Counts the CUDA devices that workers can use, by starting one; gives up where that is asked for.
    pub(super) fn count_cuda_devices(
        &self,
        log: &TaskLog,
        give_up: &dyn Fn() -> bool,
    ) -> Result<usize, Failure> {
        let process = self.start(log, give_up)?;
        let count = process.cuda_devices();
        self.put_back(None, process);
        Ok(count)
    }

    /// Returns an idle worker, best one that knows the device, or else a new one.
    fn take(
        &self,
        device: Device,
        log: &TaskLog,
        give_up: &dyn Fn() -> bool,
    ) -> Result<Process, Failure> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |wanted| idle.iter().position(|(used, _)| *used == wanted);
        if let Some(index) = place(Some(device)).or_else(|| place(None)) {
            return Ok(idle.swap_remove(index).1);
        }
        drop(idle);
        self.start(log, give_up)
    }

    fn start(&self, log: &TaskLog, give_up: &dyn Fn() -> bool) -> Result<Process, Failure> {
        Process::start(&self.command, (self.cpu_only, self.guard.clone()), log, give_up)
    }

    fn put_back(&self, device: Option<Device>, process: Process) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((device, process));
    }
}

impl Executor for Workers {
    fn execute(
        &self,
        _: &StageKind,
        job: &Job,
        watch: &Watch<'_>,
        log: &TaskLog,
    ) -> Result<BTreeMap<String, Produced>, Failure> {
        let mut process = self.take(job.device, log, &|| watch.cancelled())?;
        let (outcome, fit) = process.perform(job, watch, log);
        if fit {
            self.put_back(Some(job.device), process);
        }
        outcome
    }
}
