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
use crate::store::Store;

/// Returns a function that tells what the cache holds of an output.
pub(crate) fn finder(plan: &Plan, store: &Store) -> impl Fn(InputRef) -> Option<Found> {
    let status = engine::status(plan, store);
    move |input| {
        let record = status.get(&input.task)?.record()?;
        let output = record.outputs.get(input.port)?;
        Some(Found {
            digest: output.digest,
            tree: Tree(store.files(output)),
            summary: output.summary.clone(),
        })
    }
}

/// Returns the layout of the table: as the command line says, else as the manifest does.
pub(crate) fn layout(spec: Option<&TableSpec>, asked: &LayoutArgs) -> Result<Layout, Failure> {
    let names = |names: &[Located<String>]| -> Vec<String> {
        names.iter().map(|name| name.value.clone()).collect()
    };
    let either = |asked: &Option<String>, written: &[Located<String>]| match asked {
        Some(axis) => vec![axis.clone()],
        None => names(written),
    };
    let written = |field: fn(&TableSpec) -> &Option<Located<String>>| {
        spec.and_then(|spec| field(spec).as_ref()).map(|name| name.value.clone())
    };
    let measure = asked.value.clone().or_else(|| written(|spec| &spec.value));
    Ok(Layout {
        stage: written(|spec| &spec.stage),
        rows: either(&asked.rows, spec.map_or(&[], |spec| &spec.rows)),
        columns: either(&asked.columns, spec.map_or(&[], |spec| &spec.columns)),
        measure: measure.map(|name| name.parse()).transpose()?.unwrap_or_default(),
    })
}
