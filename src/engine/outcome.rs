//! The outcome of a run: how each task ended.

use std::collections::BTreeMap;

use crate::engine::Failure;
use crate::engine::SkipReason;
use crate::plan::TaskId;
use crate::store::Record;

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Its outputs were in the cache.
    Cached(Box<Record>),
    /// It ran, and its outputs are in the cache now.
    Ran(Box<Record>),
    /// It ended without a result.
    Failed(Failure),
    /// It did not run.
    Skipped(SkipReason),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// How each task ended; tasks that nobody needed are absent.
    pub tasks: BTreeMap<TaskId, Ended>,
    /// Whether the user stopped the run before its end.
    pub stopped: bool,
}

impl Outcome {
    /// Returns a task's record, where it has one.
    pub fn record(&self, task: TaskId) -> Option<&Record> {
        match self.tasks.get(&task)? {
            Ended::Cached(record) | Ended::Ran(record) => Some(record),
            Ended::Failed(_) | Ended::Skipped(_) => None,
        }
    }

    /// Returns whether every task that was needed has its outputs.
    pub fn is_complete(&self) -> bool {
        self.tasks.keys().all(|&task| self.record(task).is_some())
    }

    /// Returns every failed task, and why it failed.
    pub fn failures(&self) -> impl Iterator<Item = (TaskId, &Failure)> {
        self.tasks.iter().filter_map(|(&task, ended)| match ended {
            Ended::Failed(failure) => Some((task, failure)),
            _ => None,
        })
    }

    /// Counts tasks by how they ended: ran, cached, failed, skipped.
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for ended in self.tasks.values() {
            counts[match ended {
                Ended::Ran(_) => 0,
                Ended::Cached(_) => 1,
                Ended::Failed(_) => 2,
                Ended::Skipped(_) => 3,
            }] += 1;
        }
        counts
    }
}
