//! What tables and reports are made of: a plan's outputs in the cache, and the layout asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::artifact::Tree;
use crate::cli::args::LayoutArgs;
use crate::cli::failure::Failure;
use crate::engine;
use crate::engine::Status;
use crate::manifest::Located;
use crate::manifest::TableSpec;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::report::Found;
use crate::report::Layout;
use crate::report::LayoutError;
use crate::store;
use crate::store::Store;

/// Tells what the cache holds of a plan's outputs, after a look at every byte of it: what is published
/// rests on nothing that is damaged.
pub(crate) struct Finder<'a> {
    store: &'a Store,
    status: BTreeMap<TaskId, Status>,
    /// The first that cannot be used.
    fault: RefCell<Option<store::Error>>,
}

impl<'a> Finder<'a> {
    /// Looks up the tasks of a plan.
    pub(crate) fn new(plan: &Plan, store: &'a Store) -> Self {
        Self { store, status: engine::status(plan, store), fault: RefCell::default() }
    }

    /// Returns an output, where it is there and sound.
    pub(crate) fn find(&self, input: InputRef) -> Option<Found> {
        let record = self.status.get(&input.task)?.record()?;
        let output = record.outputs.get(&*input.port)?;
        match self.store.checked_tree(output.digest) {
            Ok(files) => {
                let (digest, summary) = (output.digest, output.summary.clone());
                Some(Found { digest, tree: Tree(files), summary })
            }
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// Answers what was wrong with what was asked for.
    pub(crate) fn sound(self) -> Result<(), store::Error> {
        self.fault.into_inner().map_or(Ok(()), Err)
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
        baseline: spec.baseline.as_ref().map(|name| name.value.clone()),
    })
}

/// Returns the layout of the table: as the command line says, else as the manifest does.
pub(crate) fn layout(spec: Option<&TableSpec>, asked: &LayoutArgs) -> Result<Layout, Failure> {
    let mut layout = spec.map(layout_of).transpose()?.unwrap_or_default();
    if !asked.rows.is_empty() {
        layout.rows.clone_from(&asked.rows);
        layout.baseline = None; // it named a row of the manifest's table
    }
    if !asked.columns.is_empty() {
        layout.columns.clone_from(&asked.columns);
    }
    if asked.baseline.is_some() {
        layout.baseline.clone_from(&asked.baseline);
    }
    if let Some(measure) = &asked.value {
        layout.measure = measure.parse()?;
    }
    Ok(layout)
}
