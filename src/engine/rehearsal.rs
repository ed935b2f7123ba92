//! Rehearsals: whole runs of plans made of toy kinds, on real caches.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::engine::Ended;
use crate::engine::Event;
use crate::engine::Listener;
use crate::engine::Options;
use crate::engine::Outcome;
use crate::engine::SkipReason;
use crate::engine::Status;
use crate::engine::WorkerCommand;
use crate::engine::run;
use crate::engine::status;
use crate::engine::toys::FAIL;
use crate::engine::toys::NUMBER;
use crate::engine::toys::SUM;
use crate::engine::toys::Sketch;
use crate::files;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::store::Store;

/// Keeps what it hears, and stops the run once a task has begun if it is to.
#[derive(Default)]
pub(super) struct Ear {
    heard: Mutex<Vec<Event>>,
    stops: Option<&'static AtomicBool>,
}

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        self.heard.lock().unwrap().push(event.clone());
        if let (Event::Started { .. }, Some(cancel)) = (event, self.stops) {
            cancel.store(true, Ordering::SeqCst);
        }
    }
}

impl Ear {
    /// Returns all that was told.
    pub(super) fn heard(&self) -> Vec<Event> {
        self.heard.lock().unwrap().clone()
    }

    /// Returns what happened to tasks, as `what label`.
    fn story(&self) -> Vec<String> {
        let mut story = Vec::new();
        for event in self.heard.lock().unwrap().iter() {
            let value = serde_json::to_value(event).unwrap();
            if let Some(label) = value.get("label") {
                let what = value["event"].as_str().unwrap();
                story.push(format!("{what} {}", label.as_str().unwrap()));
            }
        }
        story
    }
}

static NEVER: AtomicBool = AtomicBool::new(false);

pub(super) fn options() -> Options<'static> {
    let options = Options::new("rehearsal", 1_700_000_000, &NEVER);
    let worker = WorkerCommand { program: "/no/such/worker".into(), ..options.worker };
    Options { cores: 2, worker, ..options }
}

pub(super) fn rehearse(plan: &Plan, cache: &Path, options: &Options<'_>) -> (Outcome, Ear) {
    let ear = Ear::default();
    let store = Store::open(cache).unwrap();
    let outcome = run(plan, &BTreeSet::new(), &store, options, &ear).unwrap();
    (outcome, ear)
}

fn value(cache: &Path, outcome: &Outcome, task: TaskId) -> String {
    let output = outcome.record(task).unwrap().output("value").unwrap();
    let tree = Store::open(cache).unwrap().tree(output.digest).unwrap();
    String::from_utf8(files::read(&tree["table.csv"]).unwrap()).unwrap()
}

/// Returns the paths of all files in a cache but for journals and logs.
fn contents(cache: &Path) -> Vec<String> {
    let found = files::walk(cache).unwrap().into_iter().map(|found| found.name);
    found.filter(|name| !name.starts_with("runs/")).collect()
}

/// Two numbers, their sum, and the sum's parity.
fn sums(one: i64, two: i64, tally: &Path) -> (Sketch, [TaskId; 4]) {
    let mut sketch = Sketch::new();
    let number = |value: i64| json!({"value": value, "tally": tally});
    let one = sketch.add("one", &NUMBER, &number(one), &[]);
    let two = sketch.add("two", &NUMBER, &number(two), &[]);
    let sum = sketch.add("sum", &SUM, &number(2), &[one, two]);
    let last = sketch.add("last", &SUM, &number(0), &[sum, sum]);
    (sketch, [one, two, sum, last])
}

fn tallied(tally: &Path) -> usize {
    files::read(tally).map_or(0, |bytes| bytes.split(|&byte| byte == b'\n').count() - 1)
}

#[test]
fn a_plan_runs_once_and_is_cached_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let (sketch, tasks) = sums(3, 4, &tally);
    let (outcome, ear) = rehearse(&sketch.plan, &cache, &options());
    assert_eq!(outcome.counts(), [4, 0, 0, 0], "{:?}", ear.story());
    assert_eq!(value(&cache, &outcome, tasks[3]), "value\n2\n");

    let (outcome, ear) = rehearse(&sketch.plan, &cache, &options());
    assert_eq!(outcome.counts(), [0, 4, 0, 0]);
    assert_eq!(value(&cache, &outcome, tasks[3]), "value\n2\n");
    assert_eq!(tallied(&tally), 4);
    assert_eq!(ear.story(), ["cached one", "cached two", "cached sum", "cached last"]);
}

