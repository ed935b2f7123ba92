//! Runs with workers that are shell scripts: everything that a process can do wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use crate::engine::DevicePolicy;
use crate::engine::Event;
use crate::engine::Listener;
use crate::engine::Options;
use crate::engine::Outcome;
use crate::engine::WorkerCommand;
use crate::engine::run;
use crate::engine::toys::REMOTE;
use crate::engine::toys::Sketch;
use crate::plan::Plan;
use crate::store::Store;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Says that it is ready and has no GPU.
const READY: &str = r#"echo '{"ready":{"protocol":1,"cuda_devices":0}}'; "#;

/// Takes one job after the other and does it well, as a worker should.
const GOOD: &str = r#"
while read -r job; do
    folder=$(printf '%s' "$job" | sed 's/.*"folder":"\([^"]*\)".*/\1/')
    mkdir "$folder/value"
    printf 'value\n7\n' > "$folder/value/table.csv"
    echo '{"tick":{"done":1,"of":1,"unit":"numbers","images_per_second":null,"values":{}}}'
    echo '{"note":"all is well"}'
    echo '{"done":{"value":{"folder":"'"$folder"'/value","summary":{"rows":1}}}}'
done"#;

/// Keeps the events that tell of devices, failures and their logs.
#[derive(Default)]
struct Ear(std::sync::Mutex<Vec<Event>>);

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

fn options(program: &str, script: &str, devices: &str) -> Options<'static> {
    let arguments = ["-c", script].map(Into::into).to_vec();
    let environment = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
    Options {
        cores: 2,
        devices: devices.parse::<DevicePolicy>().unwrap(),
        worker: WorkerCommand { program: program.into(), arguments, environment },
        machine: Some("here".to_owned()),
        ..Options::new("fake", 1_700_000_000, &NEVER)
    }
}

fn one_task() -> Plan {
    let mut sketch = Sketch::new();
    sketch.add("far", &REMOTE, &json!({"value": 7}), &[]);
    sketch.plan
}

fn perform(plan: &Plan, cache: &Path, options: &Options<'_>) -> (Outcome, Vec<Event>) {
    let store = Store::open(cache).unwrap();
    let ear = Ear::default();
    let outcome = run(plan, &BTreeSet::new(), &store, options, &ear).unwrap();
    (outcome, ear.0.into_inner().unwrap())
}

/// Returns problem, help and last words of the only task of a run with this worker.
fn failure(script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (_, events) = perform(&one_task(), folder.path(), &options("sh", script, "cpu"));
    told(&events)
}

fn told(events: &[Event]) -> String {
    let failed = events.iter().find_map(|event| match event {
        Event::Failed { problem, help, tail, .. } => Some((problem, help, tail)),
        _ => None,
    });
    let (problem, help, tail) = failed.expect("the task failed");
    format!("{problem}\nhelp: {}\n{}", help.as_deref().unwrap_or("-"), tail.join("\n"))
}

#[test]
fn a_worker_does_several_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    for value in 0..3 {
        sketch.add("far", &REMOTE, &json!({"value": value}), &[]);
    }
    let script = format!("echo started >> {}/starts; {READY}{GOOD}", folder.path().display());
    let (outcome, events) =
        perform(&sketch.plan, &folder.path().join("cache"), &options("sh", &script, "auto"));
    assert_eq!(outcome.counts(), [3, 0, 0, 0], "{events:?}");
    let record = outcome.record(crate::plan::TaskId(0)).unwrap();
    assert_eq!((record.device.as_deref(), record.machine.as_deref()), (Some("cpu"), Some("here")));
    assert_eq!(record.output("value").unwrap().summary, json!({"rows": 1}));
    let starts = crate::files::read(&folder.path().join("starts")).unwrap();
    assert_eq!(starts, b"started\n", "one process did all of them");
    let fell_back =
        events.iter().any(|e| matches!(e, Event::DevicesChosen { fell_back: true, .. }));
    assert!(fell_back, "{events:?}");
}

#[test]
fn a_missing_worker_is_told_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let options = options("/no/such/ablate-worker", "", "cpu");
    let (_, events) = perform(&one_task(), folder.path(), &options);
    insta::assert_snapshot!(told(&events), @"
    there is no worker program `/no/such/ablate-worker`
    help: run `make build`, which builds `ablate-worker` beside `ablate`
    ");
}

