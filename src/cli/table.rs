//! `ablate table`: the study's table, from what the cache holds.

use std::path::Path;

use crate::cli::args::LayoutArgs;
use crate::cli::args::StudyArgs;
use crate::cli::args::TableFormat;
use crate::cli::args::TablePart;
use crate::cli::failure::Failure;
use crate::cli::results;
use crate::cli::results::Finder;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::report::Part;
use crate::report::Study;
use crate::report::StudyTable;
use crate::store::Store;

/// Shows the table; what has not run yet is said in it.
pub(crate) fn run(
    args: &StudyArgs,
    asked: &LayoutArgs,
    cache: &Path,
    screen: &Screen,
) -> Result<(), Failure> {
    let opened = study::open(args, cache, screen)?;
    let layout = results::layout(opened.manifest.document.table.as_ref(), asked)?;
    study::refuse_unknown_sources(&opened.plan, &Study::scoring(&opened.plan), args)?;
    let store = Store::open(cache)?;
    let finder = Finder::new(&opened.plan, &store);
    let study = Study::with_cells(&opened.plan, &|input| finder.find(input));
    finder.sound()?;
    let study = study?;
    let table = StudyTable::build(&study, &layout)?;
    match asked.format {
        TableFormat::Text => screen.print(&table.to_text()),
        TableFormat::Json => screen.print_json(&table),
        TableFormat::Csv => screen.print(&table.to_csv(part(asked.part))),
    }
    Ok(())
}

fn part(asked: TablePart) -> Part {
    match asked {
        TablePart::Runs => Part::Runs,
        TablePart::Cells => Part::Cells,
        TablePart::Comparisons => Part::Comparisons,
    }
}
