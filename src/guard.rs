//! A guard: a process that outlives this one by a moment, and ends what this one leaves running.
//!
//! A process that is killed cannot clean up, and the system ends nothing for it but, where asked, its direct
//! children. So each process that is started here is made the first of a group, tells the guard that
//! group's number before it becomes another program, and the guard ends all groups that it was told of once
//! nobody holds the other end of its line. What leaves its group by itself (`setsid`) is out of reach.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::io::Read;
#[cfg(not(target_os = "linux"))]
use std::io::Write;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

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
    child: Child,
}

impl Guard {
    /// Returns a guard that stands by calling a program, which is expected to call [`stand`] on its
    /// standard input.
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self { program, arguments, standing: Mutex::default() }
    }

    /// Makes a command the first of a process group that does not outlive this process.
    pub fn enrol(&self, command: &mut Command) -> io::Result<()> {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.is_none() {
            *standing = Some(self.start()?);
        }
        let Some(Standing { line, .. }) = &*standing else { return Ok(()) };
        let line = line.try_clone()?;
        command.process_group(0);
        let tell = move || {
            // Without a guard, which somebody must have killed, it runs all the same.
            let _ = send(&line, std::process::id() as i32);
            Ok(())
        };
        #[expect(unsafe_code, reason = "its two calls are fit for a process that was just forked")]
        unsafe {
            command.pre_exec(tell);
        }
        Ok(())
    }

    /// Forgets the group of a process that is ended, and not yet waited for: its number is free after that.
    pub fn discharge(&self, process: u32) {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Standing { line, .. }) = &*standing {
            let _ = send(line, -(process as i32));
        }
    }

    fn start(&self) -> io::Result<Standing> {
        let (line, other) = UnixStream::pair()?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir("/")
            .stdin(OwnedFd::from(other))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is not for it
            .spawn()?;
        Ok(Standing { line, child })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let standing = self.standing.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Standing { line, mut child }) = standing {
            let _ = line.shutdown(std::net::Shutdown::Both);
            let _ = child.wait();
        }
    }
}

/// Sends a number whole; allocates nothing, and raises no signal where nobody listens.
fn send(line: &UnixStream, number: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let bytes = number.to_ne_bytes();
        #[expect(unsafe_code, reason = "the standard library offers no write without SIGPIPE")]
        let sent = unsafe {
            libc::send(line.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let mut line = line;
        line.write_all(&number.to_ne_bytes())
    }
}

/// Stands guard: hears which groups there are, and ends them when the line ends.
pub fn stand(mut line: impl Read) {
    let mut groups = BTreeSet::new();
    let mut bytes = [0; 4];
    while line.read_exact(&mut bytes).is_ok() {
        match i32::from_ne_bytes(bytes) {
            group @ 1.. => drop(groups.insert(group)),
            group => drop(groups.remove(&-group)),
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL); // one that is gone is as it should be
    }
}

#[cfg(test)]
mod tests {
    use super::Guard;
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
        stand(&bytes[..]);
        assert!(!guarded.wait().unwrap().success());
        assert!(discharged.try_wait().unwrap().is_none());
        discharged.kill().unwrap();
        discharged.wait().unwrap();
    }

    #[test]
    fn a_process_is_told_of_before_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let heard = folder.path().join("heard");
        let script = format!("cat > {}", heard.display());
        let guard = Guard::new("sh".into(), vec!["-c".into(), script.into()]);
        let mut command = Command::new("true");
        guard.enrol(&mut command).unwrap();
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let process = child.id();
        guard.discharge(process);
        child.wait().unwrap();
        drop(command);
        drop(guard);
        let bytes = std::fs::read(&heard).unwrap();
        let process = process as i32;
        assert_eq!(bytes, [process.to_ne_bytes(), (-process).to_ne_bytes()].concat());
    }
}
