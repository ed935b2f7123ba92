//! Laws of the schedule, on random graphs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use super::Device;
use super::Limits;
use super::Load;
use super::Schedule;
use super::Slot;
use super::State;
use super::TaskId;
use super::WHOLE;

type Graph = BTreeMap<TaskId, BTreeSet<TaskId>>;

/// Graphs of up to 12 tasks, each needing some of those before it.
fn graphs() -> impl Strategy<Value = Graph> {
    proptest::collection::vec(any::<u16>(), 0..12).prop_map(|masks| {
        let needs = |task: usize, mask: u16| {
            (0..task).filter(|other| mask & (1 << other) != 0).map(TaskId).collect()
        };
        masks.iter().enumerate().map(|(task, &mask)| (TaskId(task), needs(task, mask))).collect()
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

fn load(task: TaskId) -> Load {
    let share = [WHOLE, 250, 700, 1][task.0 % 4];
    Load { cores: task.0 as u64 % 5, memory: task.0 as u64 % 4, share }
}

/// Returns the longest chain of tasks that begins with one, by trying all of them.
fn way(graph: &Graph, times: &BTreeMap<TaskId, f64>, task: TaskId) -> f64 {
    let after = graph.iter().filter(|(_, needed)| needed.contains(&task));
    times[&task] + after.map(|(&next, _)| way(graph, times, next)).fold(0.0, f64::max)
}

/// Runs a schedule to its end; `choices` decides what is started, what ends and how.
fn play(graph: &Graph, fail_fast: bool, choices: &[u8]) -> Schedule {
    let limits = Limits { cores: Some(3), memory: Some(2) };
    let mut schedule = Schedule::new(graph, fail_fast).limit(limits);
    schedule.open(Slot::Inline, 2);
    schedule.open(GPU, 1);
    let mut running: Vec<TaskId> = Vec::new();
    let mut choices = choices.iter().copied().chain(std::iter::repeat(0));
    while !schedule.is_finished() {
        for task in schedule.ready() {
            let slots: &[Slot] = if task.0 % 3 == 0 { &[GPU] } else { &[Slot::Inline, GPU] };
            let begun = schedule.start(task, slots, load(task)).is_some();
            if begun {
                for needed in &graph[&task] {
                    assert_eq!(schedule.states[needed], State::Done, "{task:?} is too early");
                }
                running.push(task);
            }
        }
        let occupied = |slot| {
            let inside = schedule.states.iter().filter(|&(_, &s)| s == State::Running(slot));
            inside.map(|(&task, _)| load(task).share).sum::<u64>()
        };
        assert!(occupied(Slot::Inline) <= 2 * WHOLE, "too many run at once");
        assert!(occupied(GPU) <= WHOLE, "too many run at once");
        let cores: fn(Load) -> u64 = |load| load.cores;
        for (what, limit) in [(cores, 3), (|load: Load| load.memory, 2)] {
            let taken: Vec<u64> = running.iter().map(|&task| what(load(task))).collect();
            let takers = taken.iter().filter(|&&one| one > 0).count();
            assert!(taken.iter().sum::<u64>() <= limit || takers == 1, "too much is taken");
        }
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
        prop_assert_eq!(schedule.free[&Slot::Inline], 2 * WHOLE);
        prop_assert_eq!(schedule.free[&GPU], WHOLE);
    }

    #[test]
    fn what_has_the_longest_way_before_it_starts_first(
        graph in graphs(),
        seconds in proptest::collection::vec(0_u8..4, 12),
    ) {
        let times: BTreeMap<TaskId, f64> =
            graph.keys().map(|&task| (task, f64::from(seconds[task.0]))).collect();
        let schedule = Schedule::new(&graph, false).longest_first(&times);
        let ready = schedule.ready();
        prop_assert_eq!(ready.len(), graph.values().filter(|needed| needed.is_empty()).count());
        let ways: Vec<f64> = ready.iter().map(|&task| way(&graph, &times, task)).collect();
        prop_assert!(ways.is_sorted_by(|one, two| one >= two), "{:?}", ways);
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
        // One fails, and those that ran beside it may.
        prop_assert!(ended(State::Failed) <= graph.len());
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
fn a_task_that_needs_all_cores_is_not_passed_for_ever() {
    let none = BTreeSet::new();
    let graph: Graph = (0..4).map(|task| (TaskId(task), none.clone())).collect();
    let limits = Limits { cores: Some(2), memory: None };
    let mut schedule = Schedule::new(&graph, false).limit(limits);
    schedule.open(Slot::Inline, 2);
    let start = |schedule: &mut Schedule, task, cores| {
        let load = Load { cores, ..Load::default() };
        schedule.start(TaskId(task), &[Slot::Inline], load).is_some()
    };
    assert!(start(&mut schedule, 0, 1));
    assert!(!start(&mut schedule, 1, 2));
    assert!(!start(&mut schedule, 2, 1), "1 comes first");
    schedule.succeed(TaskId(0));
    assert!(start(&mut schedule, 1, 2));
    assert!(!start(&mut schedule, 2, 1));
    schedule.succeed(TaskId(1));
    assert!(start(&mut schedule, 2, 1) && start(&mut schedule, 3, 1));
}

#[test]
fn without_a_free_slot_nothing_starts() {
    let graph = Graph::from([(TaskId(0), BTreeSet::new())]);
    let mut schedule = Schedule::new(&graph, false);
    let none = Load::default();
    assert_eq!(schedule.start(TaskId(0), &[GPU], none), None);
    schedule.open(GPU, 1);
    assert_eq!(schedule.start(TaskId(0), &[Slot::Inline, GPU], none), Some(GPU));
}

#[test]
fn stopping_skips_what_has_not_begun() {
    let none = BTreeSet::new();
    let graph = Graph::from([(TaskId(0), none.clone()), (TaskId(1), none)]);
    let mut schedule = Schedule::new(&graph, false);
    schedule.open(Slot::Inline, 1);
    schedule.start(TaskId(0), &[Slot::Inline], Load::default());
    assert_eq!(schedule.stop(), [TaskId(1)]);
    assert!(!schedule.is_finished());
    schedule.succeed(TaskId(0));
    assert!(schedule.is_finished());
}

#[test]
fn parts_of_a_gpu_are_shared_and_gpus_are_filled_evenly() {
    let none = BTreeSet::new();
    let graph: Graph = (0..8).map(|task| (TaskId(task), none.clone())).collect();
    let mut schedule = Schedule::new(&graph, false);
    let other = Slot::Device(Device::Cuda(1));
    let start = |schedule: &mut Schedule, task, share| {
        schedule.start(TaskId(task), &[GPU, other], Load { share, ..Load::default() })
    };
    schedule.open(GPU, 1);
    schedule.open(other, 1);
    let begun: Vec<_> = (0..4).map(|task| start(&mut schedule, task, 250)).collect();
    assert_eq!(begun, [Some(GPU), Some(other), Some(GPU), Some(other)]);
    assert_eq!(start(&mut schedule, 4, WHOLE), None, "no GPU is free as a whole");
    assert_eq!(start(&mut schedule, 5, 250), Some(other), "one is kept for 4, the other is not");
    schedule.succeed(TaskId(0));
    assert_eq!(start(&mut schedule, 6, 500), None, "all that is left of the other is a quarter");
    schedule.succeed(TaskId(2));
    assert_eq!(start(&mut schedule, 4, WHOLE), Some(GPU));
}
