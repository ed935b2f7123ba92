//! APTOS 2019 (Kaggle): `train.csv` beside `train_images`, or the re-split with `train_1.csv`, `valid.csv` and
//! `test.csv`. Source: the competition's data page and its popular re-split.

use crate::artifact::Partition;
use crate::stage::StageError;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::load::preset;
use crate::stages::load::preset::Preset;

pub(super) const PRESET: Preset = Preset { name: "aptos2019", list };

const TABLES: [(&str, &str, Partition); 3] = [
    ("train 1.csv", "train images", Partition::Train),
    ("valid.csv", "val images", Partition::Validation),
    ("test.csv", "test images", Partition::Test),
];

fn list(dataset: &Dataset) -> Result<Listing, StageError> {
    let mut listing =
        Listing { tables: "the tables of APTOS 2019".to_owned(), ..Listing::default() };
    let is_resplit = preset::table(dataset, TABLES[0].0)?.is_some();
    let whole = [("train.csv", "train images", Partition::Whole)];
    let tables: &[_] = if is_resplit { &TABLES } else { &whole };
    for (table, folder, partition) in tables {
        let Some(sheet) = preset::table(dataset, table)? else {
            return Err(preset::without(dataset, &format!("`{}`", table.replace(' ', "_"))));
        };
        let (image, label) = (sheet.place("id_code")?, sheet.place("diagnosis")?);
        listing.rows.extend(sheet.rows().iter().map(|row| Row {
            id: row.cell(image).to_owned(),
            file: dataset.image_within(folder, row.cell(image)),
            label: row.cell(label).to_owned(),
            partition: *partition,
            group: None,
        }));
    }
    Ok(listing)
}
