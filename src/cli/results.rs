//! What tables and reports are made of: a plan's outputs in the cache, and the layout asked for.

use crate::artifact::Tree;
use crate::cli::args::LayoutArgs;
use crate::cli::failure::Failure;
use crate::engine;
use crate::manifest::Located;
use crate::manifest::TableSpec;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::report::Found;
use crate::report::Layout;
use crate::report::LayoutError;
use crate::store::Store;

/// Returns a function that tells what the cache holds of an output.
pub(crate) fn finder(plan: &Plan, store: &Store) -> impl Fn(InputRef) -> Option<Found> {
    let status = engine::status(plan, store);
    move |input| {
        let record = status.get(&input.task)?.record()?;
        let output = record.outputs.get(&*input.port)?;
        Some(Found {
            digest: output.digest,
            tree: Tree(store.files(output)),
            summary: output.summary.clone(),
        })
    }
}

/// Returns the layout of the table that a manifest asks for.
pub(crate) fn layout_of(spec: &TableSpec) -> Result<Layout, LayoutError> {
    let names = |names: &[Located<String>]| names.iter().map(|name| name.value.clone()).collect();
    let measure = spec.value.as_ref().map(|name| name.value.parse()).transpose()?;
    Ok(Layout {
        stage: spec.stage.as_ref().map(|name| name.value.clone()),
        rows: names(&spec.rows),
        columns: names(&spec.columns),
        measure: measure.unwrap_or_default(),
    })
}

/// Returns the layout of the table: as the command line says, else as the manifest does.
pub(crate) fn layout(spec: Option<&TableSpec>, asked: &LayoutArgs) -> Result<Layout, Failure> {
    let mut layout = spec.map(layout_of).transpose()?.unwrap_or_default();
    let axis = |asked: &Option<String>| asked.iter().cloned().collect::<Vec<String>>();
    if asked.rows.is_some() {
        layout.rows = axis(&asked.rows);
    }
    if asked.columns.is_some() {
        layout.columns = axis(&asked.columns);
    }
    if let Some(measure) = &asked.value {
        layout.measure = measure.parse()?;
    }
    Ok(layout)
}
