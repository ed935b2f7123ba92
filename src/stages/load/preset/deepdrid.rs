//! `DeepDRiD`, regular fundus photographs: four of each patient, two views of each eye.
//!
//! The grade is that of the row's own eye, whichever column has it: names say left or right wrongly at
//! times, and the patient's grade is another question. Source: the data set's repository.

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;

pub(super) const PRESET: Preset = Preset { name: "deepdrid", list };

const PARTS: [(&str, Partition); 2] = [
    ("regular fundus training", Partition::Train),
    ("regular fundus validation", Partition::Validation),
];
/// Given to photographs that show too little.
const UNGRADABLE: &str = "5";

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let mut listing = Listing { tables: "the tables of DeepDRiD".to_owned(), ..Listing::default() };
    let mut ungradable = 0;
    for (name, partition) in PARTS {
        let Some(sheet) = preset::table(dataset, &format!("{name}.csv"))? else { continue };
        let (patient, image) = (sheet.place("patient_id")?, sheet.place("image_id")?);
        let eyes = [sheet.place("left_eye_DR_Level")?, sheet.place("right_eye_DR_Level")?];
        for row in sheet.rows() {
            let label = eyes.map(|eye| row.cell(eye)).into_iter().find(|cell| !cell.is_empty());
            if label.is_none_or(|label| label == UNGRADABLE) {
                ungradable += 1;
                continue;
            }
            listing.rows.push(Row {
                id: row.cell(image).to_owned(),
                file: dataset.image_within(name, row.cell(image)),
                label: label.unwrap_or_default().to_owned(),
                partition,
                group: Some(row.cell(patient).to_owned()),
            });
        }
    }
    if listing.rows.is_empty() {
        let tables = "`regular-fundus-training.csv` and `regular-fundus-validation.csv`";
        return Err(preset::without(dataset, tables));
    }
    listing.notes = preset::left_out(ungradable, "without a grade");
    Ok(listing)
}
