//! The schedule: which task may run when. A pure state machine: no thread, clock or file.
//!
//! Knows tasks only by number, and what each waits for. Whoever uses it starts and ends tasks and
//! is told what follows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::plan::TaskId;
use crate::stage::Device;

/// Thousandths of a slot: a whole one.
pub(super) const WHOLE: u64 = 1000;

/// A place where tasks run.
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

/// What a task takes of the machine while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    /// Cores that it keeps busy.
    pub(super) cores: u64,
    /// Main memory, MiB; 0 means that what it takes is not known.
    pub(super) memory: u64,
    /// Share of its slot, thousandths; 1 to `WHOLE`.
    pub(super) share: u64,
}

impl Default for Load {
    /// Nothing but a whole slot.
    fn default() -> Self {
        Self { cores: 0, memory: 0, share: WHOLE }
    }
}

/// What the machine has for all running tasks together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// Cores; nothing means any number.
    pub(super) cores: Option<u64>,
    /// Main memory, MiB; nothing means any.
    pub(super) memory: Option<u64>,
}

/// Which task may run when.
#[derive(Debug)]
pub(super) struct Schedule {
    states: BTreeMap<TaskId, State>,
    /// Ready tasks by rank: what is asked for after each task must not cost a look at all.
    ready: BTreeSet<(usize, TaskId)>,
    /// Tasks that became ready and were not asked for yet.
    fresh: Vec<TaskId>,
    /// Tasks that have not ended.
    unfinished: usize,
    dependents: BTreeMap<TaskId, BTreeSet<TaskId>>,
    /// Thousandths of slots that are free.
    free: BTreeMap<Slot, u64>,
    /// Slots that are partly free, each with the task that waits for more of it. Until that has started nothing
    /// else enters: small shares would go first for ever.
    kept: BTreeMap<Slot, TaskId>,
    /// What each running task takes.
    loads: BTreeMap<TaskId, Load>,
    limits: Limits,
    /// Place of each task in the order in which they are started; without one it comes last.
    ranks: BTreeMap<TaskId, usize>,
    /// A task that has a slot and must wait until enough cores and memory are free. Until then
    /// nothing else takes any: small tasks would go first for ever.
    next: Option<TaskId>,
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
        let mut schedule = Self {
            unfinished: states.len(),
            states,
            ready: BTreeSet::new(),
            fresh: Vec::new(),
            dependents,
            free: BTreeMap::new(),
            kept: BTreeMap::new(),
            loads: BTreeMap::new(),
            limits: Limits::default(),
            ranks: BTreeMap::new(),
            next: None,
            fail_fast,
        };
        schedule.rank();
        schedule.fresh = schedule.ready();
        schedule
    }

    /// Puts the ready tasks into the order of their ranks.
    fn rank(&mut self) {
        let ready = self.states.iter().filter(|(_, state)| **state == State::Ready);
        self.ready = ready.map(|(&task, _)| (self.rank_of(task), task)).collect();
    }

    fn rank_of(&self, task: TaskId) -> usize {
        self.ranks.get(&task).copied().unwrap_or(task.0)
    }

    /// Changes a task's state; the only place that does.
    fn set(&mut self, task: TaskId, state: State) -> State {
        let is_over = |state: State| matches!(state, State::Done | State::Failed | State::Skipped);
        let before = self.states.insert(task, state).expect("the task is of this schedule");
        if before == State::Ready {
            self.ready.remove(&(self.rank_of(task), task));
        }
        if state == State::Ready {
            self.ready.insert((self.rank_of(task), task));
        }
        self.unfinished -= usize::from(is_over(state) && !is_over(before));
        before
    }

    /// Sets what all running tasks may take together.
    pub(super) fn limit(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts first what has the longest way before it, given how long each task will take: a run
    /// is over when its longest chain of tasks is.
    pub(super) fn longest_first(mut self, seconds: &BTreeMap<TaskId, f64>) -> Self {
        let mut ways: BTreeMap<TaskId, f64> = BTreeMap::new();
        // Tasks come after what they need, so dependents have their way already.
        for &task in self.states.keys().rev() {
            let dependents = self.dependents.get(&task).into_iter().flatten();
            let after = dependents.map(|dependent| ways[dependent]).fold(0.0, f64::max);
            ways.insert(task, after + seconds.get(&task).copied().unwrap_or_default());
        }
        let mut order: Vec<TaskId> = ways.keys().copied().collect();
        order.sort_by(|one, two| ways[two].total_cmp(&ways[one])); // stable: else as in the plan
        self.ranks = order.into_iter().enumerate().map(|(rank, task)| (task, rank)).collect();
        self.rank();
        self.fresh = self.ready();
        self
    }

    /// Opens slots of a sort; returns false, and changes nothing, where they are open already.
    pub(super) fn open(&mut self, slot: Slot, count: usize) -> bool {
        let is_new = !self.free.contains_key(&slot);
        self.free.entry(slot).or_insert(count as u64 * WHOLE);
        is_new
    }

    /// Returns the tasks that may be started, in the order in which they should be.
    pub(super) fn ready(&self) -> Vec<TaskId> {
        self.ready.iter().map(|&(_, task)| task).collect()
    }

    /// Returns the tasks that became ready since this was asked last.
    pub(super) fn fresh(&mut self) -> Vec<TaskId> {
        std::mem::take(&mut self.fresh)
    }

    /// Returns whether anything could be started at all.
    pub(super) fn has_room(&self) -> bool {
        let taken = self.loads.values().map(|load| load.cores).fold(0, u64::saturating_add);
        let has_core = taken == 0 || self.limits.cores.is_none_or(|cores| taken < cores);
        has_core && !self.ready.is_empty()
    }

    /// Returns whether a task may still be started.
    pub(super) fn is_ready(&self, task: TaskId) -> bool {
        self.states.get(&task) == Some(&State::Ready)
    }

    /// Returns whether nothing is left to do.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// Puts a ready task into that of its slots that is free most, the first of equals, if there is room for
    /// what it takes.
    pub(super) fn start(&mut self, task: TaskId, choices: &[Slot], load: Load) -> Option<Slot> {
        debug_assert_eq!(self.states[&task], State::Ready);
        let slot = self.roomiest(task, choices)?;
        if self.free[&slot] < load.share {
            self.kept.insert(slot, task);
            return None;
        }
        if self.next.is_some_and(|next| next != task && self.is_ready(next)) {
            return None;
        }
        if !self.has_room_for(load) {
            self.next = Some(task);
            return None;
        }
        self.next = None;
        self.kept.retain(|_, keeper| *keeper != task);
        *self.free.get_mut(&slot)? -= load.share;
        self.loads.insert(task, load);
        self.set(task, State::Running(slot));
        Some(slot)
    }

    /// Returns that slot of which most is free for a task, if anything is; the first of equals.
    fn roomiest(&self, task: TaskId, choices: &[Slot]) -> Option<Slot> {
        let is_open = |slot: &Slot| {
            let keeper = self.kept.get(slot).filter(|&&keeper| keeper != task);
            !keeper.is_some_and(|&keeper| self.is_ready(keeper))
        };
        let free = |slot: &Slot| self.free.get(slot).copied().unwrap_or_default();
        let open = choices.iter().copied().filter(|slot| free(slot) > 0 && is_open(slot));
        open.rev().max_by_key(free)
    }

    fn has_room_for(&self, load: Load) -> bool {
        let sum = |one: fn(&Load) -> u64| self.loads.values().map(one).fold(0, u64::saturating_add);
        fits(load.cores, sum(|load| load.cores), self.limits.cores)
            && fits(load.memory, sum(|load| load.memory), self.limits.memory)
    }

    /// Takes a running task out of its slot, to be started again later.
    pub(super) fn give_back(&mut self, task: TaskId) {
        self.leave(task, State::Ready);
    }

    /// Notes that a ready or running task has its outputs.
    pub(super) fn succeed(&mut self, task: TaskId) {
        self.leave(task, State::Done);
        let dependents = self.dependents.get(&task).cloned().unwrap_or_default();
        for dependent in dependents {
            match self.states[&dependent] {
                State::Waiting { unfinished: 1 } => {
                    self.set(dependent, State::Ready);
                    self.fresh.push(dependent);
                }
                State::Waiting { unfinished } => {
                    self.set(dependent, State::Waiting { unfinished: unfinished - 1 });
                }
                _ => {}
            }
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
            self.set(task, State::Skipped);
        }
        tasks
    }

    fn leave(&mut self, task: TaskId, next: State) {
        let before = self.set(task, next);
        debug_assert!(matches!(before, State::Ready | State::Running(_)), "{before:?}");
        let load = self.loads.remove(&task).unwrap_or_default();
        if let State::Running(slot) = before {
            *self.free.get_mut(&slot).expect("occupied slots were opened") += load.share;
        }
    }
}

/// Returns whether there is room for a task beside what others take. One that takes more than there is
/// may start when nobody else takes any: it could never start otherwise.
fn fits(wanted: u64, taken: u64, in_all: Option<u64>) -> bool {
    wanted == 0 || taken == 0 || in_all.is_none_or(|all| taken.saturating_add(wanted) <= all)
}

#[cfg(test)]
mod tests;
