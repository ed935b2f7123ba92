//! `ablate report`: every table and figure of the study on one page.

use std::path::Path;

use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::LayoutArgs;
use crate::cli::args::StudyArgs;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::results;
use crate::cli::results::Finder;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::files;
use crate::report;
use crate::report::Imprint;
use crate::report::Study;
use crate::report::StudyTable;
use crate::store::Store;

/// Writes the page.
pub(crate) fn run(
    args: &StudyArgs,
    output: &Path,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let opened = study::open(args, cache, screen)?;
    let document = &opened.manifest.document;
    let layout = results::layout(document.table.as_ref(), &LayoutArgs::default())?;
    study::refuse_unknown_sources(&opened.plan, &Study::scoring(&opened.plan), args)?;
    let store = Store::open(cache)?;
    let finder = Finder::new(&opened.plan, &store);
    let study = Study::with_figures(&opened.plan, &|input| finder.find(input));
    finder.sound()?;
    let study = study?;
    let table = StudyTable::build(&study, &layout)?;
    let imprint = Imprint {
        date: clock::date(clock::seconds_since_1970()),
        program: format!("ablate {}", env!("CARGO_PKG_VERSION")),
        about: document.about.clone(),
    };
    files::write(output, report::page(&study, &table, &imprint).as_bytes())?;
    if form.is_json() {
        screen.print_json(&json!({"report": output, "complete": table.is_complete()}));
    } else {
        let partly = if table.is_complete() { "" } else { " (parts of the study have not run)" };
        screen.print(&format!("{}{partly}", output.display()));
    }
    Ok(())
}
