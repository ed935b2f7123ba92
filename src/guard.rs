//! A guard: a process that outlives this one by a moment, and ends what this one leaves running.
//!
//! A process that is killed cannot clean up, and the system ends nothing for it but, where asked, its direct
//! children. So each process that is started here is made the first of a group of which the guard is told, and is born with
//! a leash. Once nobody holds the other end of its line, the guard ends the groups that are left and, on Linux, whoever
//! holds a leash: also what left its group, and what was started in the moment before the guard was to be told.

#[cfg(target_os = "linux")]
mod leash;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::io::PipeWriter;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustix::io::FdFlags;
use rustix::io::fcntl_setfd;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

/// What the guard is told where all has ended well.
const ALL_IS_WELL: i32 = 0;

/// The guard of this process, which is started with the first that it guards.
#[derive(Debug)]
pub struct Guard {
    program: PathBuf,
    arguments: Vec<OsString>,
    standing: Mutex<Option<Standing>>,
}

#[derive(Debug)]
struct Standing {
    line: UnixStream,
    leash: PipeWriter,
    child: Child,
}

/// Starts a command as the first of a process group, which does not outlive this process where there is a guard.
pub fn spawn(guard: Option<&Guard>, command: &mut Command) -> io::Result<Child> {
    command.process_group(0); // Ctrl-C is not for it
    match guard {
        Some(guard) => guard.spawn(command),
        None => command.spawn(),
    }
}

impl Guard {
    /// Returns a guard that stands by calling a program, which is expected to call [`stand`] on its standard input and
    /// output.
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self { program, arguments, standing: Mutex::default() }
    }

    // Nothing is done in the new process before it becomes the other program: so the system starts it without a copy of
    // this one's tables of memory, which for a large study would cost more than all else about a small program.
    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = match &mut *standing {
            Some(standing) => standing,
            none => none.insert(self.start()?),
        };
        fcntl_setfd(&standing.leash, FdFlags::empty())?;
        let child = command.spawn();
        let hidden = fcntl_setfd(&standing.leash, FdFlags::CLOEXEC); // others are to have none
        let child = child?;
        // Without a guard, which somebody must have killed, it runs all the same.
        let _ = standing.tell(child.id() as i32);
        debug_assert!(hidden.is_ok(), "{hidden:?}");
        Ok(child)
    }

    /// Forgets the group of a process that is ended, and not yet waited for: its number is free after that.
    pub fn discharge(&self, process: u32) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = &mut *standing {
            let _ = standing.tell(-(process as i32));
        }
    }

    fn start(&self) -> io::Result<Standing> {
        let (line, other) = UnixStream::pair()?;
        let (held, leash) = io::pipe()?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir("/")
            .stdin(OwnedFd::from(other))
            .stdout(held)
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is not for it
            .spawn()?;
        Ok(Standing { line, leash, child })
    }
}

impl Standing {
    fn tell(&mut self, number: i32) -> io::Result<()> {
        self.line.write_all(&number.to_ne_bytes())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let standing = self.standing.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut standing) = standing {
            let _ = standing.tell(ALL_IS_WELL);
            let _ = standing.line.shutdown(std::net::Shutdown::Both);
            let _ = standing.child.wait();
        }
    }
}

/// Stands guard: hears which groups there are, and ends them when the line ends. Unless it was told that all is well, it
/// then also ends whoever holds a leash, `leash` being the end for reading of that pipe.
pub fn stand(mut line: impl Read, leash: &impl AsFd) {
    let mut groups = BTreeSet::new();
    let mut is_well = false;
    let mut bytes = [0; 4];
    while line.read_exact(&mut bytes).is_ok() {
        match i32::from_ne_bytes(bytes) {
            ALL_IS_WELL => is_well = true,
            group @ 1.. => drop(groups.insert(group)),
            group => drop(groups.remove(&-group)),
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL); // one that is gone is as it should be
    }
    #[cfg(target_os = "linux")]
    if !is_well {
        leash::end_holders(leash);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (is_well, leash);
}

#[cfg(test)]
mod tests {
    use super::Guard;
    use super::spawn;
    use super::stand;
    use std::process::Command;
    use std::process::Stdio;

    #[test]
    fn groups_end_with_the_line_unless_they_are_discharged() {
        let sleeper = || {
            let mut command = Command::new("sleep");
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            command.arg("1000").spawn().unwrap()
        };
        let (mut guarded, mut discharged) = (sleeper(), sleeper());
        let told = [guarded.id() as i32, discharged.id() as i32, -(discharged.id() as i32)];
        let bytes: Vec<u8> = told.iter().flat_map(|number| number.to_ne_bytes()).collect();
        stand(&bytes[..], &std::io::stderr());
        assert!(!guarded.wait().unwrap().success());
        assert!(discharged.try_wait().unwrap().is_none());
        discharged.kill().unwrap();
        discharged.wait().unwrap();
    }

    #[test]
    fn a_process_is_told_of_until_it_is_discharged_and_then_that_all_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let heard = folder.path().join("heard");
        let script = format!("cat > {}", heard.display());
        let guard = Guard::new("sh".into(), vec!["-c".into(), script.into()]);
        let mut command = Command::new("true");
        let mut child = spawn(Some(&guard), command.stdout(Stdio::null())).unwrap();
        let process = child.id();
        guard.discharge(process);
        child.wait().unwrap();
        drop(guard);
        let bytes = std::fs::read(&heard).unwrap();
        let process = process as i32;
        let told = [process, -process, 0];
        assert_eq!(bytes, told.map(i32::to_ne_bytes).concat());
    }

    /// Lets a guarded program say which pipes it holds, from its first moment on.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_guarded_process_is_born_with_a_leash_and_others_have_none() {
        let guard = Guard::new("cat".into(), Vec::new());
        let listed = |command: &mut Command| {
            command
                .args(["-c", "readlink /proc/self/fd/*"])
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            command.stdout(Stdio::piped());
            spawn(None, command).unwrap().wait_with_output().unwrap().stdout
        };
        let pipes = |said: Vec<u8>| String::from_utf8(said).unwrap().matches("pipe:").count();
        let mut command = Command::new("sh");
        command.args(["-c", "readlink /proc/self/fd/*"]).stdin(Stdio::null()).stderr(Stdio::null());
        let child = spawn(Some(&guard), command.stdout(Stdio::piped())).unwrap();
        let guarded = child.wait_with_output().unwrap().stdout;
        assert_eq!(pipes(guarded), pipes(listed(&mut Command::new("sh"))) + 1);
    }
}
