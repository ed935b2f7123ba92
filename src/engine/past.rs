//! Earlier runs: what the cache's records say of a task that is about to run.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::engine::HeadStart;
use crate::plan::Change;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskKey;
use crate::plan::changes;
use crate::store::Error;
use crate::store::Record;
use crate::store::Store;

/// Differences beyond which an earlier task is no longer the same one, changed.
const FAR: usize = 4;

/// An earlier task: its key, and what it left.
type Run = (TaskKey, Record);

/// Every earlier task: by kind, then by params as text, so that those are compared once and not for
/// each task of a grid.
#[derive(Debug, Default)]
pub struct Past {
    kinds: BTreeMap<String, BTreeMap<String, Vec<Run>>>,
    /// How many images artifacts hold that are image sets.
    images: BTreeMap<Digest, u64>,
}

/// What a task will take, by a run of its kind with the same params.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Seconds.
    pub seconds: f64,
    /// Whether that run was on a GPU.
    pub on_gpu: bool,
    /// Size of everything it left, bytes.
    pub bytes: u64,
    /// Whether that run had other params.
    pub is_rough: bool,
}

impl Past {
    /// Reads all records.
    pub fn read(store: &Store) -> Result<Self, Error> {
        let mut past = Self::default();
        for record in store.records()? {
            // A record of another layout explains nothing; the task simply runs again.
            let Some(key) = record.key.read::<TaskKey>() else { continue };
            past.add(key, record);
        }
        Ok(past)
    }

    fn add(&mut self, key: TaskKey, record: Record) {
        for output in record.outputs.values() {
            let images = output.summary.get("images").and_then(Value::as_u64);
            self.images.extend(images.map(|images| (output.digest, images)));
        }
        let groups = self.kinds.entry(key.kind.clone()).or_default();
        groups.entry(key.params.to_string()).or_default().push((key, record));
    }

    /// Returns the earlier task that differs least, the latest of those, and how it differs.
    pub fn nearest(&self, key: &TaskKey) -> Option<(&Record, Vec<Change>)> {
        let groups = self.kinds.get(&key.kind)?.values();
        let nearest = groups.filter_map(|runs| nearest_of(runs, key));
        let (distance, (old, record)) =
            nearest.min_by_key(|(distance, (_, record))| (*distance, Reverse(record.finished)))?;
        (distance <= FAR).then(|| (record, changes(Some(old), key)))
    }

    /// Returns the key of another run than `like` that made an artifact at a port; of several, the one
    /// that differs least. `like` is of the same kind.
    pub(super) fn maker(&self, artifact: Digest, port: &str, like: &TaskKey) -> Option<&TaskKey> {
        let runs = self.kinds.get(&like.kind)?.values().flatten();
        let made = |record: &Record| {
            record.outputs.get(port).is_some_and(|output| output.digest == artifact)
        };
        let makers = runs.filter(|(key, record)| key != like && made(record)).map(|(key, _)| key);
        makers.min_by_key(|key| changes(Some(key), like).len())
    }

    /// Returns what a task says otherwise than the earlier run that is nearest to it, whatever enters
    /// it; nothing where none is near.
    pub(super) fn own_changes(&self, own: &TaskKey) -> Vec<Change> {
        let runs = self.kinds.get(&own.kind).into_iter().flat_map(BTreeMap::values);
        let nearest = runs.filter_map(|runs| runs.iter().max_by_key(|(_, run)| run.finished));
        let apart = nearest.map(|(key, run)| {
            let old = TaskKey { inputs: BTreeMap::new(), seed: own.seed, ..key.clone() };
            (changes(Some(&old), own), Reverse(run.finished))
        });
        let nearest = apart.min_by_key(|(changes, finished)| (changes.len(), *finished));
        nearest.map(|(changes, _)| changes).filter(|all| all.len() <= FAR).unwrap_or_default()
    }