#[test]
fn a_change_that_gives_the_same_content_stops_there() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    rehearse(&sums(3, 4, &tally).0.plan, &cache, &options());
    // 5 + 4 leaves the same remainder by 2 as 3 + 4: `last` need not run.
    let (outcome, ear) = rehearse(&sums(5, 4, &tally).0.plan, &cache, &options());
    assert_eq!(outcome.counts(), [2, 2, 0, 0], "{:?}", ear.story());
    assert_eq!(ear.story().last().map(String::as_str), Some("cached last"));
    // The next time its recipe finds it, and with it nothing upstream is needed.
    let (outcome, _) = rehearse(&sums(5, 4, &tally).0.plan, &cache, &options());
    assert_eq!(outcome.counts(), [0, 4, 0, 0]);
}

#[test]
fn an_upstream_that_nobody_needs_is_not_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let (sketch, tasks) = sums(3, 4, &tally);
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    let key = outcome.record(tasks[0]).unwrap().key_digest();
    files::remove_file(&cache.join(format!("records/{key}.json"))).unwrap();
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    assert_eq!(outcome.counts(), [0, 3, 0, 0]);
    assert!(!outcome.tasks.contains_key(&tasks[0]));
    assert_eq!(tallied(&tally), 4);
}

#[test]
fn a_lost_object_is_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let (sketch, tasks) = sums(3, 4, &tally);
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    let store = Store::open(&cache).unwrap();
    let lost = store.files(outcome.record(tasks[3]).unwrap().output("value").unwrap());
    files::remove_file(&lost["table.csv"]).unwrap();
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    assert_eq!(outcome.counts(), [1, 3, 0, 0]);
    assert_eq!(value(&cache, &outcome, tasks[3]), "value\n2\n");
}

#[test]
fn nothing_is_made_of_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let (sketch, tasks) = sums(3, 4, &tally);
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    let store = Store::open(&cache).unwrap();
    let path = store.files(outcome.record(tasks[2]).unwrap().output("value").unwrap())["table.csv"]
        .clone();
    let mut bytes = files::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    files::write(&path, &bytes).unwrap();
    let (mut sketch, tasks) = sums(3, 4, &tally);
    let more = sketch.add("more", &SUM, &json!({"value": 9}), &[tasks[2]]);
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    let Ended::Failed(failure) = &outcome.tasks[&more] else { panic!("{outcome:?}") };
    assert!(failure.problem.ends_with("is damaged: its content is not that of its name"));
    let store = Store::open(&cache).unwrap();
    let verdict = store.verify().unwrap();
    store.repair(&verdict).unwrap();
    let (outcome, _) = rehearse(&sketch.plan, &cache, &options());
    assert!(outcome.record(more).is_some() && store.verify().unwrap().is_sound());
}

#[test]
fn a_failure_skips_what_needs_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let bad = sketch.add("bad", &FAIL, &json!({}), &[]);
    let good = sketch.add("good", &NUMBER, &json!({"value": 1}), &[]);
    let needs = sketch.add("needs", &SUM, &json!({}), &[bad, good]);
    let apart = sketch.add("apart", &SUM, &json!({}), &[good]);
    let (outcome, ear) = rehearse(&sketch.plan, folder.path(), &options());
    let Ended::Failed(failure) = &outcome.tasks[&bad] else { panic!("{outcome:?}") };
    assert_eq!(failure.problem, "found `no`, expected `yes`");
    assert_eq!(failure.help.as_deref(), Some("say `yes`"));
    assert_eq!(outcome.tasks[&needs], Ended::Skipped(SkipReason::NeedsFailed(bad)));
    assert!(outcome.record(apart).is_some(), "{:?}", ear.story());
    assert!(!outcome.is_complete());
}

#[test]
fn a_failed_stage_publishes_nothing_and_leaves_no_scratch() {
    let folder = tempfile::tempdir().unwrap();
    for how in ["data", "panic"] {
        let mut sketch = Sketch::new();
        sketch.add("bad", &FAIL, &json!({"how": how}), &[]);
        let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options());
        assert_eq!(outcome.counts(), [0, 0, 1, 0]);
        assert_eq!(contents(folder.path()), ["CACHEDIR.TAG", "VERSION"]);
    }
}

#[test]
fn a_panic_is_the_failure_of_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let bad = sketch.add("bad", &FAIL, &json!({"how": "panic"}), &[]);
    let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options());
    let failures: BTreeMap<_, _> = outcome.failures().collect();
    assert_eq!(failures[&bad].problem, "the stage panicked: out of cheese");
}

#[test]
fn fail_fast_skips_whatever_has_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let bad = sketch.add("bad", &FAIL, &json!({}), &[]);
    let good = sketch.add("good", &NUMBER, &json!({}), &[]);
    let options = Options { fail_fast: true, cores: 1, ..options() };
    let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options);
    assert_eq!(outcome.tasks[&good], Ended::Skipped(SkipReason::FailFast(bad)));
}

