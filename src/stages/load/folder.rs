//! A folder of class folders, with or without the parts above them.

use std::collections::BTreeSet;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::gathered;
use crate::stages::load::gathered::Entry;
use crate::stages::part_name;

/// An image with what its path says.
struct Placed {
    member: usize,
    /// Path below the folders that hold everything.
    name: String,
    class: String,
    partition: Partition,
}

/// Counts images by part.
pub(super) fn counts(dataset: &Dataset) -> Result<Counts, StageError> {
    let images = placed(dataset)?;
    let count = |counts: Counts, image: &Placed| counts.plus(&Counts::of(image.partition, 1));
    Ok(images.iter().fold(Counts::default(), count))
}

/// Reads every image.
pub(super) fn load(
    cx: &Context<'_>,
    dataset: &Dataset,
    params: &Params,
) -> Result<ImageSet, StageError> {
    let images = placed(dataset)?;
    let names: BTreeSet<&String> = images.iter().map(|image| &image.class).collect();
    let mut classes: Vec<String> = names.into_iter().cloned().collect();
    gathered::sort_classes(&mut classes);
    if let Some(wanted) = &params.classes {
        if let Some(stray) = classes.iter().find(|class| !wanted.contains(class)) {
            let problem =
                format!("`{}` has a class folder `{stray}` that `classes` lacks", dataset.place());
            return Err(StageError::data(problem).help("add it to `classes`, or move it away"));
        }
        classes.clone_from(wanted);
    }
    let entry = |image: Placed| Entry {
        member: image.member,
        sample: Sample {
            id: image.name,
            label: classes.iter().position(|class| *class == image.class),
            partition: image.partition,
            group: None,
            origin: "file".to_owned(),
        },
    };
    let entries = images.into_iter().map(entry).collect();
    gathered::read(cx, params, dataset, classes.clone(), entries)
}

/// Returns all images below a folder; each must lie in a class folder.
fn placed(dataset: &Dataset) -> Result<Vec<Placed>, StageError> {
    let images: Vec<usize> = dataset.images().collect();
    let name = |member: usize| dataset.members()[member].name.as_str();
    let names: Vec<&str> = images.iter().map(|member| name(*member)).collect();
    let names = below_wrapping(&names);
    let tops: BTreeSet<&str> =
        names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    let with_parts = !tops.is_empty() && tops.iter().all(|top| part_name::parse(top).is_some());
    let mut placed = Vec::new();
    for (&member, &name) in images.iter().zip(&names) {
        let (partition, rest) = match name.split_once('/') {
            Some((top, rest)) if with_parts => (part_name::parse(top), rest),
            _ => (Some(Partition::Whole), name),
        };
        let (Some(partition), Some((class, _))) = (partition, rest.split_once('/')) else {
            let problem = format!("`{}/{name}` lies in no class folder", dataset.place());
            return Err(StageError::data(problem).help(
                "put images into FOLDER/CLASS/ or FOLDER/train/CLASS/, one folder for each class",
            ));
        };
        placed.push(Placed { member, name: name.to_owned(), class: class.to_owned(), partition });
    }
    if placed.is_empty() {
        let problem = format!("`{}` holds no image", dataset.place());
        return Err(StageError::data(problem)
            .help("PNG, JPEG, BMP, TIFF, WebP and DICOM files in class folders are expected"));
    }
    Ok(placed)
}

/// Returns names below the folders that hold everything, as archives have them round a data set. What
/// names a part stays, and so does the last folder, which may be the only class.
fn below_wrapping<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    loop {
        let parted: Option<Vec<(&str, &str)>> =
            names.iter().map(|name| name.split_once('/')).collect();
        let Some(parted) = parted else { return names };
        let Some((top, _)) = parted.first() else { return names };
        let holds_all = parted.iter().all(|(other, rest)| other == top && rest.contains('/'));
        if !holds_all || part_name::parse(top).is_some() {
            return names;
        }
        names = parted.into_iter().map(|(_, rest)| rest).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::below_wrapping;

    #[test]
    fn folders_that_hold_everything_are_passed_over() {
        let below = |names: &[&str]| below_wrapping(names).join(" ");
        assert_eq!(below(&["set/eyes/ill/1", "set/eyes/well/1"]), "ill/1 well/1");
        assert_eq!(below(&["ill/1", "ill/2"]), "ill/1 ill/2");
        assert_eq!(below(&["set/ill/1", "set/ill/2"]), "ill/1 ill/2");
        assert_eq!(below(&["set/train/ill/1", "set/train/ill/2"]), "train/ill/1 train/ill/2");
        assert_eq!(below(&["a/ill/1", "b/ill/1"]), "a/ill/1 b/ill/1");
        assert_eq!(below(&["set/1", "set/ill/2"]), "set/1 set/ill/2");
        assert_eq!(below(&[]), "");
    }
}