    /// Returns what a task will take, by the run of its kind with the same params that took in the
    /// nearest number of images, the latest of those: its time grows with that number. Where none had
    /// the same params, one stands in that differs in a few, and the answer is rough. A training takes
    /// time for the epochs that it need not go on from.
    pub fn expected(
        &self,
        plan: &Plan,
        task: &Task,
        head_start: Option<HeadStart>,
    ) -> Option<Expected> {
        let groups = self.kinds.get(task.kind.name)?;
        let own = task.own_key();
        let same = groups.get(&own.params.to_string());
        let runs = same.or_else(|| near_params(groups, &own))?;
        let images = images_in(plan, task);
        let distance = |run: &Run| images.abs_diff(self.images_into(&run.0));
        let nearest = runs.iter().min_by_key(|run| (distance(run), Reverse(run.1.finished)))?;
        let expected = Expected::of(&nearest.1);
        let then = self.images_into(&nearest.0);
        let growth = if then > 0 && images > 0 { images as f64 / then as f64 } else { 1.0 };
        let growth = growth * epochs_of(task, &nearest.0, head_start);
        let is_rough = same.is_none();
        Some(Expected { seconds: expected.seconds * growth, is_rough, ..expected })
    }

    /// Returns how long a task will take, at a glance: as the latest run with the same params, or else
    /// as the runs of its kind on average; a second where none ran before.
    pub(super) fn typical_seconds(&self, task: &Task) -> f64 {
        let Some(groups) = self.kinds.get(task.kind.name) else { return 1.0 };
        if let Some(runs) = groups.get(&task.own_key().params.to_string()) {
            let latest = runs.iter().max_by_key(|(_, record)| record.finished);
            return latest.map_or(1.0, |(_, record)| record.seconds);
        }
        let all = groups.values().flatten().map(|(_, record)| record.seconds);
        let (sum, count) = all.fold((0.0, 0), |(sum, count), seconds| (sum + seconds, count + 1));
        sum / f64::from(count.max(1))
    }

    /// Returns how many images entered a run, where that is known.
    fn images_into(&self, key: &TaskKey) -> u64 {
        let counts = key.inputs.values().flatten().filter_map(|digest| self.images.get(digest));
        counts.fold(0, |sum: u64, count| sum.saturating_add(*count))
    }
}

/// Returns how many times as many epochs a task will go as an earlier run of its kind had; 1 where it
/// does not train.
fn epochs_of(task: &Task, earlier: &TaskKey, head_start: Option<HeadStart>) -> f64 {
    let Some(now) = task.course() else { return 1.0 };
    let Some(then) = (task.kind.course)(&earlier.params) else { return 1.0 };
    let behind = head_start.map_or(0, |start| start.epochs);
    now.epochs().saturating_sub(behind) as f64 / then.epochs().max(1) as f64
}

/// Returns the runs whose params differ least from a task's, where that is little.
fn near_params<'a>(groups: &'a BTreeMap<String, Vec<Run>>, own: &TaskKey) -> Option<&'a Vec<Run>> {
    let distance = |runs: &Vec<Run>| {
        let all = changes(Some(&runs.first()?.0), own);
        Some(all.iter().filter(|change| matches!(change, Change::Param { .. })).count())
    };
    let near = groups.values().filter_map(|runs| Some((distance(runs)?, runs)));
    let (_, runs) = near.filter(|(apart, _)| *apart <= FAR).min_by_key(|(apart, _)| *apart)?;
    Some(runs)
}

/// Returns how many images will enter a task, where that is known.
fn images_in(plan: &Plan, task: &Task) -> u64 {
    let counts = task.all_inputs().filter_map(|(_, input)| {
        Some(plan.task(input.task).counts.get(&*input.port)?.total() as u64)
    });
    counts.sum()
}

impl Expected {
    /// Returns what a run took.
    pub fn of(record: &Record) -> Self {
        Self {
            seconds: record.seconds,
            on_gpu: record.device.as_ref().is_some_and(|device| device.starts_with("cuda")),
            bytes: record.bytes(),
            is_rough: false,
        }
    }
}

/// Returns which of the runs that share their params differs least from a key, the latest of those,
/// and in how many places it differs.
fn nearest_of<'a>(runs: &'a [Run], key: &TaskKey) -> Option<(usize, &'a Run)> {
    let all = changes(Some(&runs.first()?.0), key);
    let params = all.iter().filter(|change| matches!(change, Change::Param { .. })).count();
    let distances = runs.iter().map(|run| (params + beside_params(&run.0, key), run));
    distances.min_by_key(|(distance, (_, record))| (*distance, Reverse(record.finished)))
}

