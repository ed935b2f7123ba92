//! The rows of Parquet files, as Hugging Face keeps data sets of images: in each an image, its class and
//! more. The part is in the name of the file or of its folder: `data/train-00000-of-00001.parquet`.

use std::path::Path;

use crate::archive::Archive;
use crate::archive::Shards;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::dataset::Match;
use crate::stages::load::dataset::refused;
use crate::stages::load::listing::Listing;
use crate::stages::load::listing::Row;
use crate::stages::part_name;

/// Counts images by part.
pub(super) fn counts(path: &Path, params: &Params) -> Result<Counts, StageError> {
    let shards = open(path, params)?;
    let count = |(name, rows): (&str, usize)| Counts::of(part(name), rows);
    Ok(shards.shards().map(count).fold(Counts::default(), |sum, counts| sum.plus(&counts)))
}

/// Reads every row's image.
pub(super) fn load(cx: &Context<'_>, path: &Path, params: &Params) -> Result<ImageSet, StageError> {
    let shards = open(path, params)?;
    let column = params.label_column.as_deref().unwrap_or("label");
    let labels = shards.words(column).map_err(refused)?;
    let groups = params.group_column.as_deref().map(|column| shards.words(column)).transpose();
    let groups = groups.map_err(refused)?;
    let classes = shards.classes(column);
    let parts = shards.shards().flat_map(|(name, rows)| std::iter::repeat_n(part(name), rows));
    let mut rows = Vec::with_capacity(labels.len());
    for (number, (label, partition)) in labels.into_iter().zip(parts).enumerate() {
        let label = label.filter(|label| label != "-1").unwrap_or_default(); // nobody's class
        let id = shards.members()[number].name.clone();
        let label = match &classes {
            Some(classes) if !label.is_empty() => named(&label, classes, &id)?,
            _ => label,
        };
        let group = groups.as_ref().and_then(|groups| groups[number].clone());
        let group = group.filter(|group| !group.is_empty());
        rows.push(Row { id, file: Match::One(number), label, partition, group });
    }
    let tables = path.display().to_string();
    let dataset = Dataset::of(&tables, Box::new(shards));
    let listing = Listing { tables, rows, notes: Vec::new() };
    let params = Params { classes: params.classes.clone().or(classes), ..params.clone() };
    listing.load(cx, &dataset, &params)
}

/// Returns the class that a number stands for.
fn named(label: &str, classes: &[String], id: &str) -> Result<String, StageError> {
    let class = label.parse().ok().and_then(|number: usize| classes.get(number));
    class.cloned().ok_or_else(|| {
        let count = classes.len();
        StageError::data(format!("`{id}` has the label `{label}`; the file names {count} classes"))
    })
}

fn open(path: &Path, params: &Params) -> Result<Shards, StageError> {
    let image = params.image_column.as_deref().unwrap_or("image");
    Shards::open(path, image).map_err(refused)
}

/// Returns the part that the name of a file says, or that of a folder above it.
fn part(name: &str) -> Partition {
    let word = |part: &str| {
        let first = part.split(['-', '_', '.']).next();
        first.and_then(part_name::parse)
    };
    name.rsplit('/').find_map(word).unwrap_or(Partition::Whole)
}

#[cfg(test)]
mod tests;
