//! The schedule: which task may run when. A pure state machine: no thread, clock or file.
//!
//! Knows tasks only by number, and what each waits for. Whoever uses it starts and ends tasks and
//! is told what follows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::plan::TaskId;
use crate::stage::Device;

/// A place where one task at a time can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// Inside the engine.
    Inline,
    /// In a worker, on this device.
    Device(Device),
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Some of its inputs do not exist yet. Becomes `Ready` with the last of them, or `Skipped`.
    Waiting {
        /// Tasks that must end well before.
        unfinished: usize,
    },
    /// All its inputs exist. Becomes `Running`; or `Done` when it is found in the cache, `Failed`
    /// when it cannot be started, `Skipped` when the run is stopped.
    Ready,
    /// It occupies a slot. Becomes `Done` or `Failed`, or `Ready` again for another attempt.
    Running(Slot),
    /// Its outputs exist. Final.
    Done,
    /// It ended without a result. Final.
    Failed,
    /// It will not run: a task that it needs failed, or the run was stopped. Final.
    Skipped,
}

/// Which task may run when.
#[derive(Debug)]
pub(super) struct Schedule {
    states: BTreeMap<TaskId, State>,
    dependents: BTreeMap<TaskId, BTreeSet<TaskId>>,
    free: BTreeMap<Slot, usize>,
    fail_fast: bool,
}

impl Schedule {
    /// Returns the schedule of tasks, each given with those that it waits for; a task that is
    /// waited for but not itself given counts as done.
    pub(super) fn new(tasks: &BTreeMap<TaskId, BTreeSet<TaskId>>, fail_fast: bool) -> Self {
        let mut states = BTreeMap::new();
        let mut dependents: BTreeMap<TaskId, BTreeSet<TaskId>> = BTreeMap::new();
        for (&task, needed) in tasks {
            let needed = needed.iter().filter(|id| tasks.contains_key(id));
            let mut unfinished = 0;
            for &id in needed {
                dependents.entry(id).or_default().insert(task);
                unfinished += 1;
            }
            let waits = unfinished > 0;
            states.insert(task, if waits { State::Waiting { unfinished } } else { State::Ready });
        }
        Self { states, dependents, free: BTreeMap::new(), fail_fast }
    }

    /// Opens slots of a sort; returns false, and changes nothing, where they are open already.
    pub(super) fn open(&mut self, slot: Slot, count: usize) -> bool {
        let is_new = !self.free.contains_key(&slot);
        self.free.entry(slot).or_insert(count);
        is_new
    }

    /// Returns the tasks that may be started, in the order of the plan.
    pub(super) fn ready(&self) -> Vec<TaskId> {
        let ready = self.states.iter().filter(|(_, state)| **state == State::Ready);
        ready.map(|(&task, _)| task).collect()
    }

    /// Returns whether a task may still be started.
    pub(super) fn is_ready(&self, task: TaskId) -> bool {
        self.states.get(&task) == Some(&State::Ready)
    }

    /// Returns whether nothing is left to do.
    pub(super) fn is_finished(&self) -> bool {
        self.states
            .values()
            .all(|state| matches!(state, State::Done | State::Failed | State::Skipped))
    }

    /// Puts a ready task into the first of its slots that is free, if any is.
    pub(super) fn start(&mut self, task: TaskId, choices: &[Slot]) -> Option<Slot> {
        debug_assert_eq!(self.states[&task], State::Ready);
        let slot =
            *choices.iter().find(|slot| self.free.get(slot).is_some_and(|&free| free > 0))?;
        *self.free.get_mut(&slot)? -= 1;
        self.states.insert(task, State::Running(slot));
        Some(slot)
    }

    /// Takes a running task out of its slot, to be started again later.
    pub(super) fn give_back(&mut self, task: TaskId) {
        self.leave(task, State::Ready);
    }

    /// Notes that a ready or running task has its outputs.
    pub(super) fn succeed(&mut self, task: TaskId) {
        self.leave(task, State::Done);
        for dependent in self.dependents.get(&task).into_iter().flatten() {
            let state = self.states.get_mut(dependent).expect("dependents have a state");
            *state = match *state {
                State::Waiting { unfinished: 1 } => State::Ready,
                State::Waiting { unfinished } => State::Waiting { unfinished: unfinished - 1 },
                other => other,
            };
        }
    }

    /// Notes that a ready or running task has no result; returns what is skipped for it.
    pub(super) fn fail(&mut self, task: TaskId) -> Vec<TaskId> {
        self.leave(task, State::Failed);
        if self.fail_fast {
            return self.stop();
        }
        let mut skipped = BTreeSet::new();
        let mut open = vec![task];
        while let Some(id) = open.pop() {
            for &dependent in self.dependents.get(&id).into_iter().flatten() {
                if skipped.insert(dependent) {
                    open.push(dependent);
                }
            }
        }
        skipped.retain(|id| self.states[id] != State::Skipped);
        self.skip(skipped.into_iter().collect())
    }

    /// Skips everything that has not started; returns it.
    pub(super) fn stop(&mut self) -> Vec<TaskId> {
        let unstarted = |state: &State| matches!(state, State::Waiting { .. } | State::Ready);
        let skipped = self.states.iter().filter(|(_, state)| unstarted(state));
        let skipped = skipped.map(|(&task, _)| task).collect();
        self.skip(skipped)
    }

    fn skip(&mut self, tasks: Vec<TaskId>) -> Vec<TaskId> {
        for &task in &tasks {
            self.states.insert(task, State::Skipped);
        }
        tasks
    }

    fn leave(&mut self, task: TaskId, next: State) {
        let before = self.states.insert(task, next);
        debug_assert!(matches!(before, Some(State::Ready | State::Running(_))), "{before:?}");
        if let Some(State::Running(slot)) = before {
            *self.free.get_mut(&slot).expect("occupied slots were opened") += 1;
        }
    }
}
