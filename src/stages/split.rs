//! `split`: divides one image set into training, validation and test images.
//!
//! No image and no group lands in two parts; the same seed gives the same parts. Images that are
//! nearly the same are looked for across the parts.

mod draw;
mod duplicates;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

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
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::split::draw::apportion;
use crate::stages::split::draw::draw;
use crate::stages::split::duplicates::Copies;

/// Parts in the order of ports, of params and of what is filled first to last.
const PARTS: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

/// Divides one image set into training, validation and test images.
pub struct Split;

/// What a split may be told; exactly one of `use`, `counts` and `fractions`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Takes the parts as the source gives them.
    #[serde(default)]
    pub r#use: Option<Use>,
    /// Draws this many images for each part; images beyond the sum are left out.
    #[serde(default)]
    pub counts: Option<PartCounts>,
    /// Draws these shares of all images for each part; they sum to 1.
    #[serde(default)]
    pub fractions: Option<PartFractions>,
    /// Whether drawn parts have the classes in the proportions of the whole.
    #[serde(default = "yes")]
    pub stratify: bool,
    /// Whether images of one group stay together in drawn parts; sizes may then be off by a group.
    #[serde(default = "yes")]
    pub by_group: bool,
    /// What happens where an image of one part is a copy, or nearly one, of an image of another.
    #[serde(default)]
    pub duplicates: Duplicates,
}

/// What happens where an image of one part is a copy, or nearly one, of an image of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The stage fails and names them.
    Error,
    /// They are listed, and the run goes on.
    #[default]
    Warn,
    /// Copies are one group, so that drawn parts keep them together; others are listed.
    Group,
    /// Nobody looks.
    Ignore,
}

/// Parts that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// The parts that the source gives, such as the six arrays of a MedMNIST file.
    Given,
}

/// Images of each part.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartCounts {
    /// Training images.
    #[serde(default)]
    pub train: usize,
    /// Validation images.
    #[serde(default)]
    pub validation: usize,
    /// Test images.
    #[serde(default)]
    pub test: usize,
}

/// Share of each part in all images.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartFractions {
    /// Share of training images, 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub train: f64,
    /// Share of validation images, 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub validation: f64,
    /// Share of test images, 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub test: f64,
}

fn yes() -> bool {
    true
}

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
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "Divides one image set into training, validation and test images.";
    const RUNNER: Runner = Runner::Inline;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        let said = [params.r#use.is_some(), params.counts.is_some(), params.fractions.is_some()];
        let mut problems = Vec::new();
        if said.into_iter().filter(|said| *said).count() != 1 {
            let problem = "exactly one of `use`, `counts` and `fractions` is expected";
            problems.push(ParamProblem::at("", problem).help(
                "write `use: given` for the source's own parts, or `fractions: {train: 0.7, validation: 0.1, test: 0.2}`",
            ));
        }
        if let Some(shares) = params.fractions {
            let sum = shares.train + shares.validation + shares.test;
            if (sum - 1.0).abs() > 1e-6 {
                let problem = format!("they sum to {sum:.3}, not to 1");
                problems.push(ParamProblem::at("fractions", problem));
            }
        }
        if params.counts.is_some_and(|counts| counts.train == 0) {
            problems.push(ParamProblem::at("counts", "`train` is 0; nothing could be fitted"));
        }
        if params.duplicates == Duplicates::Group && (params.r#use.is_some() || !params.by_group) {
            let problem = "`group` keeps copies together only where parts are drawn by group";
            problems.push(ParamProblem::at("duplicates", problem).help(
                "write `duplicates: error` or `warn`, or draw `fractions` with `by_group: true`",
            ));
        }
        problems
    }

    fn draws(params: &Params) -> bool {
        params.r#use.is_none()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(images) = known.inputs.get("images") else { return Ok(Vec::new()) };
        let sizes = match params.r#use {
            Some(Use::Given) => {
                PARTS.map(|part| images.partitions.get(&part).copied().unwrap_or_default())
            }
            None => wanted(params, images.total())?,
        };
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
        if params.duplicates == Duplicates::Group {
            copies.join_groups(&mut images.samples);
        }
        let chosen = match params.r#use {
            Some(Use::Given) => given(&images.samples),
            None => {
                let sizes = wanted(params, images.len())?;
                draw(&images.samples, sizes, params, cx.seed)
            }
        };
        let sizes = [chosen[0].len(), chosen[1].len(), chosen[2].len()];
        refuse_empty(params, sizes)?;
        let left_out = images.len() - sizes.iter().sum::<usize>();
        if left_out > 0 {
            cx.observer.note(&format!("{left_out} of {} images are in no part", images.len()));
        }
        let torn = copies.across(&chosen);
        if let Some(told) = torn.told(&images.samples) {
            if params.duplicates == Duplicates::Error {
                return Err(StageError::data(told).help(
                    "draw parts with `duplicates: group`, or take one of each pair out of the source; `duplicates: warn` goes on all the same",
                ));
            }
            cx.observer.note(&told);
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

/// Returns how many images each drawn part should have.
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
    let demanded = match (params.counts, params.fractions) {
        (Some(counts), _) => [counts.train > 0, counts.validation > 0, counts.test > 0],
        (_, Some(shares)) => [shares.train > 0.0, shares.validation > 0.0, shares.test > 0.0],
        (None, None) => {
            // A source may do without validation images, not without the other two.
            [true, false, true]
        }
    };
    for ((part, size), demanded) in PARTS.into_iter().zip(sizes).zip(demanded) {
        if size == 0 && demanded {
            let problem = match params.r#use {
                Some(Use::Given) => format!("the source gives no image for the part `{part}`"),
                None => format!("no image is left for the part `{part}`"),
            };
            let help = "divide the images by `fractions` or other `counts`";
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
