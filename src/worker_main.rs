//! The program `ablate-worker`: runs torch stages, one job a line from stdin, events to stdout.

use std::io::BufReader;

use ablate::engine;
use ablate::stages::STAGES;

fn main() {
    let input = BufReader::new(std::io::stdin());
    engine::serve(STAGES, 0, input, std::io::stdout(), leave);
}

/// Ends the program at once: the engine is gone, and nobody waits for what is being computed.
#[expect(clippy::exit, reason = "a stage cannot be interrupted from another thread")]
fn leave() {
    std::process::exit(1);
}
