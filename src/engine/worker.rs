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
use crate::engine::inline::run_here;
use crate::engine::observer::Signal;
use crate::engine::observer::Watch;
use crate::engine::protocol::line;
use crate::stage::StageKind;

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
            say(reply);
            unanswered.fetch_sub(1, Ordering::SeqCst);
        }
    });
}

fn read_requests(
    input: impl BufRead,
    jobs: &Sender<Job>,
    unanswered: &AtomicUsize,
    cancel: &AtomicBool,
    say: &impl Fn(Reply),
) {
    for text in input.lines() {
        let Ok(text) = text else { return };
        match serde_json::from_str(&text) {
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
    };
    let stop = || cancel.load(Ordering::SeqCst);
    let watch = Watch::new(&tell, &stop);
    match catch_unwind(AssertUnwindSafe(|| run_here(kind, job, &watch))) {
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
    Ok(kind)
}

fn failed(failure: Failure, fit: bool) -> Reply {
    Reply::Failed { problem: failure.problem, help: failure.help, stopped: failure.stopped, fit }
}
