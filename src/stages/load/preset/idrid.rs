//! `IDRiD`, disease grading: names begin at 001 in both parts, so that the part belongs to the id.
//! Source: the data set's page.

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;

pub(super) const PRESET: Preset = Preset { name: "idrid", list };

const PARTS: [(&str, &str, Partition); 2] = [
    ("training labels.csv", "training set", Partition::Train),
    ("testing labels.csv", "testing set", Partition::Test),
];

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let mut listing = Listing { tables: "the tables of IDRiD".to_owned(), ..Listing::default() };
    for (table, folder, partition) in PARTS {
        let Some(sheet) = preset::table(dataset, table)? else { continue };
        let (image, label) = (sheet.place("Image name")?, sheet.place("Retinopathy grade")?);
        listing.rows.extend(sheet.rows().iter().map(|row| Row {
            id: format!("{partition}/{}", row.cell(image)),
            file: dataset.image_within(folder, row.cell(image)),
            label: row.cell(label).to_owned(),
            partition,
            group: None,
        }));
    }
    if listing.rows.is_empty() {
        let tables = "`IDRiD_Disease Grading_Training Labels.csv` and `... Testing Labels.csv`";
        return Err(preset::without(dataset, tables));
    }
    Ok(listing)
}
