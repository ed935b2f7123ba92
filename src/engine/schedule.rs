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
    /// Main memory of the running tasks that say what they take, MiB.
    memory: BTreeMap<TaskId, u64>,
    memory_in_all: Option<u64>,
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
        let (free, memory) = (BTreeMap::new(), BTreeMap::new());
        Self { states, dependents, free, memory, memory_in_all: None, fail_fast }
    }

    /// Sets the main memory that all running tasks may take together, MiB; nothing means any.
    pub(super) fn limit_memory(mut self, in_all: Option<u64>) -> Self {
        self.memory_in_all = in_all;
        self
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

    /// Puts a ready task into the first of its slots that is free, if any is and there is memory
    /// for it, MiB; 0 means that what it takes is not known.
    pub(super) fn start(&mut self, task: TaskId, choices: &[Slot], memory: u64) -> Option<Slot> {
        debug_assert_eq!(self.states[&task], State::Ready);
        let slot =
            *choices.iter().find(|slot| self.free.get(slot).is_some_and(|&free| free > 0))?;
        if !self.has_memory_for(memory) {
            return None;
        }
        *self.free.get_mut(&slot)? -= 1;
        if memory > 0 {
            self.memory.insert(task, memory);
        }
        self.states.insert(task, State::Running(slot));
        Some(slot)
    }

    /// Returns whether a task that takes so much may start. One that takes more than there is may
    /// start when nobody else takes any: it could never start otherwise.
    fn has_memory_for(&self, memory: u64) -> bool {
        let taken = self.memory.values().fold(0, |sum: u64, one| sum.saturating_add(*one));
        let fits = self.memory_in_all.is_none_or(|all| taken.saturating_add(memory) <= all);
        memory == 0 || taken == 0 || fits
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
        self.memory.remove(&task);
        if let Some(State::Running(slot)) = before {
            *self.free.get_mut(&slot).expect("occupied slots were opened") += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Device;
    use super::Schedule;
    use super::Slot;
    use super::State;
    use super::TaskId;

    type Graph = BTreeMap<TaskId, BTreeSet<TaskId>>;

    /// Graphs of up to 12 tasks, each needing some of those before it.
    fn graphs() -> impl Strategy<Value = Graph> {
        proptest::collection::vec(any::<u16>(), 0..12).prop_map(|masks| {
            let needs = |task: usize, mask: u16| {
                (0..task).filter(|other| mask & (1 << other) != 0).map(TaskId).collect()
            };
            masks
                .iter()
                .enumerate()
                .map(|(task, &mask)| (TaskId(task), needs(task, mask)))
                .collect()
        })
    }

    /// Returns a task's ancestors.
    fn ancestors(graph: &Graph, task: TaskId) -> BTreeSet<TaskId> {
        let mut all = graph[&task].clone();
        for &needed in &graph[&task] {
            all.extend(ancestors(graph, needed));
        }
        all
    }

    const GPU: Slot = Slot::Device(Device::Cuda(0));

    /// Runs a schedule to its end; `choices` decides what is started, what ends and how.
    fn play(graph: &Graph, fail_fast: bool, choices: &[u8]) -> Schedule {
        let mut schedule = Schedule::new(graph, fail_fast).limit_memory(Some(2));
        schedule.open(Slot::Inline, 2);
        schedule.open(GPU, 1);
        let mut running: Vec<TaskId> = Vec::new();
        let mut choices = choices.iter().copied().chain(std::iter::repeat(0));
        while !schedule.is_finished() {
            for task in schedule.ready() {
                let slots: &[Slot] = if task.0 % 3 == 0 { &[GPU] } else { &[Slot::Inline, GPU] };
                let begun = schedule.start(task, slots, task.0 as u64 % 4).is_some();
                if begun {
                    for needed in &graph[&task] {
                        assert_eq!(schedule.states[needed], State::Done, "{task:?} is too early");
                    }
                    running.push(task);
                }
            }
            let occupied =
                |slot| schedule.states.values().filter(|&&s| s == State::Running(slot)).count();
            assert!(occupied(Slot::Inline) <= 2 && occupied(GPU) <= 1, "too many run at once");
            let memory: Vec<u64> = running.iter().map(|task| task.0 as u64 % 4).collect();
            let takers = memory.iter().filter(|&&one| one > 0).count();
            assert!(memory.iter().sum::<u64>() <= 2 || takers == 1, "too much memory is taken");
            assert!(!running.is_empty(), "nothing runs, yet nothing is finished: {schedule:?}");
            let choice = choices.next().expect("endless");
            let task = running.swap_remove(usize::from(choice) % running.len());
            match choice / 64 {
                0 | 1 => schedule.succeed(task),
                2 => drop(schedule.fail(task)),
                _ => schedule.give_back(task),
            }
        }
        schedule
    }

    proptest! {
        #[test]
        fn every_task_ends_and_none_starts_before_its_inputs(
            graph in graphs(),
            fail_fast: bool,
            choices in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let schedule = play(&graph, fail_fast, &choices);
            prop_assert_eq!(schedule.states.len(), graph.len());
            prop_assert_eq!(&schedule.free[&Slot::Inline], &2);
            prop_assert_eq!(&schedule.free[&GPU], &1);
        }

        #[test]
        fn a_failure_skips_exactly_what_needs_it(
            graph in graphs(),
            choices in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let schedule = play(&graph, false, &choices);
            let failed = |task: &TaskId| schedule.states[task] == State::Failed;
            for (&task, state) in &schedule.states {
                let needs_failed = ancestors(&graph, task).iter().any(failed);
                prop_assert_eq!(*state == State::Skipped, needs_failed, "{:?}", task);
            }
        }

        #[test]
        fn after_a_failure_nothing_begins_where_the_first_one_ends_the_run(
            graph in graphs(),
            choices in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let schedule = play(&graph, true, &choices);
            let ended = |wanted| schedule.states.values().filter(|&&s| s == wanted).count();
            // At most the three that ran side by side can fail.
            prop_assert!(ended(State::Failed) <= 3);
            prop_assert!(ended(State::Failed) > 0 || ended(State::Skipped) == 0);
        }
    }

    #[test]
    fn what_was_found_lets_its_dependents_start() {
        let graph = Graph::from([
            (TaskId(0), BTreeSet::new()),
            (TaskId(1), BTreeSet::from([TaskId(0), TaskId(9)])),
        ]);
        let mut schedule = Schedule::new(&graph, false);
        assert_eq!(schedule.ready(), [TaskId(0)]);
        schedule.succeed(TaskId(0));
        assert_eq!(schedule.ready(), [TaskId(1)], "9 is not of this schedule: it is there already");
    }

    #[test]
    fn without_a_free_slot_nothing_starts() {
        let graph = Graph::from([(TaskId(0), BTreeSet::new())]);
        let mut schedule = Schedule::new(&graph, false);
        assert_eq!(schedule.start(TaskId(0), &[GPU], 0), None);
        schedule.open(GPU, 1);
        assert_eq!(schedule.start(TaskId(0), &[Slot::Inline, GPU], 0), Some(GPU));
    }

    #[test]
    fn stopping_skips_what_has_not_begun() {
        let none = BTreeSet::new();
        let graph = Graph::from([(TaskId(0), none.clone()), (TaskId(1), none)]);
        let mut schedule = Schedule::new(&graph, false);
        schedule.open(Slot::Inline, 1);
        schedule.start(TaskId(0), &[Slot::Inline], 0);
        assert_eq!(schedule.stop(), [TaskId(1)]);
        assert!(!schedule.is_finished());
        schedule.succeed(TaskId(0));
        assert!(schedule.is_finished());
    }
}
