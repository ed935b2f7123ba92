//! `split`: divides one image set into training, validation and test images.
//!
//! No image and no group lands in two parts; the same seed gives the same parts. Images that are
//! nearly the same are looked for across the parts.

mod draw;
mod duplicates;
mod even;
mod folds;
mod left_out;
mod params;
mod table;
#[cfg(test)]
mod tests;
mod unit;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::artifact::Table;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::part_notes;
use crate::stages::split::draw::apportion;
use crate::stages::split::draw::draw;
use crate::stages::split::duplicates::Copies;
use crate::stages::split::table::PartTable;

pub use params::Duplicates;
pub use params::Folds;
pub use params::LeaveGroupOut;
pub use params::Others;
pub use params::Params;
pub use params::PartCounts;
pub use params::PartFractions;
pub use params::Use;

/// Parts in the order of ports, of params and of what is filled first to last.
const PARTS: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

/// Divides one image set into training, validation and test images.
pub struct Split;

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to divide.
        images: ImageSet = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// Images that fit networks.
        train: ImageSet = Lineage::Only(Partition::Train),
        /// Images that choose between epochs and settings.
        validation: ImageSet = Lineage::Only(Partition::Validation),
        /// Images that only measure.
        test: ImageSet = Lineage::Only(Partition::Test),
        /// Pairs of images in different parts that are copies: their ids, parts and difference.
        duplicates: Table = Lineage::Inputs,
    }
}

impl Stage for Split {
    const KIND: &'static str = "split";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "Divides one image set into training, validation and test images.";
    const RUNNER: Runner = Runner::Inline;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        params.problems()
    }

    fn draws(params: &Params) -> bool {
        params.draws()
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        params.sources()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(images) = known.inputs.get("images") else { return Ok(Vec::new()) };
        let Some(sizes) = expected(params, images, known)? else { return Ok(Vec::new()) };
        refuse_empty(params, sizes)?;
        let ports = ["train", "validation", "test"].into_iter().zip(PARTS).zip(sizes);
        let counts = |part, count| Counts::of(part, count).sized(images.size);
        Ok(ports.map(|((port, part), count)| (port, counts(part, count))).collect())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let mut images = inputs.images;
        let copies = match params.duplicates {
            Duplicates::Ignore => Copies::default(),
            _ => cx.on_threads(|| Copies::among(&images))?,
        };
        // Copies may make one group of two, which then goes by the name of one; either is meant.
        let left_out = match &params.leave_group_out {
            Some(wanted) if wanted.group.is_some() => {
                Some(left_out::member(&images.samples, wanted)?)
            }
            _ => None,
        };
        if params.duplicates == Duplicates::Group {
            copies.join_groups(&mut images.samples);
        }
        let chosen = chosen(cx, params, &images, left_out)?;
        let sizes = [chosen[0].len(), chosen[1].len(), chosen[2].len()];
        refuse_empty(params, sizes)?;
        let left_out = images.len() - sizes.iter().sum::<usize>();
        if left_out > 0 {
            cx.observer.note(&format!("{left_out} of {} images are in no part", images.len()));
        }
        for note in part_notes::notes(&images.samples, &images.classes, &chosen) {
            cx.observer.warn(&note);
        }
        let torn = copies.across(&chosen);
        if let Some(told) = torn.told(&images.samples) {
            if params.duplicates == Duplicates::Error {
                return Err(StageError::data(told).help(
                    "draw parts with `duplicates: group`, or take one of each pair out of the source; `duplicates: warn` goes on all the same",
                ));
            }
            cx.observer.warn(&told);
        }
        let duplicates = torn.table(&images.samples);
        let [train, validation, test] = chosen;
        let part = |indices: &[usize], partition| {
            let mut part = images.pick(indices);
            part.samples.iter_mut().for_each(|sample| sample.partition = partition);
            part
        };
        Ok(Outputs {
            train: part(&train, Partition::Train),
            validation: part(&validation, Partition::Validation),
            test: part(&test, Partition::Test),
            duplicates,
        })
    }
}

