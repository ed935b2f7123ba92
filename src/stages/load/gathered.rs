//! Images gathered from a data set: read, decoded, prepared and resized, many at once, and kept on disk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::archive;
use crate::artifact::ImageSet;
use crate::artifact::Sample;
use crate::artifact::Spill;
use crate::imaging::decode;
use crate::imaging::resize::resize;
use crate::imaging::rgb::Rgb;
use crate::stage::Context;
use crate::stage::Progress;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::dataset::refused;
use crate::stages::load::preparation::Preparation;
use crate::stages::several::listed;

/// Longest file of an image that is read, bytes.
const LONGEST: u64 = 512 << 20;

/// An image of a data set and what is known of it.
pub(super) struct Entry {
    /// Number of the file in the data set.
    pub(super) member: usize,
    pub(super) sample: Sample,
}

/// What happens to the images while they are read.
struct Reading<'a> {
    params: &'a Params,
    dataset: &'a Dataset,
    preparation: Preparation,
    size: (usize, usize),
    spill: Spill,
    progress: Progress<'a>,
    /// What is wrong with which image.
    broken: Mutex<BTreeMap<usize, String>>,
    /// Images of another size, with it.
    other_sizes: Mutex<BTreeMap<usize, (usize, usize)>>,
    /// Images whose camera was turned, and that were left so.
    turned: Mutex<usize>,
    /// Why the rest need not be read.
    stopped: Mutex<Option<StageError>>,
}

/// Reads all images; every broken file is reported, not the first only.
pub(super) fn read(
    cx: &Context<'_>,
    params: &Params,
    dataset: &Dataset,
    classes: Vec<String>,
    entries: Vec<Entry>,
) -> Result<ImageSet, StageError> {
    let preparation = Preparation::new(params.prepare.as_ref());
    let size = match params.size {
        Some(side) => (side, side),
        None => first_size(params, &preparation, dataset, &entries)?,
    };
    let spill = Spill::new(&cx.folder.join("spilled"), entries.len(), size.into());
    let progress = Progress::new(cx, "images", entries.len());
    let reading = Reading {
        params,
        dataset,
        preparation,
        size,
        spill,
        progress,
        broken: Mutex::default(),
        other_sizes: Mutex::default(),
        turned: Mutex::default(),
        stopped: Mutex::default(),
    };
    let places: BTreeMap<usize, usize> =
        entries.iter().enumerate().map(|(index, entry)| (entry.member, index)).collect();
    let wanted: Vec<usize> = places.keys().copied().collect();
    let each = |member: usize, content: Result<Vec<u8>, String>| {
        if let Err(error) = reading.take(places[&member], member, content) {
            *lock(&reading.stopped) = Some(error);
        }
    };
    let archive = dataset.archive();
    cx.on_threads(|| archive.each(&wanted, LONGEST, &each))?.map_err(refused)?;
    reading.finish(cx, classes, entries)
}

impl Reading<'_> {
    fn take(
        &self,
        index: usize,
        member: usize,
        content: Result<Vec<u8>, String>,
    ) -> Result<(), StageError> {
        if lock(&self.stopped).is_some() {
            return Ok(());
        }
        self.progress.advance()?;
        match content.and_then(|bytes| prepared(&bytes, self.params, &self.preparation)) {
            Ok((image, is_turned)) if (image.height, image.width) == self.size => {
                *lock(&self.turned) += usize::from(is_turned);
                self.spill.put(index, &image.pixels)?;
            }
            Ok((image, _)) => {
                lock(&self.other_sizes).insert(index, (image.height, image.width));
            }
            Err(problem) => {
                let name = &self.dataset.members()[member].name;
                let place = self.dataset.place();
                lock(&self.broken).insert(index, format!("`{place}/{name}`: {problem}"));
            }
        }
        Ok(())
    }

    fn finish(
        self,
        cx: &Context<'_>,
        classes: Vec<String>,
        entries: Vec<Entry>,
    ) -> Result<ImageSet, StageError> {
        if let Some(error) = owned(self.stopped) {
            return Err(error);
        }
        let (broken, skip) = (owned(self.broken), self.params.skip.unwrap_or_default());
        let count = broken.len();
        let list = listed(&broken.values().cloned().collect::<Vec<_>>());
        if count > skip {
            let problem = format!("{count} of {} images cannot be read: {list}", entries.len());
            let help = if list.contains("leads out of the folder") {
                "copy these files into the folder, or follow such links with `follow_links: true`"
            } else {
                "replace these files, leave them out, or let `skip: N` pass over as many"
            };
            return Err(StageError::data(problem).help(help));
        }
        if let Some((index, (height, width))) = owned(self.other_sizes).into_iter().next() {
            let whose = |index: usize| &entries[index].sample.id;
            let first = (0..entries.len()).find(|index| !broken.contains_key(index)).unwrap_or(0);
            let problem = format!(
                "images differ in size: `{}` has {} x {} pixels, `{}` has {width} x {height}",
                whose(first),
                self.size.1,
                self.size.0,
                whose(index),
            );
            return Err(StageError::data(problem).help("give all one size, such as `size: 64`"));
        }
        if count > 0 {
            cx.observer.warn(&format!("skipped {count} of {} images: {list}", entries.len()));
        }
        let turned = owned(self.turned);
        if turned > 0 {
            let of = entries.len();
            cx.observer.note(&format!(
                "{turned} of {of} images say that the camera was turned; `upright: true` turns them back"
            ));
        }
        let kept = entries.into_iter().enumerate().filter(|(index, _)| !broken.contains_key(index));
        let samples = kept.map(|(index, entry)| (index, entry.sample)).collect();
        Ok(self.spill.finish(classes, samples)?)
    }
}

/// Returns the size of the first image that can be read.
fn first_size(
    params: &Params,
    preparation: &Preparation,
    dataset: &Dataset,
    entries: &[Entry],
) -> Result<(usize, usize), StageError> {
    let tried = params.skip.unwrap_or_default() + 1;
    for entry in entries.iter().take(tried) {
        let bytes = archive::read(dataset.archive(), entry.member, LONGEST);
        let image = |bytes: Vec<u8>| prepared(&bytes, params, preparation).ok();
        if let Some((image, _)) = bytes.ok().and_then(image) {
            return Ok((image.height, image.width));
        }
    }
    if entries.is_empty() {
        return Err(StageError::data("there is no image"));
    }
    Ok((1, 1)) // none will be kept; every problem is said where all are read
}

/// Returns an image as it enters the set, and whether its camera was turned and it still is.
fn prepared(
    bytes: &[u8],
    params: &Params,
    preparation: &Preparation,
) -> Result<(Rgb, bool), String> {
    let decoded = decode::decode_as(bytes, params.upright)?;
    let image = preparation.apply(decoded.image);
    let image = match params.size {
        Some(size) => resize(&image, size, size, params.resize),
        None => image,
    };
    Ok((image, decoded.is_turned))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn owned<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
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
