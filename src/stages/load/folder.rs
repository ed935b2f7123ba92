//! A folder of class folders, with or without the parts above them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::files;
use crate::files::Found;
use crate::imaging::decode::is_image_name;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::gathered;
use crate::stages::load::gathered::Entry;
use crate::stages::load::part_name;

/// An image with what its path says.
struct Placed {
    found: Found,
    class: String,
    partition: Partition,
}

/// Counts images by part.
pub(super) fn counts(path: &Path) -> Result<Counts, StageError> {
    let images = placed(path)?;
    let count = |counts: Counts, image: &Placed| counts.plus(&Counts::of(image.partition, 1));
    Ok(images.iter().fold(Counts::default(), count))
}

/// Reads every image.
pub(super) fn load(cx: &Context<'_>, path: &Path, params: &Params) -> Result<ImageSet, StageError> {
    let images = placed(path)?;
    let names: BTreeSet<&String> = images.iter().map(|image| &image.class).collect();
    let mut classes: Vec<String> = names.into_iter().cloned().collect();
    gathered::sort_classes(&mut classes);
    if let Some(wanted) = &params.classes {
        if let Some(stray) = classes.iter().find(|class| !wanted.contains(class)) {
            let problem =
                format!("`{}` has a class folder `{stray}` that `classes` lacks", path.display());
            return Err(StageError::data(problem).help("add it to `classes`, or move it away"));
        }
        classes.clone_from(wanted);
    }
    let entry = |image: Placed| Entry {
        path: image.found.path,
        sample: Sample {
            id: image.found.name,
            label: classes.iter().position(|class| *class == image.class),
            partition: image.partition,
            group: None,
            origin: "file".to_owned(),
        },
    };
    let entries = images.into_iter().map(entry).collect();
    gathered::read(cx, params, classes.clone(), entries)
}

/// Returns all images below a folder; each must lie in a class folder.
fn placed(folder: &Path) -> Result<Vec<Placed>, StageError> {
    let found: Vec<Found> = files::walk(folder)?
        .into_iter()
        .filter(|found| is_image_name(&found.name) && !hidden(&found.name))
        .collect();
    let tops: BTreeSet<&str> =
        found.iter().filter_map(|found| Some(found.name.split_once('/')?.0)).collect();
    let with_parts = !tops.is_empty() && tops.iter().all(|top| part_name::parse(top).is_some());
    let mut placed = Vec::new();
    for found in &found {
        let (partition, rest) = match found.name.split_once('/') {
            Some((top, rest)) if with_parts => (part_name::parse(top), rest),
            _ => (Some(Partition::Whole), found.name.as_str()),
        };
        let (Some(partition), Some((class, _))) = (partition, rest.split_once('/')) else {
            let problem = format!("`{}` lies in no class folder", found.path.display());
            return Err(StageError::data(problem).help(
                "put images into FOLDER/CLASS/ or FOLDER/train/CLASS/, one folder for each class",
            ));
        };
        placed.push(Placed { found: found.clone(), class: class.to_owned(), partition });
    }
    if placed.is_empty() {
        let problem = format!("`{}` holds no image", folder.display());
        return Err(StageError::data(problem)
            .help("PNG, JPEG, BMP, TIFF and WebP files in class folders are expected"));
    }
    Ok(placed)
}

fn hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.'))
}