/// Returns in how many places two keys of one kind differ, beside their params.
fn beside_params(old: &TaskKey, new: &TaskKey) -> usize {
    usize::from(old.format != new.format)
        + usize::from(old.version != new.version)
        + usize::from(old.seed != new.seed)
        + differing(&old.inputs, &new.inputs)
        + differing(&old.sources, &new.sources)
}

fn differing<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> usize {
    let changed = old.iter().filter(|(name, value)| new.get(*name) != Some(*value)).count();
    changed + new.keys().filter(|name| !old.contains_key(*name)).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::Past;
    use crate::artifact::Partition;
    use crate::digest::Digest;
    use crate::engine::toys::NUMBER;
    use crate::engine::toys::SUM;
    use crate::engine::toys::Sketch;
    use crate::plan::TaskKey;
    use crate::plan::changes;
    use crate::stage::Counts;
    use crate::store::Listing;
    use crate::store::Output;
    use crate::store::Record;

    fn key(epochs: u32, input: u8, seed: u64) -> TaskKey {
        TaskKey {
            format: 1,
            kind: "fit".to_owned(),
            version: 1,
            params: json!({"epochs": epochs, "rate": 0.1}),
            inputs: BTreeMap::from([("images".to_owned(), vec![Digest::of_bytes(&[input])])]),
            sources: BTreeMap::new(),
            seed,
        }
    }

    fn record(finished: u64) -> Record {
        Record {
            format: 1,
            key: crate::store::Key::of(&json!({})),
            recipe: None,
            outputs: litemap::LiteMap::new(),
            seconds: 1.0,
            device: None,
            threads: None,
            memory: None,
            machine: None,
            finished,
            log: None,
        }
    }

    #[test]
    fn the_nearest_run_differs_least_and_is_the_latest_of_those() {
        let mut past = Past::default();
        let runs = [(40, 1, 1), (40, 2, 1), (40, 1, 2), (60, 1, 1), (60, 1, 2)];
        for (finished, (epochs, input, seed)) in (0..).zip(runs) {
            past.add(key(epochs, input, seed), record(finished));
        }
        for (asked, nearest) in [((40, 2, 1), 1), ((60, 2, 1), 3), ((40, 1, 3), 2), ((9, 1, 1), 3)]
        {
            let new = key(asked.0, asked.1, asked.2);
            let (found, told) = past.nearest(&new).unwrap();
            assert_eq!(found.finished, nearest, "{asked:?}");
            let (epochs, input, seed) = runs[nearest as usize];
            assert_eq!(told, changes(Some(&key(epochs, input, seed)), &new));
        }
        let mut other = key(40, 1, 1);
        other.kind = "score".to_owned();
        assert!(past.nearest(&other).is_none());
    }

    #[test]
    fn time_grows_with_the_images_from_the_run_with_the_nearest_number() {
        let images = |count: u64| Output {
            digest: Digest::of_bytes(&count.to_le_bytes()),
            bytes: 7,
            summary: json!({"images": count}),
            blobs: Listing::default(),
        };
        let mut sketch = Sketch::new();
        let source = sketch.add("source", &NUMBER, &json!({}), &[]);
        let sum = sketch.add("sum", &SUM, &json!({}), &[source]);
        let mut past = Past::default();
        let own = sketch.plan.task(sum).own_key();
        for (count, seconds) in [(100, 4.0), (400, 10.0)] {
            let output = images(count);
            let key = TaskKey {
                inputs: BTreeMap::from([("terms".to_owned(), vec![output.digest])]),
                ..own.clone()
            };
            past.add(key, Record { seconds, ..record(count) });
            let outputs = [("images".to_owned(), output)].into_iter().collect();
            let mut maker = own.clone();
            maker.kind = "load".to_owned();
            past.add(maker, Record { outputs, ..record(0) });
        }
        let mut seconds = |count: usize| {
            let counts = Counts::of(Partition::Train, count);
            std::sync::Arc::make_mut(&mut sketch.task(source).counts)
                .insert("value".to_owned(), counts);
            past.expected(&sketch.plan, sketch.plan.task(sum), None).unwrap().seconds
        };
        assert_eq!([100, 150, 400, 800].map(&mut seconds), [4.0, 6.0, 10.0, 20.0]);
    }
}
