//! The command line: the only layer that prints, reads the clock and the environment, and chooses
//! an exit code. One file a command.

mod args;
mod cache;
mod check;
mod clock;
mod compare;
mod environment;
mod explain;
mod failure;
mod fetch;
mod fmt;
mod gc;
mod get;
mod graph;
mod guard;
mod init;
mod kinds;
mod log;
mod plan;
mod programs;
mod report;
mod rerun;
mod results;
mod run;
mod screen;
mod show;
mod stats;
mod study;
mod table;
mod terminal;
mod units;
mod words;

use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;

use crate::cli::args::Arguments;
use crate::cli::args::Command;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;

/// Runs the program with this process's arguments.
pub fn main() -> ExitCode {
    // clap ends the process itself for `--help` (0) and for wrong usage (2).
    let arguments = Arguments::parse();
    let screen = Screen::new(&arguments.global);
    log::start(&arguments.global, &screen);
    match dispatch(&arguments, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.say(&format!("error: {failure}"));
            if let Some(remedy) = failure.remedy() {
                screen.say(&format!("help: {remedy}"));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: &Arguments, screen: &Screen) -> Result<(), Failure> {
    let cache = &arguments.global.cache;
    match &arguments.command {
        Command::Check { study, form } => check::run(study, cache, *form, screen),
        Command::Plan { study, form } => plan::run(study, cache, *form, screen),
        Command::Run(args) => run::run(args, cache, screen),
        Command::Fetch(args) => fetch::run(args, cache, screen),
        Command::Explain { target, form } => explain::run(target, cache, *form, screen),
        Command::Compare { first, second, form } => {
            compare::run(first, second, cache, *form, screen)
        }
        Command::Show { target, form } => show::run(target, cache, *form, screen),
        Command::Get { target, output, form } => get::run(target, output, cache, *form, screen),
        Command::Graph { study, format } => graph::run(study, cache, *format, screen),
        Command::Table { study, layout } => table::run(study, layout, cache, screen),
        Command::Report { study, output, form } => report::run(study, output, cache, *form, screen),
        Command::Kinds { kind, form } => kinds::run(kind.as_deref(), *form, screen),
        Command::Guard => {
            guard::run();
            Ok(())
        }
        Command::Schema => {
            kinds::schema(screen);
            Ok(())
        }
        Command::Init { manifest, form } => init::run(manifest, *form, screen),
        Command::Fmt { manifests, check } => fmt::run(manifests, *check, screen),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "ablate", &mut script);
            screen.print(&String::from_utf8_lossy(&script));
            Ok(())
        }
        Command::Cache(command) => cache::run(command, cache, screen),
    }
}
