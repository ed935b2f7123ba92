//! A folder of its own for one test, and the program `ablate` run in it.
//!
//! Knows no command: a test says what it runs and what it expects.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

/// A temporary folder that holds manifests, sources and a cache, and goes with the test.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a finished program left.
#[derive(Debug)]
pub(crate) struct Output {
    /// Exit code; 128 and the signal's number where a signal ended it.
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Returns the place of a file inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file inside, with the folders above it.
    #[expect(clippy::disallowed_methods, reason = "a test lays out its folder without the program")]
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// Returns the text of a file inside.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Returns `ablate`, ready to run here: with this folder's cache, and with nothing of the
    /// environment that would change what it prints but the worker's place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ablate"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if (name.starts_with("ABLATE_") && name != "ABLATE_WORKER") || is_about_output(&name) {
                command.env_remove(name);
            }
        }
        command.env("ABLATE_CACHE", self.path("cache")).env("NO_COLOR", "1");
        command
    }

    /// Runs `ablate` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Replaces what differs between two runs of one test: this folder, digests, durations, sizes.
    pub(crate) fn redact(&self, text: &str) -> String {
        redacted(text, self.folder.path())
    }

    /// Keeps the folder when the test ends and tells where it is: for looking at a failure.
    #[expect(dead_code, reason = "called by hand while a failure is looked into")]
    pub(crate) fn eject(self) -> PathBuf {
        self.folder.keep()
    }
}

impl Output {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of_child(pipes.spawn().expect("the program starts"))
    }

    /// Waits for the end of a program whose pipes are open.
    pub(crate) fn of_child(child: Child) -> Self {
        let output = child.wait_with_output().expect("the program ends");
        Self {
            code: code(output.status),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }

    /// Returns itself after a look at its exit code; a wrong one shows all that was said.
    #[track_caller]
    pub(crate) fn ends_with(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

#[cfg(unix)]
fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().expect("ended by a signal"))
}

#[cfg(not(unix))]
fn code(status: std::process::ExitStatus) -> i32 {
    status.code().expect("an exit code")
}

fn is_about_output(name: &str) -> bool {
    matches!(
        name,
        "RUST_LOG"
            | "NO_COLOR"
            | "CLICOLOR"
            | "CLICOLOR_FORCE"
            | "FORCE_COLOR"
            | "COLUMNS"
            | "TERM"
    )
}

fn redacted(text: &str, folder: &Path) -> String {
    let text = text.replace(&*folder.to_string_lossy(), "[folder]");
    let mut words = String::with_capacity(text.len());
    for word in text.split_inclusive(|letter: char| letter.is_whitespace()) {
        let core = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        match replacement(core) {
            Some(name) if !core.is_empty() => words.push_str(&word.replacen(core, name, 1)),
            _ => words.push_str(word),
        }
    }
    words
}

/// Returns what stands for a word that differs from run to run.
fn replacement(word: &str) -> Option<&'static str> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex(word)
        && (word.len() == 64
            || (word.len() >= 8 && word.bytes().any(|byte| byte.is_ascii_alphabetic())))
    {
        return Some("[digest]");
    }
    let number = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let starts_with_digit = word.starts_with(|letter: char| letter.is_ascii_digit());
    match number {
        "ms" | "s" | "min" | "µs" | "us" | "h" if starts_with_digit => Some("[time]"),
        _ => None,
    }
}

#[test]
fn a_sandbox_holds_what_was_written() {
    let sandbox = Sandbox::new();
    sandbox.write("deep/study.yaml", "ablate: 1\n");
    assert_eq!(sandbox.read("deep/study.yaml"), "ablate: 1\n");
}

#[test]
fn what_differs_between_runs_is_redacted() {
    let sandbox = Sandbox::new();
    let text = format!(
        "{} done in 3.1s, (12ms) b3:1f00ab99 of 240 images",
        sandbox.path("a.yaml").display()
    );
    assert_eq!(
        sandbox.redact(&text),
        "[folder]/a.yaml done in [time], ([time]) b3:1f00ab99 of 240 images"
    );
    assert_eq!(sandbox.redact("key 1f00ab99cd and 20240101"), "key [digest] and 20240101");
}

#[test]
fn the_exit_code_and_both_streams_come_back() {
    let output = Sandbox::new().run(&["--version"]).ends_with(0);
    assert!(output.stderr.is_empty(), "{}", output.stderr);
}
