//! A worker process as the engine sees it: started, given jobs one after the other, ended.
//!
//! Whatever a process can do wrong becomes the failure of the task that it was given.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::PROTOCOL;
use crate::engine::Reply;
use crate::engine::Request;
use crate::engine::WorkerCommand;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::engine::protocol::line;
use crate::engine::protocol::read_line;
use crate::guard;
use crate::guard::Guard;
use crate::stage::Observer;
use crate::stage::Produced;

/// Time in which a worker must say that it is ready; a first look for GPUs takes seconds.
const START: Duration = Duration::from_mins(2);
/// Time between two looks at whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Time in which the last words of a dead worker arrive.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a worker's stdout brings.
enum Heard {
    Reply(Reply),
    Garbage(String),
    /// It closed its stdout, or its stdin.
    End,
}

/// Where the lines of a worker's stderr go: the log of the job that it runs.
type Ear = Arc<Mutex<Option<TaskLog>>>;

/// A worker process.
pub(super) struct Process {
    program: String,
    child: Child,
    guard: Option<Arc<Guard>>,
    /// Lines to its stdin: whoever sends them does not wait until it reads.
    requests: Sender<String>,
    replies: Receiver<Heard>,
    ear: Ear,
    stderr_ended: Receiver<()>,
    cuda_devices: usize,
}

impl Process {
    /// Starts a worker and waits until it is ready, or until it is to be given up. What it says meanwhile
    /// goes to `log`.
    pub(super) fn start(
        command: &WorkerCommand,
        (cpu_only, guard): (bool, Option<Arc<Guard>>),
        log: &TaskLog,
        give_up: &dyn Fn() -> bool,
    ) -> Result<Self, Failure> {
        let mut prepared = Command::new(&command.program);
        prepared
            .args(&command.arguments)
            .args(cpu_only.then_some("--cpu"))
            .env_clear()
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let cannot = |error: std::io::Error| cannot_start(command, &error);
        let mut child = guard::spawn(guard.as_deref(), &mut prepared).map_err(cannot)?;
        drop(prepared);
        let ear: Ear = Arc::new(Mutex::new(Some(log.clone())));
        let (sender, replies) = channel();
        listen(child.stdout.take().expect("stdout is piped"), sender.clone());
        let requests = pass_on(child.stdin.take().expect("stdin is piped"), sender);
        let stderr_ended = drain(child.stderr.take().expect("stderr is piped"), ear.clone());
        let program = command.program.display().to_string();
        let mut process =
            Self { program, child, guard, requests, replies, ear, stderr_ended, cuda_devices: 0 };
        process.shake_hands(log, give_up)?;
        Ok(process)
    }

    /// Returns the number of CUDA devices that the worker can use.
    pub(super) fn cuda_devices(&self) -> usize {
        self.cuda_devices
    }

