//! Status: what the cache has of a plan, without running anything.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::engine::CachedBy;
use crate::engine::HeadStart;
use crate::engine::trainings::head_start;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::store::Record;
use crate::store::Store;

/// What the cache has of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Its outputs.
    Hit {
        /// What it made.
        record: Box<Record>,
        /// Which key found it.
        by: CachedBy,
    },
    /// Nothing, though all its inputs are there.
    Miss {
        /// Its key; absent where a source is missing.
        key: Option<TaskKey>,
        /// What of its training need not be computed again.
        head_start: Option<HeadStart>,
    },
    /// Not known before what it needs has run.
    Unknown,
}

impl Status {
    /// Returns what the task made, where it is in the cache.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Hit { record, .. } => Some(record),
            Self::Miss { .. } | Self::Unknown => None,
        }
    }

    /// Returns what of a training need not be computed again.
    pub fn head_start(&self) -> Option<HeadStart> {
        match self {
            Self::Miss { head_start, .. } => *head_start,
            Self::Hit { .. } | Self::Unknown => None,
        }
    }
}

/// Says of each task what the cache has of it.
pub fn status(plan: &Plan, store: &Store) -> BTreeMap<TaskId, Status> {
    let mut all: BTreeMap<TaskId, Status> = BTreeMap::new();
    for task in &plan.tasks {
        let found = task.recipe.and_then(|recipe| store.by_recipe(recipe));
        let status = if let Some(record) = found {
            Status::Hit { record: Box::new(record), by: CachedBy::Recipe }
        } else if let Some(inputs) = input_digests(task, |id| all.get(&id)?.record()) {
            let key = task.key(inputs);
            if let Some(record) = key.as_ref().and_then(|key| store.find(key.digest())) {
                Status::Hit { record: Box::new(record), by: CachedBy::Content }
            } else {
                let head_start = key.as_ref().and_then(|key| head_start(task, key, store));
                Status::Miss { key, head_start }
            }
        } else {
            Status::Unknown
        };
        all.insert(task.id, status);
    }
    all
}

/// Returns the tasks that a run to the wanted results may have to run; an empty set means every result.
/// Some of them may turn out to be there, once what they need has run.
pub fn pending(plan: &Plan, wanted: &BTreeSet<TaskId>, store: &Store) -> BTreeSet<TaskId> {
    let mut open = Need::of(plan, wanted, store).open;
    if !open.is_empty() {
        let status = status(plan, store);
        open.retain(|id| status[id].record().is_none());
    }
    open
}

/// Returns the digests of what enters each port of a task; nothing where one is not known.
pub(super) fn input_digests<'a>(
    task: &Task,
    record: impl Fn(TaskId) -> Option<&'a Record>,
) -> Option<BTreeMap<String, Vec<Digest>>> {
    let mut digests: BTreeMap<String, Vec<Digest>> =
        task.inputs.keys().map(|port| (port.clone(), Vec::new())).collect();
    for (port, input) in task.all_inputs() {
        let output = record(input.task)?.outputs.get(&*input.port)?;
        digests.get_mut(port)?.push(output.digest);
    }
    Some(digests)
}

/// What of a plan is there, and what must run to get the rest.
#[derive(Debug, Default)]
pub(super) struct Need {
    /// Tasks that their recipe found.
    pub(super) found: BTreeMap<TaskId, Record>,
    /// Their keys.
    pub(super) keys: BTreeMap<TaskId, Digest>,
    /// Tasks that are to be looked up by content, and run where that finds nothing.
    pub(super) open: BTreeSet<TaskId>,
}

impl Need {
    /// Returns what the wanted tasks need; an empty set means every result that enters no other task.
    ///
    /// Goes from the results upwards and stops at what its recipe finds: an upstream that nobody
    /// needs is never run. It is looked for all the same, to be told of.
    pub(super) fn of(plan: &Plan, wanted: &BTreeSet<TaskId>, store: &Store) -> Self {
        let mut wanted = if wanted.is_empty() { results(plan) } else { wanted.clone() };
        let told = plan.with_ancestors(&wanted);
        let told: Vec<&Task> = told.iter().map(|&id| plan.task(id)).collect();
        // Many small files: on all cores.
        let by_recipe = |task: &&Task| {
            let key = store.key_of(task.recipe?)?;
            Some((key, store.find(key)?))
        };
        let known: Vec<_> = told.par_iter().map(by_recipe).collect();
        let mut need = Self::default();
        for (task, known) in told.into_iter().zip(known).rev() {
            if let Some((key, record)) = known {
                need.found.insert(task.id, record);
                need.keys.insert(task.id, key);
            } else if wanted.contains(&task.id) {
                need.open.insert(task.id);
                wanted.extend(task.all_inputs().map(|(_, input)| input.task));
            }
        }
        need
    }
}

/// Returns the tasks whose outputs enter no other task.
fn results(plan: &Plan) -> BTreeSet<TaskId> {
    let mut results: BTreeSet<TaskId> = plan.tasks.iter().map(|task| task.id).collect();
    for task in &plan.tasks {
        for (_, input) in task.all_inputs() {
            results.remove(&input.task);
        }
    }
    results
}
