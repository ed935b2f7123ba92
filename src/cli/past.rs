//! Earlier runs: what the cache's records say of a task that is about to run.

use std::collections::BTreeMap;

use crate::cli::failure::Failure;
use crate::cli::words;
use crate::plan::Change;
use crate::plan::Task;
use crate::plan::TaskKey;
use crate::plan::changes;
use crate::store::Record;
use crate::store::Store;

/// Differences beyond which an earlier task is no longer the same one, changed.
const FAR: usize = 4;

/// Every earlier task by kind, with its record.
#[derive(Default)]
pub(crate) struct Past {
    kinds: BTreeMap<String, Vec<(TaskKey, Record)>>,
}

impl Past {
    /// Reads all records.
    pub(crate) fn read(store: &Store) -> Result<Self, Failure> {
        let mut past = Self::default();
        for record in store.records()? {
            // A record of another layout explains nothing; the task simply runs again.
            let Ok(key) = serde_json::from_value::<TaskKey>(record.key.clone()) else { continue };
            past.kinds.entry(key.kind.clone()).or_default().push((key, record));
        }
        Ok(past)
    }

    /// Returns the earlier task that differs least, the latest of those, and how it differs.
    pub(crate) fn nearest(&self, key: &TaskKey) -> Option<(&Record, Vec<Change>)> {
        let known = self.kinds.get(&key.kind)?.iter();
        let differing = known.map(|(old, record)| (record, changes(Some(old), key)));
        differing
            .min_by_key(|(record, changes)| (changes.len(), std::cmp::Reverse(record.finished)))
            .filter(|(_, changes)| changes.len() <= FAR)
    }

    /// Says in one phrase why a task runs.
    pub(crate) fn why(&self, key: &TaskKey) -> String {
        match self.nearest(key) {
            None => "never run".to_owned(),
            Some((_, changes)) if changes.is_empty() => "its files are gone".to_owned(),
            Some((_, changes)) => changes.iter().map(words::change).collect::<Vec<_>>().join(", "),
        }
    }

    /// Returns the seconds that a task will take, by the latest of its kind with the same params,
    /// else the latest of its kind.
    pub(crate) fn seconds(&self, task: &Task) -> Option<f64> {
        let known = self.kinds.get(task.kind.name)?.iter();
        let latest =
            known.max_by_key(|(key, record)| (key.params == task.params, record.finished))?;
        Some(latest.1.seconds)
    }
}
