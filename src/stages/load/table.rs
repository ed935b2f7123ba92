//! A table beside a folder of images, or in it: one row an image. The columns are those that params name.

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::file_name::plain;
use crate::stages::load::Params;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::part_name;
use crate::stages::sheet::Sheet;

/// Returns what a table says of the images of a data set; without one, files are not looked for.
pub(super) fn listing(
    sheet: &Sheet,
    dataset: &Dataset,
    root: &str,
    params: &Params,
) -> Result<Listing, StageError> {
    let image = sheet.place(params.image_column.as_deref().unwrap_or("image"))?;
    let one = || [params.label_column.clone().unwrap_or_else(|| "label".to_owned())].to_vec();
    let labels = params.label_columns.clone().unwrap_or_else(one);
    let labels: Vec<usize> =
        labels.iter().map(|label| sheet.place(label)).collect::<Result<_, _>>()?;
    let split = params.split_column.as_deref().map(|name| sheet.place(name)).transpose()?;
    let group = params.group_column.as_deref().map(|name| sheet.place(name)).transpose()?;
    let mut rows = Vec::new();
    for row in sheet.rows() {
        let partition = match split {
            Some(split) => part_name::parse(row.cell(split)).ok_or_else(|| {
                let problem = format!(
                    "`{}`, line {}: `{}` is no part; expected `train`, `validation` or `test`",
                    sheet.name(),
                    row.line,
                    row.cell(split)
                );
                StageError::data(problem)
            })?,
            None => Partition::Whole,
        };
        let id = image_name(row.cell(image), params.extension.as_deref());
        let label = labels.iter().map(|label| row.cell(*label)).find(|cell| !cell.is_empty());
        rows.push(Row {
            file: dataset.image(root, &id),
            id,
            label: label.unwrap_or_default().to_owned(),
            partition,
            group: group.map(|group| row.cell(group).to_owned()).filter(|group| !group.is_empty()),
        });
    }
    Ok(Listing { tables: sheet.name().to_owned(), rows, notes: Vec::new() })
}

fn image_name(cell: &str, extension: Option<&str>) -> String {
    let name = plain(cell);
    match extension {
        Some(extension) => format!("{name}.{}", extension.trim_start_matches('.')),
        None => name,
    }
}
