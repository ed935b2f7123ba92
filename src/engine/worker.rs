//! The worker's end of the protocol: takes jobs, runs them one after the other, tells how it goes.
//!
//! Knows streams, not processes: the program around it hands in stdin and stdout.

use std::io::BufRead;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;

use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::PROTOCOL;
use crate::engine::Reply;
use crate::engine::Request;
use crate::engine::inline::Permission;
use crate::engine::inline::run_here;
use crate::engine::observer::Signal;
use crate::engine::observer::Watch;
use crate::engine::protocol::line;
use crate::engine::protocol::read_line;
use crate::stage::StageKind;

/// Most threads of one job: more than any machine has cores.
const MOST_THREADS: usize = 4096;

/// Serves jobs until the input ends.
///
/// The input is read all the time, so that a wish to stop is heard during a job. `abandoned` is
/// called where the input ends during a job: the engine is gone, and nobody waits for the result.
pub fn serve(
    kinds: &[StageKind],
    cuda_devices: usize,
    input: impl BufRead + Send,
    output: impl Write + Send,
    abandoned: impl Fn() + Sync,
) {
    let output = Mutex::new(output);
    // An engine that no longer listens closes the input too, which ends the worker.
    let say = |reply: Reply| {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = output.write_all(line(&reply).as_bytes()).and_then(|()| output.flush());
    };
    let cancel = AtomicBool::new(false);
    let unanswered = AtomicUsize::new(0);
    let (sender, jobs) = channel::<Job>();
    say(Reply::Ready { protocol: PROTOCOL, cuda_devices });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let jobs = sender; // dropped with this thread, which ends the loop below
            read_requests(input, &jobs, &unanswered, &cancel, &say);
            if unanswered.load(Ordering::SeqCst) > 0 {
                cancel.store(true, Ordering::SeqCst);
                abandoned();
            }
        });
        for job in jobs {
            let reply = answer(kinds, &job, &cancel, &say);
            unanswered.fetch_sub(1, Ordering::SeqCst); // first: the engine may leave on this reply
            say(reply);
        }
    });
}

fn read_requests(
    mut input: impl BufRead,
    jobs: &Sender<Job>,
    unanswered: &AtomicUsize,
    cancel: &AtomicBool,
    say: &impl Fn(Reply),
) {
    while let Ok(Some(text)) = read_line(&mut input) {
        match serde_json::from_slice(&text) {
            Ok(Request::Job(job)) => {
                unanswered.fetch_add(1, Ordering::SeqCst);
                if jobs.send(*job).is_err() {
                    return;
                }
            }
            Ok(Request::Cancel) => cancel.store(true, Ordering::SeqCst),
            Err(error) => {
                let failure = Failure::new(format!("the worker cannot read its job: {error}"))
                    .help("run `make build`: engine and worker must be built together");
                say(failed(failure, true));
            }
        }
    }
}

fn answer(
    kinds: &[StageKind],
    job: &Job,
    cancel: &AtomicBool,
    say: &(impl Fn(Reply) + Sync),
) -> Reply {
    let kind = match find(kinds, job) {
        Ok(kind) => kind,
        Err(failure) => return failed(failure, true),
    };
    let tell = |signal: Signal| match signal {
        Signal::Tick(tick) => say(Reply::Tick(tick)),
        Signal::Note(text) => say(Reply::Note(text)),
        Signal::Warning(text) => say(Reply::Warning(text)),
    };
    let stop = || cancel.load(Ordering::SeqCst);
    let watch = Watch::new(&tell, &stop);
    let outcome =
        catch_unwind(AssertUnwindSafe(|| run_here(kind, job, &watch, Permission::default())));
    if let Some(bytes) = watch.peak() {
        say(Reply::Took(bytes));
    }
    match outcome {
        Ok(Ok(produced)) => Reply::Done(produced),
        Ok(Err(failure)) => failed(failure, true),
        Err(panic) => failed(Failure::panicked(panic.as_ref()), false),
    }
}

/// Returns the kind that a job asks for, if it is the one that the engine means.
fn find<'a>(kinds: &'a [StageKind], job: &Job) -> Result<&'a StageKind, Failure> {
    let rebuild = "run `make build`: engine and worker must be built together";
    if job.protocol != PROTOCOL {
        let problem = format!("the engine speaks protocol {}, the worker {PROTOCOL}", job.protocol);
        return Err(Failure::new(problem).help(rebuild));
    }
    let kind = kinds.iter().find(|kind| kind.name == job.kind);
    let kind = kind.ok_or_else(|| {
        Failure::new(format!("the worker has no kind `{}`", job.kind)).help(rebuild)
    })?;
    if kind.version != job.version {
        let problem = format!(
            "the worker has version {} of kind `{}`, the plan has {}",
            kind.version, job.kind, job.version
        );
        return Err(Failure::new(problem).help(rebuild));
    }
    if !(1..=MOST_THREADS).contains(&job.threads) {
        let problem = format!("{} threads; 1 to {MOST_THREADS} expected", job.threads);
        return Err(Failure::new(problem));
    }
    if kind.resolve(&job.params).is_err() {
        let problem = format!("the worker knows other params of kind `{}`", job.kind);
        return Err(Failure::new(problem).help(rebuild));
    }
    Ok(kind)
}

