//! Image files gathered from a folder or a table: read, decoded and resized, many at once.

use std::path::PathBuf;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::artifact::ImageSet;
use crate::artifact::Sample;
use crate::files;
use crate::imaging::decode::decode;
use crate::imaging::resize::resize;
use crate::imaging::rgb::Rgb;
use crate::stage::Context;
use crate::stage::Progress;
use crate::stage::StageError;
use crate::stages::load::Params;

/// Problems that are listed one by one; of more, the count is said.
const LISTED: usize = 5;

/// An image file and what is known of it.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) sample: Sample,
}

/// Reads all images; every broken file is reported, not the first only.
pub(super) fn read(
    cx: &Context<'_>,
    params: &Params,
    classes: Vec<String>,
    entries: Vec<Entry>,
) -> Result<ImageSet, StageError> {
    let progress = Progress::new(cx, "images", entries.len());
    let read: Vec<Result<Rgb, String>> = cx.on_threads(|| {
        entries
            .par_iter()
            .map(|entry| {
                progress.advance()?;
                Ok(read_one(entry, params))
            })
            .collect::<Result<_, StageError>>()
    })??;
    let broken: Vec<String> =
        read.iter().filter_map(|image| image.as_ref().err()).cloned().collect();
    if !broken.is_empty() {
        let problem = format!(
            "{} of {} images cannot be read: {}",
            broken.len(),
            entries.len(),
            listed(&broken)
        );
        return Err(StageError::data(problem).help("replace these files, or leave them out"));
    }
    let images: Vec<Rgb> = read.into_iter().flatten().collect();
    let Some(first) = images.first() else {
        return Err(StageError::data("there is no image"));
    };
    let mut set = ImageSet::empty(first.height, first.width, classes);
    for (entry, image) in entries.into_iter().zip(&images) {
        if (image.height, image.width) != (set.height, set.width) {
            let problem = format!(
                "images differ in size: `{}` has {} x {} pixels, `{}` has {} x {}",
                set.samples[0].id,
                set.width,
                set.height,
                entry.sample.id,
                image.width,
                image.height
            );
            return Err(StageError::data(problem).help("give all one size, such as `size: 64`"));
        }
        set.push(entry.sample, &image.pixels);
    }
    Ok(set)
}

fn read_one(entry: &Entry, params: &Params) -> Result<Rgb, String> {
    let bytes = files::read(&entry.path).map_err(|error| error.to_string())?;
    let image =
        decode(&bytes).map_err(|problem| format!("`{}`: {problem}", entry.path.display()))?;
    Ok(match params.size {
        Some(size) => resize(&image, size, size, params.resize),
        None => image,
    })
}

/// Returns the first few texts and how many more there are.
pub(super) fn listed(texts: &[String]) -> String {
    let shown = texts[..texts.len().min(LISTED)].join("; ");
    match texts.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Orders class names: as numbers where all are numbers, else as texts.
pub(super) fn sort_classes(names: &mut [String]) {
    let numbers = names.iter().all(|name| name.parse::<u64>().is_ok());
    if numbers {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    } else {
        names.sort();
    }
}
