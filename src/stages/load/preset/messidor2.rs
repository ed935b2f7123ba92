//! Messidor-2 with the adjudicated grades: photographs that nobody could grade have an empty one. Two eyes a
//! patient, paired by `messidor-2.csv` where it lies beside. Source: the grades' and the data set's pages.

use std::collections::BTreeMap;

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;

pub(super) const PRESET: Preset = Preset { name: "messidor2", list };

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let sheet = preset::table(dataset, "messidor data.csv")?;
    let sheet = sheet.ok_or_else(|| preset::without(dataset, "`messidor_data.csv`"))?;
    let (image, label) = (sheet.place("image_id")?, sheet.place("adjudicated_dr_grade")?);
    let pairs = pairs(dataset)?;
    let mut listing = Listing { tables: sheet.name().to_owned(), ..Listing::default() };
    let mut ungradable = 0;
    for row in sheet.rows() {
        if row.cell(label).is_empty() {
            ungradable += 1;
            continue;
        }
        let id = row.cell(image);
        listing.rows.push(Row {
            id: id.to_owned(),
            file: dataset.image_within("images", id),
            label: row.cell(label).to_owned(),
            partition: Partition::Whole,
            group: pairs.get(&stem(id)).cloned(),
        });
    }
    listing.notes = preset::left_out(ungradable, "that could not be graded");
    Ok(listing)
}

/// Returns the patient of each image: the number of the pair.
fn pairs(dataset: &Dataset) -> Result<BTreeMap<String, String>, StageError> {
    let mut pairs = BTreeMap::new();
    let Some(sheet) = preset::table(dataset, "messidor 2.csv")? else { return Ok(pairs) };
    let (left, right) = (sheet.place("left")?, sheet.place("right")?);
    for (number, row) in sheet.rows().iter().enumerate() {
        for eye in [left, right].map(|eye| row.cell(eye)).into_iter().filter(|eye| !eye.is_empty())
        {
            pairs.insert(stem(eye), format!("patient-{}", number + 1));
        }
    }
    Ok(pairs)
}

/// Returns a name without its ending, in lower case: the two tables differ in both.
fn stem(name: &str) -> String {
    let name = name.to_lowercase();
    name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
}
