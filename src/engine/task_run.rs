//! One attempt at one task: from its job to its published record. Runs beside the loop, on a thread that may block.

use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::artifact::Tree;
use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::Options;
use crate::engine::PROTOCOL;
use crate::engine::inline::execute;
use crate::engine::log::TaskLog;
use crate::engine::observer::Signal;
use crate::engine::observer::Watch;
use crate::engine::trainings::Training;
use crate::engine::workers::Workers;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::seed::Seed;
use crate::stage::Device;
use crate::stage::Produced;
use crate::stage::Trees;
use crate::store;
use crate::store::Facts;
use crate::store::Hold;
use crate::store::Lease;
use crate::store::Made;
use crate::store::Record;
use crate::store::Store;

/// What every task of a run shares.
pub(super) struct Surroundings<'a> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    /// Keeps what the run relies on from being collected.
    pub(super) hold: &'a Hold<'a>,
    pub(super) options: &'a Options<'a>,
    pub(super) workers: &'a Workers,
    /// Set where the run ends early, with an error.
    pub(super) halt: &'a AtomicBool,
    /// When the run began.
    pub(super) clock: Instant,
}

impl Surroundings<'_> {
    /// Returns whether the run is to end, by the user's wish or since it cannot go on.
    pub(super) fn is_stopped(&self) -> bool {
        self.options.cancel.load(Ordering::SeqCst) || self.halt.load(Ordering::SeqCst)
    }

    /// Returns the time, seconds since 1970 (UTC).
    pub(super) fn now(&self) -> u64 {
        self.options.time + self.clock.elapsed().as_secs()
    }
}

/// One attempt at one task.
pub(super) struct Attempt<'a> {
    around: &'a Surroundings<'a>,
    task: &'a Task,
    key: TaskKey,
    /// Device that it runs on; absent for work inside the engine.
    device: Option<Device>,
    /// Threads that it may keep busy.
    threads: usize,
    lease: Lease<'a>,
    training: Option<Training>,
    log: TaskLog,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        around: &'a Surroundings<'a>,
        id: TaskId,
        key: TaskKey,
        (device, threads): (Option<Device>, usize),
        lease: Lease<'a>,
        log: TaskLog,
    ) -> Self {
        let task = around.plan.task(id);
        let training = Training::of(task, &key);
        Self { around, task, key, device, threads, lease, training, log }
    }

    /// Runs the job and publishes what it made.
    pub(super) fn run(self, tell: &(dyn Fn(Signal) + Sync)) -> Result<Record, Failure> {
        let options = self.around.options;
        let stop = || self.around.is_stopped();
        let watch = Watch::new(tell, &stop).limit(self.task.resources.time).log(&self.log);
        let start = Instant::now();
        let job = self.job()?;
        let workers = self.around.workers;
        let produced = execute((self.task.kind, &job), (&watch, &self.log), options, workers)
            .map_err(|failure| self.overdue(&watch).unwrap_or(failure))?;
        self.refuse_changed_sources()?;
        let facts = Facts {
            key: store::Key::of(&self.key),
            recipe: self.task.recipe,
            seconds: start.elapsed().as_secs_f64(),
            device: self.device.map(|device| device.to_string()),
            threads: Some(self.threads),
            memory: watch.peak(),
            machine: options.machine.clone(),
            finished: self.around.now(),
            log: self.log.file().map(ToOwned::to_owned),
        };
        let made = self.made(produced)?;
        let record = self.lease.publish(&made, facts)?;
        if let Some(training) = self.training {
            training.leave_the_lasting(self.around.store)?;
        }
        Ok(record)
    }

    fn job(&self) -> Result<Job, Failure> {
        let training = self.training.as_ref();
        Ok(Job {
            protocol: PROTOCOL,
            label: self.task.to_string(),
            kind: self.task.kind.name.to_owned(),
            version: self.task.kind.version,
            params: self.task.params.value(),
            inputs: self.inputs()?,
            sources: self
                .task
                .sources
                .iter()
                .filter_map(|(name, source)| Some((name.clone(), source.path.clone()?)))
                .collect(),
            seed: Seed(self.task.seed),
            device: self.device.unwrap_or(Device::Cpu),
            threads: self.threads,
            folder: self.lease.scratch().clone(),
            checkpoints: training.map(|training| self.around.store.checkpoints(training.way)),
        })
    }

    fn inputs(&self) -> Result<Trees, store::Error> {
        let mut trees = Trees::new();
        for (port, digests) in &self.key.inputs {
            let tree = |&digest| self.around.store.checked_tree(digest).map(Tree);
            trees.insert(port.clone(), digests.iter().map(tree).collect::<Result<_, _>>()?);
        }
        Ok(trees)
    }

    /// Returns a failure where a file from outside is no longer what the key says: what was made may be
    /// made of either.
    fn refuse_changed_sources(&self) -> Result<(), Failure> {
        for (name, source) in &self.task.sources {
            let same = source.is_unchanged().map_err(|error| Failure::new(error.to_string()))?;
            if !same {
                // Should it only look as it did before, it is read the next time.
                if let Some(path) = &source.path {
                    self.around.store.forget(path)?;
                }
                return Err(Failure::new(format!("`{name}` changed while the study ran"))
                    .help("run again: its new content has another key"));
            }
        }
        Ok(())
    }

    /// Returns the failure of a task that took longer than it may.
    fn overdue(&self, watch: &Watch<'_>) -> Option<Failure> {
        let limit = self.task.resources.time;
        (watch.is_overdue() && !watch.is_stopped()).then(|| {
            Failure::new(format!("the stage ran past its limit of {limit} s"))
                .help("raise `resources.time` of the stage")
        })
    }

    /// Returns what was made at every port; a kind that left one out has a bug.
    fn made(
        &self,
        mut produced: BTreeMap<String, Produced>,
    ) -> Result<BTreeMap<String, Made>, Failure> {
        let mut made = BTreeMap::new();
        for port in &self.task.ports.outputs {
            let Produced { folder, summary } = produced.remove(&*port.name).ok_or_else(|| {
                Failure::new(format!(
                    "kind `{}` left nothing at its output `{}`",
                    self.task.kind.name, port.name
                ))
            })?;
            // The reply may come from another process: what lies elsewhere would be moved away.
            if !lies_below(&folder, self.lease.scratch()) {
                return Err(Failure::new(format!(
                    "kind `{}` left its output `{}` in `{}`, which is not below the job's folder",
                    self.task.kind.name,
                    port.name,
                    folder.display()
                )));
            }
            made.insert(port.name.to_string(), Made { folder, summary });
        }
        Ok(made)
    }
}

fn lies_below(path: &Path, folder: &Path) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_ok_and(|rest| rest.components().all(|part| matches!(part, Component::Normal(_))))
}
