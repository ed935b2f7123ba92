//! The log on standard error, set up once from the command line.

use tracing_subscriber::EnvFilter;

use crate::cli::args::Global;
use crate::cli::args::LogFormat;
use crate::cli::screen::Screen;

/// Starts the log. `-q` shows warnings and problems, `-v` and `-vv` show more than the default.
pub(crate) fn start(global: &Global, screen: &Screen) {
    let level = match i16::from(global.verbose) - i16::from(global.quiet) {
        ..=-2 => "error",
        -1 => "warn",
        0 => "ablate=info,warn",
        1 => "ablate=debug,warn",
        _ => "trace",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_target(false)
        .with_ansi(screen.colours)
        .with_writer(screen.writer());
    // The log may be started only once a process; a second start in a test changes nothing.
    let _ = match global.log_format {
        LogFormat::Text => builder.without_time().compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
