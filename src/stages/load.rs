//! `load`: brings images into a study, from a file, a folder, a table or a renderer.
//!
//! What each source looks like is in `load/`.

mod dataset;
mod folder;
mod gathered;
mod listing;
mod npz;
mod params;
mod preparation;
mod preset;
mod rendered;
mod rows;
mod table;

use std::path::Path;
use std::path::PathBuf;

use crate::artifact::ImageSet;
use crate::files;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::file_name::plain;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::listing::Listing;
use crate::stages::part_notes;
use crate::stages::sheet::Sheet;

pub use params::Params;
pub use preparation::Prepare;
pub use rendered::Fundus;

/// Brings images into a study, from a file, a folder, a table or a renderer.
pub struct Load;

ports! {
    /// What enters: nothing.
    inputs Inputs {}
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// All images of the source, each with its part where the source says one.
        images: ImageSet = Lineage::All,
    }
}

impl Stage for Load {
    const KIND: &'static str = "load";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "Brings images into a study, from a file, a folder, a table or a renderer.";
    const RUNNER: Runner = Runner::Inline;
    // The content itself is in the key; to demand it or not changes nothing of what is loaded.
    const BESIDE_KEY: &'static [&'static str] = &["blake3", "md5", "url", "bytes"];
    const APPEARANCE: &'static [&'static str] =
        &["size", "resize", "classes", "upright", "prepare"];
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        params.problems()
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(params: &Params) -> bool {
        params.source().is_none()
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        params.sources()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(source) = params.source() else {
            let side = params.size.unwrap_or(rendered::DEFAULT_SIZE);
            let counts = params.fundus.clone().unwrap_or_default().counts();
            return Ok(vec![("images", counts.sized(Some((side, side))))]);
        };
        let at = |name: &str| known.sources.get(name).map(PathBuf::as_path);
        let Some(path) = at(&source.name) else { return Ok(Vec::new()) };
        let counts = if params.npz.is_some() {
            npz::counts(path)?
        } else if params.parquet.is_some() {
            rows::counts(path, params)?
        } else {
            let root = params.image_root.as_deref().filter(|_| params.folder.is_none());
            let Some(root) = root.map_or(Some(path), at) else { return Ok(Vec::new()) };
            let dataset = Dataset::open(root, params)?;
            match listing(params, &dataset, path)? {
                Some(listing) => listing.counts(),
                None => folder::counts(&dataset)?,
            }
        };
        let own = counts.size.and_then(|size| match &params.prepare {
            Some(prepare) => prepare.size(size),
            None => Some(size),
        });
        let size = params.size.map(|side| (side, side)).or(own);
        Ok(vec![("images", counts.sized(size))])
    }

    fn run(cx: &Context<'_>, params: &Params, _: Inputs) -> Result<Outputs, StageError> {
        let Some(source) = params.source() else {
            let fundus = params.fundus.clone().unwrap_or_default();
            return Ok(Outputs { images: rendered::render(cx, &fundus, params)? });
        };
        let path = cx.source(&source.name)?;
        let images = if params.npz.is_some() {
            npz::load(cx, path, params)?
        } else if params.parquet.is_some() {
            rows::load(cx, path, params)?
        } else {
            let root = params.image_root.as_deref().filter(|_| params.folder.is_none());
            let root = root.map_or(Ok(path), |root| cx.source(root))?;
            let dataset = Dataset::open(root, params)?;
            match listing(params, &dataset, path)? {
                Some(listing) => listing.load(cx, &dataset, params)?,
                None => folder::load(cx, &dataset, params)?,
            }
        };
        refuse_empty_classes(&images, &source.name)?;
        for note in part_notes::notes_as_given(&images.samples, &images.classes) {
            cx.observer.warn(&note);
        }
        Ok(Outputs { images })
    }
}

/// Returns what tables say of a data set's images; nothing where its folders say it.
fn listing(
    params: &Params,
    dataset: &Dataset,
    source: &Path,
) -> Result<Option<Listing>, StageError> {
    if let Some(preset) = params.preset.as_deref().and_then(preset::named) {
        return (preset.list)(dataset).map(Some);
    }
    let Some(csv) = &params.csv else { return Ok(None) };
    if params.folder.is_none() {
        let bytes = files::read(source)?;
        let sheet = Sheet::read(&source.display().to_string(), &bytes)?;
        return table::listing(&sheet, dataset, "", params).map(Some);
    }
    let Some(number) = dataset.file(csv) else {
        let problem = format!("`{}` holds no `{csv}`", dataset.place());
        return Err(StageError::data(problem).help("`csv` is a path inside `folder`"));
    };
    // As data sets have them: paths are those below the table's own folder, if nothing else is said.
    let name = &dataset.members()[number].name;
    let beside = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let root = params.image_root.as_deref().map_or(beside.to_owned(), plain);
    table::listing(&dataset.sheet(number)?, dataset, &root, params).map(Some)
}

/// A class that has no image to learn from is a mistake in the data or in `classes`.
fn refuse_empty_classes(images: &ImageSet, source: &str) -> Result<(), StageError> {
    let counts = images.class_counts();
    let Some(empty) = counts.iter().position(|count| *count == 0) else { return Ok(()) };
    let class = &images.classes[empty];
    let found: Vec<String> = images
        .classes
        .iter()
        .zip(&counts)
        .map(|(class, count)| format!("`{class}`: {count}"))
        .collect();
    let problem = format!("`{source}`: class `{class}` has no image; found {}", found.join(", "));
    Err(StageError::data(problem).help("check the labels, or name only the classes that occur"))
}

#[cfg(test)]
mod tests;