/// Returns how many images each part will have, by group about as many; nothing where that is unknown.
fn expected(
    params: &Params,
    images: &Counts,
    known: &Forecast,
) -> Result<Option<[usize; 3]>, StageError> {
    if params.r#use.is_some() {
        let count = |part| images.partitions.get(&part).copied().unwrap_or_default();
        return Ok(Some(PARTS.map(count)));
    }
    if let Some(folds) = &params.folds {
        return folds::sizes(folds, images.total()).map(Some);
    }
    if params.leave_group_out.is_some() {
        return Ok(None);
    }
    if let Some(name) = &params.csv {
        let Some(path) = known.sources.get(name) else { return Ok(None) };
        return PartTable::read(name, path, params)?.sizes();
    }
    wanted(params, images.total()).map(Some)
}

/// Returns the indices of each part in rising order; `left_out` is an image of the group that
/// is left out, where it is known.
fn chosen(
    cx: &Context<'_>,
    params: &Params,
    images: &ImageSet,
    left_out: Option<usize>,
) -> Result<[Vec<usize>; 3], StageError> {
    let samples = &images.samples;
    if params.r#use.is_some() {
        return Ok(given(samples));
    }
    if let Some(folds) = &params.folds {
        for note in folds::notes(samples, &images.classes, params.by_group, folds) {
            cx.observer.note(&note);
        }
        return folds::parts(samples, params, folds, cx.seed);
    }
    if let Some(wanted) = &params.leave_group_out {
        let member = left_out.map_or_else(|| left_out::member(samples, wanted), Ok)?;
        let group = samples[member].group.as_deref().unwrap_or_default();
        return Ok(left_out::parts(samples, group, params, wanted.validation, cx.seed));
    }
    if let Some(name) = &params.csv {
        let table = PartTable::read(name, cx.source(name)?, params)?;
        let (parts, notes) = table.parts(samples)?;
        for note in notes {
            cx.observer.note(&note);
        }
        return Ok(parts);
    }
    let all: Vec<usize> = (0..samples.len()).collect();
    Ok(draw(samples, &all, wanted(params, samples.len())?, params, cx.seed))
}

/// Returns how many images each part should have by `counts` or `fractions`.
fn wanted(params: &Params, images: usize) -> Result<[usize; 3], StageError> {
    if let Some(counts) = params.counts {
        let sizes = [counts.train, counts.validation, counts.test];
        let sum = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
        if sum > images {
            let problem = format!("`counts` ask for {sum} images; there are {images}");
            return Err(
                StageError::data(problem).help("ask for fewer images, or divide by `fractions`")
            );
        }
        return Ok(sizes);
    }
    let shares = params.fractions.unwrap_or_default();
    let sizes = apportion(images, &[shares.train, shares.validation, shares.test]);
    Ok([sizes[0], sizes[1], sizes[2]])
}

fn refuse_empty(params: &Params, sizes: [usize; 3]) -> Result<(), StageError> {
    let demanded = match (params.counts, params.fractions, params.folds) {
        (Some(counts), ..) => [counts.train > 0, counts.validation > 0, counts.test > 0],
        (_, Some(shares), _) => [shares.train > 0.0, shares.validation > 0.0, shares.test > 0.0],
        (.., Some(folds)) => [true, folds.validation > 0.0, true],
        // A source may do without validation images, not without the other two.
        _ => {
            let left_out = params.leave_group_out.as_ref();
            [true, left_out.is_some_and(|left_out| left_out.validation > 0.0), true]
        }
    };
    for ((part, size), demanded) in PARTS.into_iter().zip(sizes).zip(demanded) {
        if size == 0 && demanded {
            let (problem, help) = match (params.r#use, &params.csv) {
                (Some(Use::Given), _) => (
                    format!("the source gives no image for the part `{part}`"),
                    "divide the images by `fractions` or other `counts`",
                ),
                (_, Some(name)) => (
                    format!("`{name}` gives no image to the part `{part}`"),
                    "write the part beside some images, or divide them by `fractions`",
                ),
                _ => (
                    format!("no image is left for the part `{part}`"),
                    match (params.folds, &params.leave_group_out) {
                        (None, None) => "divide the images by `fractions` or other `counts`",
                        _ => "ask for another share of `validation`, or none",
                    },
                ),
            };
            return Err(StageError::data(problem).help(help));
        }
    }
    Ok(())
}

fn given(samples: &[Sample]) -> [Vec<usize>; 3] {
    PARTS.map(|part| {
        let members = samples.iter().enumerate().filter(|(_, sample)| sample.partition == part);
        members.map(|(index, _)| index).collect()
    })
}