#[test]
fn a_failed_attempt_is_repeated_as_often_as_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let mut sketch = Sketch::new();
    let once = sketch.add("once", &FAIL, &json!({"how": "once", "tally": tally}), &[]);
    let never = sketch.add("never", &FAIL, &json!({}), &[]);
    sketch.task(once).retries = 1;
    sketch.task(never).retries = 2;
    let (outcome, ear) = rehearse(&sketch.plan, &cache, &options());
    assert!(outcome.record(once).is_some());
    let story = ear.story();
    let times = |what: &str| story.iter().filter(|line| *line == what).count();
    assert_eq!((times("started once"), times("failed once")), (2, 1), "{story:?}");
    assert_eq!((times("started never"), times("failed never")), (3, 3), "{story:?}");
}

#[test]
fn attempts_come_ever_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let never = sketch.add("never", &FAIL, &json!({}), &[]);
    sketch.task(never).retries = 3;
    let pause = std::time::Duration::from_millis(20);
    let start = std::time::Instant::now();
    let (_, ear) = rehearse(&sketch.plan, folder.path(), &Options { pause, ..options() });
    let heard = ear.heard.lock().unwrap();
    let pauses: Vec<Option<f64>> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Failed { again_in, .. } => Some(*again_in),
            _ => None,
        })
        .collect();
    assert_eq!(pauses, [Some(0.02), Some(0.04), Some(0.08), None]);
    assert!(start.elapsed() >= 7 * pause);
}

#[test]
fn a_missing_source_fails_its_task_and_says_where_to_put_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let load = sketch.add("load", &NUMBER, &json!({}), &[]);
    sketch.lacks_source(load, "retina.npz");
    let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options());
    let (_, failure) = outcome.failures().next().unwrap();
    assert_eq!(failure.problem, "the file or folder `retina.npz` was not found");
}

#[test]
fn a_stopped_run_ends_what_runs_and_begins_nothing_new() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let wait = sketch.add("wait", &FAIL, &json!({"how": "wait"}), &[]);
    let after = sketch.add("after", &SUM, &json!({}), &[wait]);
    let ear = Ear { stops: Some(&STOP), ..Ear::default() };
    let store = Store::open(folder.path()).unwrap();
    let options = Options { cancel: &STOP, ..options() };
    let outcome = run(&sketch.plan, &BTreeSet::new(), &store, &options, &ear).unwrap();
    assert!(outcome.stopped);
    assert_eq!(outcome.tasks[&wait], Ended::Skipped(SkipReason::Stopped));
    assert_eq!(outcome.tasks[&after], Ended::Skipped(SkipReason::Stopped));
}

#[test]
fn a_stage_that_takes_longer_than_it_may_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    let wait = sketch.add("wait", &FAIL, &json!({"how": "wait"}), &[]);
    sketch.task(wait).resources.time = 1;
    let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options());
    let (_, failure) = outcome.failures().next().unwrap();
    assert_eq!(failure.problem, "the stage ran past its limit of 1 s");
}

#[test]
fn eight_engines_on_one_cache_run_each_task_once() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let mut sketch = Sketch::new();
    let params = |value: i64| json!({"value": value, "tally": tally});
    let numbers: Vec<TaskId> =
        (0..12).map(|n| sketch.add(&format!("n{n}"), &NUMBER, &params(n), &[])).collect();
    let last = sketch.add("last", &SUM, &params(0), &numbers);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (outcome, ear) = rehearse(&sketch.plan, &cache, &options());
                assert!(outcome.is_complete(), "{:?}", ear.story());
                assert_eq!(value(&cache, &outcome, last), "value\n66\n");
            });
        }
    });
    assert_eq!(tallied(&tally), 13);
    assert!(Store::open(&cache).unwrap().verify().unwrap().is_sound());
    assert!(
        contents(&cache).iter().all(|name| !name.contains("lock") && !name.contains("scratch"))
    );
}

#[test]
fn status_says_what_is_there_without_running() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, tally) = (folder.path().join("cache"), folder.path().join("tally"));
    let (sketch, tasks) = sums(3, 4, &tally);
    let store = Store::open(&cache).unwrap();
    let before = status(&sketch.plan, &store);
    assert!(matches!(before[&tasks[0]], Status::Miss { key: Some(_), .. }));
    assert_eq!(before[&tasks[2]], Status::Unknown);
    assert!(!cache.exists(), "looking creates nothing");
    rehearse(&sketch.plan, &cache, &options());
    let after = status(&sketch.plan, &store);
    assert!(after.values().all(|status| status.record().is_some()));
}

#[test]
fn the_journal_holds_every_event() {
    let folder = tempfile::tempdir().unwrap();
    let (sketch, _) = sums(1, 2, &folder.path().join("tally"));
    let (_, ear) = rehearse(&sketch.plan, folder.path(), &options());
    let path = Store::open(folder.path()).unwrap().journal("rehearsal");
    let text = String::from_utf8(files::read(&path).unwrap()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), ear.heard.lock().unwrap().len());
    assert_eq!(lines[0]["event"], "run-started");
    assert_eq!(lines.last().unwrap()["ran"], 4);
}
