//! Diabetic Retinopathy Detection 2015 (Kaggle, EyePACS): `trainLabels.csv` beside `train`, and
//! `retinopathy_solution.csv` beside `test` where there is one. Two eyes a patient: `10_left`, `10_right`.

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;

pub(super) const PRESET: Preset = Preset { name: "eyepacs", list };

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let mut listing = Listing { tables: "the tables of EyePACS".to_owned(), ..Listing::default() };
    let solution = preset::table(dataset, "retinopathy solution.csv")?;
    let partition = if solution.is_some() { Partition::Train } else { Partition::Whole };
    let train = preset::table(dataset, "trainlabels.csv")?;
    let train = train.ok_or_else(|| preset::without(dataset, "`trainLabels.csv`"))?;
    let solution = solution.map(|sheet| (sheet, "test", Partition::Test));
    for (sheet, folder, partition) in [(train, "train", partition)].into_iter().chain(solution) {
        let (image, label) = (sheet.place("image")?, sheet.place("level")?);
        listing.rows.extend(sheet.rows().iter().map(|row| {
            let id = row.cell(image).to_owned();
            let patient = id.strip_suffix("_left").or_else(|| id.strip_suffix("_right"));
            Row {
                file: dataset.image_within(folder, &id),
                group: patient.map(str::to_owned),
                label: row.cell(label).to_owned(),
                id,
                partition,
            }
        }));
    }
    Ok(listing)
}
