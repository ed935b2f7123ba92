//! The program `ablate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ablate::cli::main()
}
