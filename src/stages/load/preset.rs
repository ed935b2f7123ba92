//! Presets: data sets whose tables and folders are known, so that their name is enough.
//!
//! A new one is a file in `preset/` and a line in [`PRESETS`].

mod aptos2019;
mod deepdrid;
mod eyepacs;
mod idrid;
mod medmnist;
mod messidor2;

use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;

use crate::stage::ParamProblem;
use crate::stage::StageError;
use crate::stages::file_name::plain_words;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::sheet::Sheet;

/// A data set whose layout is known.
pub(super) struct Preset {
    /// Name in manifests.
    name: &'static str,
    /// Reads its tables.
    pub(super) list: fn(&Dataset) -> Result<Listing, StageError>,
}

const PRESETS: &[Preset] = &[
    aptos2019::PRESET,
    deepdrid::PRESET,
    eyepacs::PRESET,
    idrid::PRESET,
    medmnist::PRESET,
    messidor2::PRESET,
];

/// Returns the preset of a name.
pub(super) fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Returns what is wrong with a preset's name.
pub(super) fn problem(name: &str) -> Option<ParamProblem> {
    let known: Vec<String> = PRESETS.iter().map(|preset| format!("`{}`", preset.name)).collect();
    let unknown = format!("`{name}` is no preset; expected one of {}", known.join(", "));
    named(name).is_none().then(|| ParamProblem::at("preset", unknown))
}

/// Returns the names for the schema.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    json_schema!({"type": ["string", "null"], "examples": names})
}

/// Returns the only table whose path, in plain words, ends so, if there is one.
fn table(dataset: &Dataset, ending: &str) -> Result<Option<Sheet>, StageError> {
    let found: Vec<usize> = dataset
        .files_ending(ending)
        .into_iter()
        .filter(|number| {
            let name = &dataset.members()[*number].name;
            // `test.csv` is not `messidor-test.csv`.
            let whole = plain_words(name);
            let before = whole.len() - ending.len();
            before == 0 || !whole.as_bytes()[before - 1].is_ascii_alphanumeric()
        })
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => dataset.sheet(*only).map(Some),
        [one, other, ..] => {
            let name = |number: &usize| &dataset.members()[*number].name;
            let (one, other) = (name(one), name(other));
            let problem =
                format!("`{}` has two such tables: `{one}` and `{other}`", dataset.place());
            Err(StageError::data(problem).help("leave one of them in the folder"))
        }
    }
}

/// Returns the error for a data set that lacks its table.
fn without(dataset: &Dataset, tables: &str) -> StageError {
    StageError::data(format!("`{}` holds no {tables}", dataset.place()))
        .help("name the data set's top folder or its archive, or describe its table with `csv`")
}

/// Returns the note for rows that were left out, if there are any.
fn left_out(count: usize, why: &str) -> Vec<String> {
    if count == 0 { Vec::new() } else { vec![format!("left out {count} rows {why}")] }
}

#[cfg(test)]
mod tests;
