//! A program as a process: started without a shell in a group of its own, heard, and ended with all
//! that it started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use rustix::fs::Access;
use rustix::fs::access;
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitId;
use rustix::process::WaitIdOptions;
use rustix::process::kill_process_group;
use rustix::process::waitid;

use crate::guard;
use crate::guard::Guard;
use crate::stage::Observer;
use crate::stage::StageError;
use crate::stages::exec::voice::Heard;
use crate::stages::exec::voice::Voice;

/// Longest time between two looks at the program and at the user's wish to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Time between the first two looks at a program that has closed its output, as most do by ending; it doubles.
const NAP: Duration = Duration::from_millis(1);
/// Time that a program has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// Time in which the last words of a dead program arrive.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A program with all that it starts with.
pub(super) struct Program {
    /// A bare name, or a path.
    pub(super) path: PathBuf,
    /// What is handed over.
    pub(super) arguments: Vec<String>,
    /// All of its environment.
    pub(super) environment: BTreeMap<String, OsString>,
    /// Where it runs.
    pub(super) folder: PathBuf,
}

/// A process with its group; dropping it ends both.
struct Running<'a> {
    child: Child,
    group: Pid,
    guard: Option<&'a Guard>,
}

impl Program {
    /// Runs the program to its end; it must end well.
    pub(super) fn run(
        &self,
        observer: &dyn Observer,
        guard: Option<&Guard>,
    ) -> Result<(), StageError> {
        let name = self.arguments.iter().fold(self.shown(), |words, word| words + " " + word);
        let (mut running, mut voice) = self.start(guard)?;
        let status = running.watch(&mut voice, observer)?;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => {
                Err(StageError::data(format!("`{name}` ended with exit code {code}, expected 0")))
            }
            (None, signal) => Err(StageError::data(format!(
                "`{name}` was ended by signal {}",
                signal.unwrap_or_default()
            ))),
        }
    }

    fn shown(&self) -> String {
        let program = self.path.strip_prefix(&self.folder).unwrap_or(&self.path);
        program.display().to_string()
    }

    /// Returns where a bare name lies in PATH. The system would look it up too, but only in a copy of this process.
    fn place(&self) -> Option<PathBuf> {
        let path = self.environment.get("PATH").filter(|_| self.path.components().count() == 1)?;
        let places =
            std::env::split_paths(path).map(|folder| self.folder.join(folder).join(&self.path));
        places.into_iter().find(|place| place.is_file() && access(place, Access::EXEC_OK).is_ok())
    }

    fn start<'a>(&self, guard: Option<&'a Guard>) -> Result<(Running<'a>, Voice), StageError> {
        let broken = |error: std::io::Error| self.cannot_start(&error);
        let (reader, writer) = std::io::pipe().map_err(broken)?;
        let voice = Voice::new(reader).map_err(broken)?;
        let start = |command: &mut Command| {
            command
                .args(&self.arguments)
                .current_dir(&self.folder)
                .env_clear()
                .envs(&self.environment)
                .stdin(Stdio::null())
                .stdout(writer.try_clone()?)
                .stderr(writer.try_clone()?);
            guard::spawn(guard, command)
        };
        let place = self.place();
        let place = place.as_ref().unwrap_or(&self.path);
        let child = match start(Command::new(place).arg0(&self.path)) {
            // A script without a line that names its interpreter, which every shell would read itself.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOEXEC) => {
                start(Command::new("/bin/sh").arg(place))
            }
            started => started,
        };
        let child = child.map_err(broken)?;
        drop(writer); // its end is to be heard
        let group = Pid::from_child(&child);
        Ok((Running { child, group, guard }, voice))
    }

    fn cannot_start(&self, error: &std::io::Error) -> StageError {
        let program = self.shown();
        let at = if program.contains('/') { "in its folder" } else { "in PATH" };
        match error.kind() {
            ErrorKind::NotFound => {
                StageError::data(format!("there is no program `{program}` {at}"))
                    .help("install it, or name it in `files` and write `./NAME`")
            }
            _ => StageError::data(format!("cannot start `{program}`: {error}")),
        }
    }
}

