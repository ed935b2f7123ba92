//! The guard of a run: this program once more, which ends what a killed run leaves running.

use std::path::PathBuf;

use crate::guard;
use crate::guard::Guard;

/// Name of the hidden command that stands guard.
pub(crate) const NAME: &str = "guard";

/// Returns the guard of this process; it is started with the first process that it guards.
pub(crate) fn of_this_process() -> Guard {
    // On Linux the very program that runs, also where its file was replaced since.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { Some(own) } else { std::env::current_exe().ok() };
    Guard::new(program.unwrap_or_else(|| PathBuf::from("ablate")), vec![NAME.into()])
}

/// Stands guard until the other end of standard input is gone. Standard output is there to be read: the guard's end of
/// the leash.
pub(crate) fn run() {
    // Whoever asks a run to end asks its guard too, which must be the last to go.
    let _ = ctrlc::set_handler(|| {});
    guard::stand(std::io::stdin().lock(), &std::io::stdout());
}
