//! The leash: an end of a pipe that every guarded process is born with and hands on to what it starts.
//!
//! Whoever holds one can be found and ended, wherever it went and whether or not anybody was told of it; the other end
//! of the pipe says when nobody holds one any more. Knows nothing of groups. Linux alone shows who holds what.

use std::fs::read_dir;
use std::fs::read_link;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::fs::OFlags;
use rustix::fs::fcntl_getfl;
use rustix::process::Pid;
use rustix::process::PidfdFlags;
use rustix::process::Signal;
use rustix::process::getpid;
use rustix::process::getppid;
use rustix::process::pidfd_open;
use rustix::process::pidfd_send_signal;

/// Time between two looks at who still holds it.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// Most looks: a process that waits for a disk that is gone cannot be ended.
const LOOKS: usize = 1_000;

/// Ends everybody who holds the other end of a pipe but this process and who started it, and returns once nobody does.
pub(super) fn end_holders(pipe: &impl AsFd) {
    // Of an end for writing the others would be readers, who are none of its business.
    let is_reader = fcntl_getfl(pipe).is_ok_and(|flags| (flags & OFlags::RWMODE) == OFlags::RDONLY);
    let own = format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd());
    let Ok(name) = read_link(own) else { return };
    if !is_reader || !name.to_string_lossy().starts_with("pipe:") {
        return;
    }
    for _ in 0..LOOKS {
        // While one of them is being found another may start a third: only the pipe knows when all are gone.
        let mut asked = [PollFd::new(pipe, PollFlags::empty())];
        if poll(&mut asked, Some(&LOOK)).is_ok() && asked[0].revents().contains(PollFlags::HUP) {
            return;
        }
        look(&name);
    }
}

/// Ends every process that is seen to hold a pipe.
fn look(name: &Path) {
    let spared = [Some(getpid()), getppid()];
    let Ok(processes) = read_dir("/proc") else { return };
    for process in processes.flatten() {
        let number = process.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { continue };
        if spared.contains(&Some(pid)) {
            continue;
        }
        // Held before it is looked at: its number could be another's by the time of the signal.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if holds(&process.path(), name) {
            let _ = pidfd_send_signal(handle, Signal::KILL); // one that is gone is as it should be
        }
    }
}

/// Returns whether a process, by its folder in `/proc`, has a pipe open.
fn holds(process: &Path, name: &Path) -> bool {
    let Ok(files) = read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| read_link(file.path()).is_ok_and(|target| target == name))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::process::Stdio;

    use super::end_holders;

    #[test]
    fn whoever_holds_the_other_end_is_ended_also_grandchildren_that_went_their_own_ways() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & setsid sleep 1000 & echo started >&2; wait"]);
        command.stdout(Stdio::from(writer)).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut said = [0; 8];
        child.stderr.take().unwrap().read_exact(&mut said).unwrap();
        end_holders(&reader);
        assert_eq!(reader.read(&mut said).unwrap(), 0, "nobody holds it");
        assert!(!child.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "it held nothing");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn readers_of_what_it_would_write_are_none_of_its_business() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::from(reader)).spawn().unwrap();
        end_holders(&writer);
        assert!(child.try_wait().unwrap().is_none());
        drop(writer);
        assert!(child.wait().unwrap().success());
    }
}