impl Running<'_> {
    /// Passes on what the program says until it ends; ends it where the user wants to stop.
    fn watch(
        &mut self,
        voice: &mut Voice,
        observer: &dyn Observer,
    ) -> Result<ExitStatus, StageError> {
        let mut looked = Instant::now();
        let mut asked: Option<Instant> = None;
        let mut nap = NAP;
        loop {
            match voice.hear(LOOK, &mut |line| observer.said(line)) {
                Heard::Words if looked.elapsed() < LOOK => continue,
                Heard::Words | Heard::Silence => {}
                // Mostly because it has just ended.
                Heard::End if self.has_ended() => break,
                Heard::End => {
                    std::thread::sleep(nap);
                    nap = LOOK.min(nap * 2);
                }
            }
            looked = Instant::now();
            if self.has_ended() {
                break;
            }
            match asked {
                None if observer.cancelled() => {
                    self.signal(Signal::TERM);
                    asked = Some(Instant::now());
                }
                Some(then) if then.elapsed() > GRACE => self.signal(Signal::KILL),
                _ => {}
            }
        }
        self.end_group(); // what it started and left behind
        let status = self.child.wait();
        voice.last_words(LAST_WORDS, &mut |line| observer.said(line));
        if asked.is_some() {
            return Err(StageError::Cancelled);
        }
        status.map_err(|error| StageError::data(format!("cannot wait for the program: {error}")))
    }

    /// Returns whether the program has ended. It is left waiting for: until then, no other group can
    /// get its number.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Ends the whole group, of which nobody needs to know after that.
    fn end_group(&self) {
        self.signal(Signal::KILL);
        if let Some(guard) = self.guard {
            guard.discharge(self.child.id());
        }
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone is as it should be.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end_group();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;
    use std::time::Duration;
    use std::time::Instant;

    use super::GRACE;
    use super::Program;
    use crate::files;
    use crate::stage::Observer;
    use crate::stage::StageError;

    /// Keeps what a program says, and wants to stop after so many lines.
    struct Ears {
        lines: Mutex<Vec<String>>,
        enough: usize,
    }

    impl Ears {
        fn new(enough: usize) -> Self {
            Self { lines: Mutex::default(), enough }
        }
    }

    impl Observer for Ears {
        fn said(&self, line: &str) {
            self.lines.lock().unwrap().push(line.to_owned());
        }

        fn cancelled(&self) -> bool {
            self.lines.lock().unwrap().len() >= self.enough
        }
    }

    fn script(text: &str) -> Program {
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".into())]);
        let arguments = vec!["-c".to_owned(), text.to_owned()];
        Program { path: "sh".into(), arguments, environment, folder: "/".into() }
    }

    fn named(path: &str, folder: &std::path::Path) -> Program {
        let environment = BTreeMap::from([("PATH".to_owned(), "a:b:c".into())]);
        let (path, arguments, folder) = (path.into(), Vec::new(), folder.to_owned());
        Program { path, arguments, environment, folder }
    }

    fn write(folder: &std::path::Path, name: &str, text: &str, mode: u32) {
        let path = folder.join(name);
        files::create_folder(path.parent().unwrap()).unwrap();
        files::write(&path, text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_bare_name_is_the_first_program_of_that_name_in_path() {
        let folder = tempfile::tempdir().unwrap();
        files::create_folder(&folder.path().join("a/tool")).unwrap();
        write(folder.path(), "b/tool", "", 0o644);
        write(folder.path(), "c/tool", "", 0o755);
        let place = |path| named(path, folder.path()).place();
        assert_eq!(place("tool"), Some(folder.path().join("c/tool")));
        assert_eq!(place("other"), None);
        assert_eq!(place("/tool"), None, "a path is no bare name");
    }

    #[test]
    fn a_program_that_never_stops_talking_is_heard_and_stopped() {
        let ears = Ears::new(100);
        let begun = Instant::now();
        let ended = script("while :; do echo on and on; done").run(&ears, None);
        assert!(matches!(ended, Err(StageError::Cancelled)), "{ended:?}");
        assert!(begun.elapsed() < GRACE, "it was asked to end, and did");
        assert!(ears.lines.into_inner().unwrap().iter().all(|line| line == "on and on"));
    }

    #[test]
    #[cfg(target_os = "linux")] // others have no `setsid`
    fn one_that_went_off_talking_keeps_nobody_waiting() {
        let ears = Ears::new(usize::MAX);
        let begun = Instant::now();
        let text = "setsid sh -c 'while :; do echo off; done' & echo done";
        script(text).run(&ears, None).unwrap();
        assert!(begun.elapsed() < Duration::from_mins(1));
        assert!(ears.lines.into_inner().unwrap().iter().any(|line| line == "done"));
    }
}
