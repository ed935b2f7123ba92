//! Trainings that run: where two have their first epochs in common, the second waits until the first
//! has gone them, and goes on from its checkpoint. Nothing is trained twice.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use serde::Serialize;

use crate::digest::Digest;
use crate::engine::Ended;
use crate::engine::Outcome;
use crate::engine::Status;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::stage::Course;
use crate::store::Claim;
use crate::store::Error;
use crate::store::Store;

/// A training that is about to run: what decides it but for its course, and that course.
#[derive(Debug, Clone)]
pub(super) struct Training {
    /// Names the folder of checkpoints, which all trainings share that differ in their courses alone.
    pub(super) way: Digest,
    pub(super) course: Course,
}

impl Training {
    /// Returns what a task trains, if it does.
    pub(super) fn of(task: &Task, key: &TaskKey) -> Option<Self> {
        let course = task.course()?;
        Some(Self { way: key.course(task.kind.course_params), course })
    }

    /// Removes the checkpoints that do not outlive it.
    pub(super) fn leave_the_lasting(&self, store: &Store) -> Result<(), Error> {
        store.drop_checkpoints(self.way, |name| self.course.is_passing(name))
    }
}

/// Removes, after trainings that were found done, the checkpoints that do not outlive them: whoever ran
/// them may have been killed before it could. A way on which another process trains is left to that.
pub(super) fn leave_those_found(
    plan: &Plan,
    outcome: &Outcome,
    store: &Store,
) -> Result<(), Error> {
    for (&id, ended) in &outcome.tasks {
        let (Ended::Cached(record), task) = (ended, plan.task(id)) else { continue };
        if task.kind.course_params.is_empty() {
            continue; // most are no trainings, and need not be looked into
        }
        let key: Option<TaskKey> = record.key.read();
        let Some(training) = key.and_then(|key| Training::of(task, &key)) else { continue };
        let names = store.checkpoint_names(training.way)?;
        if names.iter().any(|name| training.course.is_passing(name))
            && let Some(_claim) = store.claim(training.way)?
        {
            training.leave_the_lasting(store)?;
        }
    }
    Ok(())
}

/// What a training need not compute again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeadStart {
    /// Epochs up to the checkpoint from which it goes on.
    pub epochs: usize,
    /// Epochs in all.
    pub of: usize,
}

/// Returns what a task that trains need not compute again, where there is any.
pub(super) fn head_start(task: &Task, key: &TaskKey, store: &Store) -> Option<HeadStart> {
    let training = Training::of(task, key)?;
    let names = store.checkpoint_names(training.way).ok()?;
    let epochs = names.iter().filter_map(|name| training.course.epochs_behind(name)).max()?;
    Some(HeadStart { epochs, of: training.course.epochs() })
}

/// Returns what names the checkpoints of all trainings of a plan, those done and those to do, as far as
/// what enters them is known.
pub fn ways(plan: &Plan, status: &BTreeMap<TaskId, Status>) -> BTreeSet<Digest> {
    let key = |status: &Status| match status {
        Status::Hit { record, .. } => record.key.read(),
        Status::Miss { key, .. } => key.clone(),
        Status::Unknown => None,
    };
    let way = |(id, status): (&TaskId, &Status)| {
        Training::of(plan.task(*id), &key(status)?).map(|training| training.way)
    };
    status.iter().filter_map(way).collect()
}

/// The trainings that run, and how far they are.
#[derive(Debug, Default)]
pub(super) struct Trainings<'a> {
    running: BTreeMap<TaskId, (Training, usize)>,
    /// Held against other processes, as long as one of the trainings of a way runs.
    claims: BTreeMap<Digest, Claim<'a>>,
}

impl<'a> Trainings<'a> {
    /// Returns whether a training has nothing to wait for in this process.
    pub(super) fn may_start(&self, training: &Training) -> bool {
        self.running.values().all(|(other, done)| {
            other.way != training.way || *done >= training.course.in_common(&other.course)
        })
    }

    /// Notes that a training starts; answers false where another process trains on the same way.
    pub(super) fn start(
        &mut self,
        task: TaskId,
        training: &Training,
        store: &'a Store,
    ) -> Result<bool, Error> {
        if let Entry::Vacant(place) = self.claims.entry(training.way) {
            let Some(claim) = store.claim(training.way)? else { return Ok(false) };
            place.insert(claim);
        }
        self.running.insert(task, (training.clone(), 0));
        Ok(true)
    }

    /// Notes that a training has so many epochs behind it, with a checkpoint where one was due.
    pub(super) fn reach(&mut self, task: TaskId, epochs: usize) {
        if let Some((_, done)) = self.running.get_mut(&task) {
            *done = epochs;
        }
    }

    /// Notes that a task no longer runs, if it was a training.
    pub(super) fn end(&mut self, task: TaskId) {
        self.running.remove(&task);
        let running = &self.running;
        self.claims.retain(|way, _| running.values().any(|(training, _)| training.way == *way));
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Store;
    use super::TaskId;
    use super::Training;
    use super::Trainings;
    use crate::stage::Checkpoints;
    use crate::stage::Course;
    use crate::stage::Phase;

    fn training(way: &str, schedule: &[(usize, f64)]) -> Training {
        let phase = |&(epochs, learning_rate): &(usize, f64)| Phase { epochs, learning_rate };
        let phases: Vec<Phase> = schedule.iter().map(phase).collect();
        let course = Course::new(&phases, Checkpoints::default());
        Training { way: Digest::of_bytes(way.as_bytes()), course }
    }

    #[test]
    fn a_training_waits_for_the_epochs_that_another_goes_for_both() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut trainings = Trainings::default();
        let first = training("gan", &[(800, 0.1), (600, 0.05)]);
        let second = training("gan", &[(800, 0.1), (600, 0.01)]);
        let apart = training("gan", &[(800, 0.2)]);
        let other = training("other", &[(800, 0.1)]);
        assert!(trainings.may_start(&second));
        assert!(trainings.start(TaskId(0), &first, &store).unwrap());
        assert!(!trainings.may_start(&second));
        assert!(trainings.may_start(&apart) && trainings.may_start(&other));
        trainings.reach(TaskId(0), 799);
        assert!(!trainings.may_start(&second));
        trainings.reach(TaskId(0), 800);
        assert!(trainings.may_start(&second));
        assert!(trainings.start(TaskId(1), &second, &store).unwrap());
        trainings.end(TaskId(0));
        assert!(!trainings.may_start(&first), "the second has not told how far it is");
        trainings.end(TaskId(1));
        assert!(trainings.may_start(&first));
    }

    #[test]
    fn processes_train_on_one_way_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        let (mut ones, mut twos) = (Trainings::default(), Trainings::default());
        let training = training("gan", &[(8, 0.1)]);
        assert!(ones.start(TaskId(0), &training, &one).unwrap());
        assert!(!twos.start(TaskId(5), &training, &two).unwrap());
        ones.end(TaskId(0));
        assert!(twos.start(TaskId(5), &training, &two).unwrap());
    }
}