#[test]
fn a_worker_that_says_garbage_is_told() {
    insta::assert_snapshot!(failure(&format!("{READY} read job; echo 'Hello, world!'; cat")), @"
    the worker `sh` said `Hello, world!`, which is no reply
    help: run `make build`: engine and worker must be built together
    ");
    insta::assert_snapshot!(failure("echo 'Hello, world!'; cat"), @"
    the worker `sh` said `Hello, world!`, which is no reply
    help: run `make build`: engine and worker must be built together
    ");
}

#[test]
fn a_worker_of_another_version_is_told() {
    let script = r#"echo '{"ready":{"protocol":99,"cuda_devices":0}}'; cat"#;
    insta::assert_snapshot!(failure(script), @"
    the worker `sh` speaks protocol 99, the engine 1
    help: run `make build`: engine and worker must be built together
    ");
}

#[test]
fn a_worker_that_does_not_find_libtorch_is_told() {
    let script = "echo 'ablate-worker: error while loading shared libraries: libtorch.so: \
        cannot open shared object file: No such file or directory' >&2; exit 127";
    insta::assert_snapshot!(failure(script), @"
    the worker `sh` does not find libtorch
    help: run `make libtorch`, or set `LIBTORCH` and build again
    ablate-worker: error while loading shared libraries: libtorch.so: cannot open shared object file: No such file or directory
    ");
}

#[test]
fn a_worker_that_dies_is_told_with_its_last_words() {
    let dies = |how: &str| failure(&format!("{READY} read job; echo 'last words' >&2; {how}"));
    insta::assert_snapshot!(dies("exit 3"), @"
    the worker `sh` ended in the middle, with exit code 3
    help: -
    last words
    ");
    insta::assert_snapshot!(dies("kill -9 $$"), @"
    the worker `sh` was killed (signal 9)
    help: it may have run out of memory: try a smaller `batch_size`
    last words
    ");
    insta::assert_snapshot!(dies("kill -11 $$"), @"
    the worker `sh` crashed (signal 11)
    help: -
    last words
    ");
}

#[test]
fn cuda_without_a_gpu_fails_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let options = options("sh", &format!("{READY}{GOOD}"), "cuda");
    let (outcome, events) = perform(&one_task(), folder.path(), &options);
    assert_eq!(outcome.counts(), [0, 0, 1, 0]);
    insta::assert_snapshot!(told(&events), @"
    device `cuda` cannot be used: the worker found no CUDA device
    help: ask for `--device cpu`, or install a driver and run `make libtorch CUDA=1`
    ");
}

#[test]
fn four_quarters_of_a_gpu_run_side_by_side_and_five_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::new();
    for value in 0..5 {
        sketch.add("far", &REMOTE, &json!({"value": value}), &[]);
    }
    for task in &mut sketch.plan.tasks {
        task.resources.gpus = 0.25;
        task.resources.time = 60;
    }
    // Each lays down a mark; the first four wait for one another, and would find the fifth's.
    let marks = folder.path().join("marks");
    std::fs::create_dir(&marks).unwrap();
    let meet = format!(
        "touch {0}/$$; while [ $(ls {0} | wc -l) -lt 4 ]; do :; done; ls {0} | wc -l >> {1}/met",
        marks.display(),
        folder.path().display()
    );
    let good = GOOD.replace("mkdir", &format!("{meet}; mkdir"));
    let ready = READY.replace(r#""cuda_devices":0"#, r#""cuda_devices":1"#);
    let mut options = options("sh", &format!("{ready}{good}"), "auto");
    options.cores = 8;
    let (outcome, events) = perform(&sketch.plan, &folder.path().join("cache"), &options);
    assert_eq!(outcome.counts(), [5, 0, 0, 0], "{events:?}");
    let met = String::from_utf8(crate::files::read(&folder.path().join("met")).unwrap()).unwrap();
    assert_eq!(met, "4\n4\n4\n4\n4\n", "the fifth ran in one of the four workers");
    let record = outcome.record(crate::plan::TaskId(0)).unwrap();
    assert_eq!(record.device.as_deref(), Some("cuda:0"));
}

#[test]
fn a_worker_is_replaced_after_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = one_task();
    plan.tasks[0].retries = 1;
    let mark = folder.path().join("mark");
    let mark = mark.display();
    let script =
        format!("{READY} if [ ! -e {mark} ]; then touch {mark}; read job; exit 3; fi; {GOOD}");
    let cache = folder.path().join("cache");
    let (outcome, events) = perform(&plan, &cache, &options("sh", &script, "cpu"));
    assert!(outcome.is_complete(), "{events:?}");
}

#[test]
fn a_worker_that_hangs_is_ended_when_its_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = one_task();
    plan.tasks[0].resources.time = 1;
    let script = format!("{READY} while read -r job; do :; done");
    let (_, events) = perform(&plan, folder.path(), &options("sh", &script, "cpu"));
    insta::assert_snapshot!(told(&events), @"
    the stage ran past its limit of 1 s
    help: raise `resources.time` of the stage
    ");
}

#[test]
fn a_worker_that_falls_silent_is_told() {
    insta::assert_snapshot!(failure(&format!("{READY} read job; exec cat > /dev/null")), @"
    the worker `sh` closed its stdout in the middle
    help: -
    ");
}

#[test]
fn a_worker_finds_in_its_environment_what_it_is_given_and_nothing_else() {
    assert!(
        option_env!("CARGO").is_some(),
        "cargo's own variables are in the engine's environment"
    );
    let told = failure(&format!("{READY} read job; env >&2; exit 3"));
    let mut names: Vec<&str> =
        told.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name)); // the shell's own
    assert_eq!(names, ["PATH"], "{told}");
}

#[test]
fn a_worker_that_names_a_folder_of_somebody_else_has_made_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine");
    crate::files::write(&mine.join("precious"), b"text").unwrap();
    for outside in [mine.display().to_string(), "'\"$folder\"'/../../../mine".to_owned()] {
        let script = format!(
            "{READY} read -r job; folder=$(printf '%s' \"$job\" | sed 's/.*\"folder\":\"\\([^\"]*\\)\".*/\\1/'); \
             echo '{{\"done\":{{\"value\":{{\"folder\":\"{outside}\",\"summary\":{{}}}}}}}}'; cat > /dev/null"
        );
        let cache = folder.path().join("cache");
        let (outcome, events) = perform(&one_task(), &cache, &options("sh", &script, "cpu"));
        assert_eq!(outcome.counts(), [0, 0, 1, 0], "{events:?}");
        assert!(told(&events).contains("is not below the job's folder"), "{}", told(&events));
        assert_eq!(crate::files::read(&mine.join("precious")).unwrap(), b"text");
    }
}

#[test]
fn a_link_or_a_pipe_that_a_stage_leaves_fails_its_task() {
    let leaves = |what: &str| {
        let folder = tempfile::tempdir().unwrap();
        let script =
            format!("{READY}{}", GOOD.replace("echo '{\"tick", &format!("{what}; echo '{{\"tick")));
        let (outcome, events) = perform(&one_task(), folder.path(), &options("sh", &script, "cpu"));
        assert_eq!(outcome.counts(), [0, 0, 1, 0], "{events:?}");
        assert!(Store::open(folder.path()).unwrap().records().unwrap().is_empty());
        let told = told(&events);
        told.split_once("value/").map_or(told.clone(), |(_, rest)| rest.to_owned())
    };
    insta::assert_snapshot!(leaves("ln -s /etc/hostname \"$folder/value/secret\""), @"
    secret` cannot be kept: it is a symbolic link
    help: a stage may leave plain files, by names without control characters
    all is well
    ");
    insta::assert_snapshot!(leaves("mkfifo \"$folder/value/pipe\""), @"
    pipe` cannot be kept: it is a pipe, socket or device
    help: a stage may leave plain files, by names without control characters
    all is well
    ");
    insta::assert_snapshot!(leaves("touch \"$folder/value/a\\\\b\""), @r#"
    a\b` cannot be kept: the path "a\\b" has a backslash or a control character
    help: a stage may leave plain files, by names without control characters
    all is well
    "#);
}

#[test]
fn a_worker_that_reads_nothing_of_a_long_job_is_ended_when_its_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = one_task();
    plan.tasks[0].resources.time = 1;
    // Longer than what a pipe takes that nobody reads.
    plan.tasks[0].stage = "long".repeat(1 << 15);
    let (_, events) =
        perform(&plan, folder.path(), &options("sh", &format!("{READY} sleep 1000"), "cpu"));
    assert!(told(&events).contains("the stage ran past its limit of 1 s"), "{}", told(&events));
}
