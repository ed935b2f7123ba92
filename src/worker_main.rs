//! The program `ablate-worker`: runs torch stages, one job a line from stdin, events to stdout.

use std::io::BufReader;

use ablate::engine;
use ablate::ml;
use ablate::stages::STAGES;

#[expect(clippy::print_stderr, reason = "a worker's stderr is the log of its jobs")]
fn main() {
    let cuda_devices = if std::env::args().any(|argument| argument == "--cpu") {
        0
    } else {
        ml::cuda_devices().unwrap_or_else(|why| {
            eprintln!("no GPU is used: {why}");
            0
        })
    };
    let input = BufReader::new(std::io::stdin());
    engine::serve(STAGES, cuda_devices, input, std::io::stdout(), leave);
}

/// Ends the program at once: the engine is gone, and nobody waits for what is being computed.
#[expect(clippy::exit, reason = "a stage cannot be interrupted from another thread")]
fn leave() {
    std::process::exit(1);
}
