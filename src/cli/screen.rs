//! The screen: whether it is a terminal, whether it shows colours, and who may write on it.
//!
//! Progress bars and log lines share standard error; this is where they take turns.

use std::io;
use std::io::IsTerminal;
use std::io::Write;

use indicatif::MultiProgress;
use indicatif::ProgressDrawTarget;

use crate::cli::args::Global;
use crate::cli::args::When;

/// Standard error, shared by progress bars and log lines; standard output, for results.
#[derive(Clone)]
pub(crate) struct Screen {
    /// Whether standard error shows colours.
    pub(crate) colours: bool,
    /// Whether running stages have bars; else each has a line when it ends.
    pub(crate) bars: bool,
    progress: MultiProgress,
}

/// Writes log lines above the bars.
pub(crate) struct Writer(MultiProgress);

impl Screen {
    /// Looks at the terminal, the command line and `NO_COLOR`.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (colours, bars) = match global.color {
            When::Always => (true, terminal),
            When::Never => (false, terminal),
            When::Auto => (terminal && !plain, terminal),
        };
        let bars = bars && global.quiet == 0;
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { colours, bars, progress: MultiProgress::with_draw_target(target) }
    }

    /// Returns what opens a writer for each log line.
    pub(crate) fn writer(&self) -> impl Fn() -> Writer + Send + Sync + 'static {
        let progress = self.progress.clone();
        move || Writer(progress.clone())
    }

    /// Returns the place of the bars.
    pub(crate) fn progress(&self) -> &MultiProgress {
        &self.progress
    }

    /// Says a line on standard error, above the bars.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(Writer(self.progress.clone()), "{line}");
    }

    /// Prints a result on standard output. A reader that has gone away (`| head`) is no error.
    pub(crate) fn print(&self, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let _ = self.progress.suspend(|| writeln!(io::stdout().lock(), "{text}"));
    }

    /// Prints a result as JSON on standard output.
    pub(crate) fn print_json<T: serde::Serialize>(&self, value: &T) {
        self.print(&serde_json::to_string_pretty(value).expect("results have string keys"));
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