    fn shake_hands(&mut self, log: &TaskLog, give_up: &dyn Fn() -> bool) -> Result<(), Failure> {
        let rebuild = "run `make build`: engine and worker must be built together";
        let start = Instant::now();
        let first = loop {
            match self.replies.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) if give_up() => return Err(Failure::stopped()),
                Err(RecvTimeoutError::Timeout) if start.elapsed() < START => {}
                first => break first,
            }
        };
        match first {
            Ok(Heard::Reply(Reply::Ready { protocol, cuda_devices })) if protocol == PROTOCOL => {
                self.cuda_devices = cuda_devices;
                Ok(())
            }
            Ok(Heard::Reply(Reply::Ready { protocol, .. })) => Err(Failure::new(format!(
                "the worker `{}` speaks protocol {protocol}, the engine {PROTOCOL}",
                self.program
            ))
            .help(rebuild)),
            Ok(Heard::Reply(_)) => {
                Err(Failure::new(format!("the worker `{}` did not say it was ready", self.program))
                    .help(rebuild))
            }
            Ok(Heard::Garbage(text)) => Err(self.garbage(&text)),
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => Err(self.death(log)),
            Err(RecvTimeoutError::Timeout) => Err(Failure::new(format!(
                "the worker `{}` was not ready after {} s",
                self.program,
                START.as_secs()
            ))),
        }
    }

    /// Runs one job; answers its outcome, and whether the worker can take another.
    pub(super) fn perform(
        &mut self,
        job: &Job,
        watch: &Watch<'_>,
        log: &TaskLog,
    ) -> (Result<BTreeMap<String, Produced>, Failure>, bool) {
        *self.ear.lock().unwrap_or_else(PoisonError::into_inner) = Some(log.clone());
        let request = line(&Request::Job(Box::new(job.clone())));
        if self.requests.send(request).is_err() {
            return (Err(self.death(log)), false);
        }
        let mut asked_to_stop = false;
        loop {
            match self.replies.recv_timeout(LOOK) {
                Ok(Heard::Reply(Reply::Tick(tick))) => watch.tick(&tick),
                Ok(Heard::Reply(Reply::Note(text))) => watch.note(&text),
                Ok(Heard::Reply(Reply::Warning(text))) => watch.warn(&text),
                Ok(Heard::Reply(Reply::Took(bytes))) => watch.took(bytes),
                Ok(Heard::Reply(Reply::Done(produced))) => return (Ok(produced), true),
                Ok(Heard::Reply(Reply::Failed { problem, help, stopped, fit })) => {
                    return (Err(Failure { problem, help, stopped }), fit);
                }
                Ok(Heard::Garbage(text)) => return (Err(self.garbage(&text)), false),
                Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => {
                    return (Err(self.death(log)), false);
                }
                Ok(Heard::Reply(Reply::Ready { .. })) | Err(RecvTimeoutError::Timeout) => {}
            }
            if watch.is_overdue() {
                return (Err(Failure::stopped()), false); // the caller knows why
            }
            if watch.is_stopped() && !asked_to_stop {
                asked_to_stop = true;
                // A worker that is gone shows as the end of its replies.
                let _ = self.requests.send(line(&Request::Cancel));
            }
        }
    }

    fn garbage(&self, text: &str) -> Failure {
        let text: String = text.chars().take(80).collect();
        Failure::new(format!("the worker `{}` said `{text}`, which is no reply", self.program))
            .help("run `make build`: engine and worker must be built together")
    }

    /// Says how a worker whose replies ended came to its end.
    fn death(&mut self, log: &TaskLog) -> Failure {
        let _ = self.stderr_ended.recv_timeout(LAST_WORDS);
        let closed = Instant::now();
        while closed.elapsed() < LAST_WORDS {
            if let Ok(Some(status)) = self.child.try_wait() {
                return describe_death(&self.program, status, &log.tail());
            }
            std::thread::sleep(LAST_WORDS / 50); // a process closes its files before it is gone
        }
        Failure::new(format!("the worker `{}` closed its stdout in the middle", self.program))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has no job, or one that nobody waits for; nor does anybody for what it started.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        if let Some(guard) = &self.guard {
            guard.discharge(self.child.id());
        }
        let _ = self.child.wait();
    }
}

fn cannot_start(command: &WorkerCommand, error: &std::io::Error) -> Failure {
    let program = command.program.display();
    match error.kind() {
        ErrorKind::NotFound => Failure::new(format!("there is no worker program `{program}`"))
            .help("run `make build`, which builds `ablate-worker` beside `ablate`"),
        _ => Failure::new(format!("cannot start the worker `{program}`: {error}")),
    }
}

fn describe_death(program: &str, status: ExitStatus, said: &[String]) -> Failure {
    let lacks_library =
        said.iter().any(|line| line.contains("error while loading shared libraries"));
    if status.code() == Some(127) && lacks_library {
        return Failure::new(format!("the worker `{program}` does not find libtorch"))
            .help("run `make libtorch`, or set `LIBTORCH` and build again");
    }
    match (status.code(), status.signal()) {
        (_, Some(9)) => Failure::new(format!("the worker `{program}` was killed (signal 9)"))
            .help("it may have run out of memory: try a smaller `batch_size`"),
        (_, Some(signal)) => {
            Failure::new(format!("the worker `{program}` crashed (signal {signal})"))
        }
        (code, None) => Failure::new(format!(
            "the worker `{program}` ended in the middle, with exit code {}",
            code.unwrap_or_default()
        )),
    }
}

/// Reads a worker's stdout on a thread of its own, to its end.
fn listen(stdout: impl std::io::Read + Send + 'static, sender: Sender<Heard>) {
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        while let Ok(Some(bytes)) = read_line(&mut stdout) {
            let heard = serde_json::from_slice(&bytes)
                .map_or_else(|_| Heard::Garbage(printable(&bytes)), Heard::Reply);
            if sender.send(heard).is_err() {
                return;
            }
        }
        let _ = sender.send(Heard::End);
    });
}

/// Writes lines to a worker's stdin on a thread of its own: one that does not read blocks nobody else.
fn pass_on(mut stdin: ChildStdin, end: Sender<Heard>) -> Sender<String> {
    let (sender, lines) = channel::<String>();
    std::thread::spawn(move || {
        for line in lines {
            if stdin.write_all(line.as_bytes()).is_err() {
                let _ = end.send(Heard::End);
                return;
            }
        }
    });
    sender
}

/// Passes a worker's stderr to the log of its job, on a thread of its own; the channel closes
/// where it ends.
fn drain(stderr: impl std::io::Read + Send + 'static, ear: Ear) -> Receiver<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        while let Ok(Some(bytes)) = read_line(&mut stderr) {
            if let Some(log) = &*ear.lock().unwrap_or_else(PoisonError::into_inner) {
                log.line(&printable(&bytes));
            }
        }
        drop(sender);
    });
    receiver
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
