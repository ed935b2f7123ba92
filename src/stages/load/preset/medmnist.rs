//! Folders as `MedMNIST` exports them: `retinamnist_64.csv`, without names of columns, beside `retinamnist_64/`.
//! Rows are `TRAIN,train0_0.png,0`. Source: the package's `save` functions.

use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;
use crate::stages::part_name;
use crate::stages::sheet::Sheet;

pub(super) const PRESET: Preset = Preset { name: "medmnist", list };

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let tables = dataset.files_ending(".csv");
    let [table] = tables.as_slice() else {
        return Err(preset::without(dataset, "table, or more than one: expected is `NAME.csv`"));
    };
    let name = dataset.members()[*table].name.clone();
    let sheet = Sheet::without_headers(&name, &dataset.table(*table)?)?;
    let folder = name.strip_suffix(".csv").unwrap_or(&name);
    let mut rows = Vec::new();
    for row in sheet.rows() {
        let [part, image, label] = [0, 1, 2].map(|place| row.cell(place));
        let line = row.line;
        let partition = part_name::parse(part).ok_or_else(|| {
            StageError::data(format!(
                "`{name}`, line {line}: `{part}` is no part; expected `TRAIN`, `VALIDATION` or `TEST`"
            ))
        })?;
        if !row.cell(3).is_empty() {
            let problem = format!("`{name}`, line {line}: several labels for one image");
            return Err(StageError::data(problem).help("sets with one class an image are read"));
        }
        rows.push(Row {
            id: image.to_owned(),
            file: dataset.image(folder, image),
            label: label.to_owned(),
            partition,
            group: None,
        });
    }
    Ok(Listing { tables: name, rows, notes: Vec::new() })
}