fn failed(failure: Failure, fit: bool) -> Reply {
    Reply::Failed { problem: failure.problem, help: failure.help, stopped: failure.stopped, fit }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::io::BufReader;
    use std::io::PipeReader;
    use std::io::PipeWriter;
    use std::io::Write;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering;

    use serde_json::Value;
    use serde_json::json;

    use crate::engine::toys::FAIL;
    use crate::engine::toys::Fail;
    use crate::engine::toys::Remote;
    use crate::stage::StageKind;

    /// The engine's end of two pipes to a worker.
    struct Ends {
        requests: PipeWriter,
        replies: BufReader<PipeReader>,
    }

    impl Ends {
        fn say(&mut self, request: &Value) {
            writeln!(self.requests, "{request}").unwrap();
        }

        fn hear(&mut self) -> Value {
            let mut text = String::new();
            self.replies.read_line(&mut text).unwrap();
            serde_json::from_str(&text).unwrap_or(Value::Null)
        }
    }

    /// Serves toys on a thread while `talk` plays the engine; returns whether the worker was
    /// abandoned.
    fn serve(talk: impl FnOnce(Ends)) -> bool {
        let kinds = [StageKind::of::<Remote>(), StageKind::of::<Fail>()];
        let (input, requests) = std::io::pipe().unwrap();
        let (replies, output) = std::io::pipe().unwrap();
        let abandoned = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let leave = || abandoned.store(true, Ordering::SeqCst);
                super::serve(&kinds, 3, BufReader::new(input), output, leave);
            });
            let mut ends = Ends { requests, replies: BufReader::new(replies) };
            assert_eq!(ends.hear(), json!({"ready": {"protocol": 1, "cuda_devices": 3}}));
            talk(ends);
        });
        abandoned.load(Ordering::SeqCst)
    }

    fn job(kind: &str, params: &Value, folder: &Path) -> Value {
        let params = FAIL.resolve(params).unwrap();
        json!({"job": {
            "protocol": 1, "label": "toy", "kind": kind, "version": 1, "params": params,
            "inputs": {}, "sources": {}, "seed": 0, "device": "cpu", "threads": 1,
            "folder": folder, "checkpoints": null,
        }})
    }

    #[test]
    fn jobs_are_done_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = serve(|mut ends| {
            for value in [5, 6] {
                let folder = folder.path().join(value.to_string());
                ends.say(&job("remote", &json!({"value": value}), &folder));
                assert_eq!(ends.hear(), json!({"note": "counting"}));
                assert_eq!(ends.hear()["tick"]["done"], 1);
                let made = ends.hear()["done"]["value"]["folder"].clone();
                let table =
                    std::fs::read_to_string(format!("{}/table.csv", made.as_str().unwrap()));
                assert_eq!(table.unwrap(), format!("value\n{value}\n"));
            }
        });
        assert!(!abandoned, "the engine left after the last reply");
    }

    #[test]
    fn failures_and_panics_are_told() {
        let folder = tempfile::tempdir().unwrap();
        serve(|mut ends| {
            ends.say(&job("fail", &json!({}), folder.path()));
            let told = json!({"failed": {
                "problem": "found `no`, expected `yes`", "help": "say `yes`",
                "stopped": false, "fit": true,
            }});
            assert_eq!(ends.hear(), told);
            ends.say(&job("fail", &json!({"how": "panic"}), folder.path()));
            let told = ends.hear();
            assert_eq!(told["failed"]["problem"], "the stage panicked: out of cheese");
            assert_eq!(told["failed"]["fit"], false);
        });
    }

    #[test]
    fn a_job_that_the_worker_does_not_understand_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        serve(|mut ends| {
            let mut problem = |change: fn(&mut Value)| {
                let mut request = job("remote", &json!({}), folder.path());
                change(&mut request);
                ends.say(&request);
                ends.hear()["failed"]["problem"].as_str().unwrap().to_owned()
            };
            insta::assert_snapshot!(problem(|job| job["job"]["kind"] = json!("other")), @"the worker has no kind `other`");
            insta::assert_snapshot!(problem(|job| job["job"]["version"] = json!(2)), @"the worker has version 1 of kind `remote`, the plan has 2");
            insta::assert_snapshot!(problem(|job| job["job"]["params"]["other"] = json!(2)), @"the worker knows other params of kind `remote`");
            insta::assert_snapshot!(problem(|job| job["job"]["protocol"] = json!(2)), @"the engine speaks protocol 2, the worker 1");
            insta::assert_snapshot!(problem(|job| job["job"]["threads"] = json!(1_000_000)), @"1000000 threads; 1 to 4096 expected");
            insta::assert_snapshot!(problem(|job| *job = json!({"jobb": 1})), @"the worker cannot read its job: unknown variant `jobb`, expected `job` or `cancel` at line 1 column 7");
        });
    }

    #[test]
    fn a_wish_to_stop_is_heard_during_a_job() {
        let folder = tempfile::tempdir().unwrap();
        serve(|mut ends| {
            ends.say(&job("fail", &json!({"how": "wait"}), folder.path()));
            ends.say(&json!("cancel"));
            assert_eq!(ends.hear()["failed"]["stopped"], true);
        });
    }

    #[test]
    fn a_worker_whose_engine_dies_during_a_job_is_abandoned() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned =
            serve(|mut ends| ends.say(&job("fail", &json!({"how": "wait"}), folder.path())));
        assert!(abandoned);
    }
}
