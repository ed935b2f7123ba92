//! What engine and worker say to each other: one line of JSON each, over the worker's stdin and
//! stdout. The same job, as a file, is what a cluster runs.

use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::seed::Seed;
use crate::stage::Device;
use crate::stage::Produced;
use crate::stage::Tick;
use crate::stage::Trees;

/// Version of the protocol. 1: first version.
pub const PROTOCOL: u32 = 1;

/// One task for a worker: everything that it needs, nothing that it must look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of the protocol.
    pub protocol: u32,
    /// Name of the task in the plan, for messages.
    pub label: String,
    /// Kind of stage.
    pub kind: String,
    /// Version of the kind that the plan was made with.
    pub version: u32,
    /// Params, complete with defaults.
    pub params: Value,
    /// Port -> the files of each artifact that enters, by absolute path.
    pub inputs: Trees,
    /// Where the sources lie, by the name that the params give them.
    pub sources: BTreeMap<String, PathBuf>,
    /// Seed; 0 where the kind draws nothing.
    pub seed: Seed,
    /// Device to run on.
    pub device: Device,
    /// Threads to keep busy, 1 or more.
    pub threads: usize,
    /// Empty folder that takes what the stage makes.
    pub folder: PathBuf,
    /// Folder for checkpoints of this task.
    pub checkpoints: Option<PathBuf>,
}

/// What the engine says to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Run this.
    Job(Box<Job>),
    /// Stop the running stage at its next opportunity.
    Cancel,
}

/// What a worker says to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is ready for jobs; its first line, and the only one that is not about a job.
    Ready {
        /// Version of the protocol that it speaks.
        protocol: u32,
        /// CUDA devices that it can use; 0 where it was told not to look.
        cuda_devices: usize,
    },
    /// How far the job is.
    Tick(Tick),
    /// A line worth logging.
    Note(String),
    /// A line that whoever uses the result should know.
    Warning(String),
    /// Most memory that the job took, bytes: the GPU's where it ran on one.
    Took(u64),
    /// The job ended well; the worker is ready for the next.
    Done(BTreeMap<String, Produced>),
    /// The job ended without a result.
    Failed {
        /// What was found where, and what was expected.
        problem: String,
        /// What to do about it, where that is known.
        help: Option<String>,
        /// Whether it was stopped on request.
        stopped: bool,
        /// Whether the worker is still fit for other jobs.
        fit: bool,
    },
}

/// Longest line that is read, bytes: jobs name every file that enters.
const LONGEST_LINE: u64 = 64 << 20;

/// Reads one line without its line feed; nothing where the input has ended. A line that does not end
/// is an error before it fills the memory.
pub(super) fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let size = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.pop_if(|last| *last == b'\n').is_none() && size as u64 == LONGEST_LINE {
        let problem = format!("a line of more than {LONGEST_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok((size > 0).then_some(bytes))
}

/// Returns a message as one line, with its line feed.
pub(super) fn line<T: Serialize>(message: &T) -> String {
    let mut text = serde_json::to_string(message).expect("messages have string keys");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::io::Read;

    use super::LONGEST_LINE;

    #[test]
    fn lines_are_read_to_the_end_of_the_input() {
        let mut input = &b"one\n\ntwo"[..];
        let mut next = || super::read_line(&mut input).unwrap();
        assert_eq!(next().as_deref(), Some(&b"one"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next().as_deref(), Some(&b"two"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_that_does_not_end_is_not_read_for_ever() {
        let mut input = BufReader::new(std::io::repeat(b'x').take(2 * LONGEST_LINE));
        let error = super::read_line(&mut input).unwrap_err();
        assert_eq!(error.to_string(), "a line of more than 67108864 bytes");
    }
}
