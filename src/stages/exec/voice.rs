//! The voice of a program: the pipe of its output, heard line by line and never waited for longer than asked. It does
//! not know the program, nor whether it still runs.

use std::io;
use std::io::ErrorKind::Interrupted;
use std::io::ErrorKind::WouldBlock;
use std::io::PipeReader;
use std::io::Read;
use std::time::Duration;
use std::time::Instant;

use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::io::ioctl_fionbio;

/// Bytes from which on a line that does not end is passed on.
const LONGEST: usize = 64 * 1024;
/// Bytes that are read at once.
const ROOM: usize = 4096;
/// Bytes that a pipe holds at most, unless somebody asked for more.
const PIPE: usize = 64 * 1024;

/// Both output and errors of a program, in the order of their arrival.
pub(super) struct Voice {
    pipe: PipeReader,
    /// What was heard of a line that has not ended.
    begun: Vec<u8>,
}

/// What was heard in a while.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something, of which every whole line was passed on.
    Words,
    /// Nothing.
    Silence,
    /// That nobody is left who could say anything.
    End,
}

impl Voice {
    pub(super) fn new(pipe: PipeReader) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?; // somebody else may take what was just there
        Ok(Self { pipe, begun: Vec::new() })
    }

    /// Waits until something is said, at most for so long, and passes on the lines that it completes, without their
    /// ends. Lines above 64 KiB come in parts of about that.
    pub(super) fn hear(&mut self, longest: Duration, pass: &mut dyn FnMut(&str)) -> Heard {
        let mut asked = [PollFd::new(&self.pipe, PollFlags::IN)];
        let longest = Timespec::try_from(longest).ok();
        if !matches!(poll(&mut asked, longest.as_ref()), Ok(1..)) {
            return Heard::Silence; // or a signal came
        }
        let mut room = [0; ROOM];
        match self.pipe.read(&mut room) {
            Ok(count @ 1..) => {
                for part in room[..count].split_inclusive(|byte| *byte == b'\n') {
                    self.begun.extend_from_slice(part);
                    if part.ends_with(b"\n") || self.begun.len() >= LONGEST {
                        say(&mut self.begun, pass);
                    }
                }
                Heard::Words
            }
            Err(error) if matches!(error.kind(), Interrupted | WouldBlock) => Heard::Silence,
            _ => {
                say(&mut self.begun, pass);
                Heard::End
            }
        }
    }

    /// Passes on what is still under way after a program has ended. Somebody whom it started may be left and hold the
    /// pipe, or even go on talking: so it ends after a while, with what lies in the pipe by then.
    pub(super) fn last_words(&mut self, longest: Duration, pass: &mut dyn FnMut(&str)) {
        let deadline = Instant::now() + longest;
        let mut late = 0;
        while late < PIPE / ROOM {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = self.hear(left, pass);
            if heard == Heard::End || heard == Heard::Silence && left.is_zero() {
                break;
            }
            late += usize::from(left.is_zero());
        }
        say(&mut self.begun, pass);
    }
}

fn say(line: &mut Vec<u8>, pass: &mut dyn FnMut(&str)) {
    if !line.is_empty() {
        pass(String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::Heard;
    use super::LONGEST;
    use super::ROOM;
    use super::Voice;

    const SOON: Duration = Duration::from_millis(5);

    #[test]
    fn lines_are_passed_on_whole_and_what_lacks_an_end_at_the_end() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut voice = Voice::new(reader).unwrap();
        let mut lines = Vec::new();
        let mut hear =
            |voice: &mut Voice| voice.hear(SOON, &mut |line| lines.push(line.to_owned()));
        assert_eq!(hear(&mut voice), Heard::Silence);
        writer.write_all(b"one\ntwo\r\n\nthr").unwrap();
        assert_eq!(hear(&mut voice), Heard::Words);
        writer.write_all(b"ee\nfour").unwrap();
        assert_eq!(hear(&mut voice), Heard::Words);
        assert_eq!(hear(&mut voice), Heard::Silence);
        drop(writer);
        // A process that is just being started by another test may hold a copy for a moment.
        while hear(&mut voice) != Heard::End {}
        assert_eq!(lines, ["one", "two", "", "three", "four"]);
    }

    #[test]
    fn a_line_without_end_comes_in_parts_and_none_of_it_is_lost() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let long = vec![b'x'; 3 * LONGEST + 7];
        let said = long.clone();
        let speaker = std::thread::spawn(move || writer.write_all(&said).unwrap());
        let mut voice = Voice::new(reader).unwrap();
        let mut lines = Vec::new();
        while voice.hear(SOON, &mut |line| lines.push(line.to_owned())) != Heard::End {}
        speaker.join().unwrap();
        assert_eq!(lines.concat().as_bytes(), long);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() < LONGEST + ROOM));
    }

    #[test]
    fn what_lies_in_the_pipe_is_heard_however_late_it_is() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let said = "a line of a program\n".repeat(3000);
        writer.write_all(said.as_bytes()).unwrap();
        let mut lines = 0;
        Voice::new(reader).unwrap().last_words(Duration::ZERO, &mut |_| lines += 1);
        assert_eq!(lines, 3000);
        drop(writer);
    }

    #[test]
    fn nobody_who_is_left_keeps_it_from_ending() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"whole\nnot whole").unwrap();
        let mut lines = Vec::new();
        Voice::new(reader)
            .unwrap()
            .last_words(Duration::ZERO, &mut |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["whole", "not whole"]);
        drop(writer);
    }
}
