//! `split`: divides one image set into training, validation and test images.
//!
//! No image and no group lands in two parts; the same seed gives the same parts. Does not look at
//! pixels.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

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
    }
}

impl Stage for Split {
    const KIND: &'static str = "split";
    const VERSION: u32 = 1;
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
        let images = inputs.images;
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

/// What stays together: indices of samples.
type Unit = Vec<usize>;

/// Draws the indices of each part, in rising order.
fn draw(samples: &[Sample], sizes: [usize; 3], params: &Params, seed: Seed) -> [Vec<usize>; 3] {
    let mut strata: BTreeMap<Option<usize>, Vec<Unit>> = BTreeMap::new();
    for unit in units(samples, params.by_group) {
        let class = unit.iter().filter_map(|index| samples[*index].label).max();
        strata.entry(class.filter(|_| params.stratify)).or_default().push(unit);
    }
    let mut parts: [Vec<usize>; 3] = [vec![], vec![], vec![]];
    let mut left: Vec<Vec<Unit>> = strata.into_values().collect();
    for (stratum, units) in left.iter_mut().enumerate() {
        seed.named("split").number(stratum as u64).stream().shuffle(units);
    }
    // The parts that measure are filled first, so that small classes reach them.
    for part in (0..3).rev() {
        let available: Vec<f64> =
            left.iter().map(|units| units.iter().map(Vec::len).sum::<usize>() as f64).collect();
        let quotas = apportion(sizes[part], &available);
        for (units, mut quota) in left.iter_mut().zip(quotas) {
            units.retain(|unit| {
                let fits = unit.len() <= quota;
                if fits {
                    quota -= unit.len();
                    parts[part].extend(unit);
                }
                !fits
            });
        }
    }
    let whole = sizes.iter().sum::<usize>() == samples.len();
    place_rest(left.into_iter().flatten().collect(), sizes, whole, &mut parts);
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Puts groups that no quota could hold where they miss the wanted sizes least; where parts need
/// not take everything, a group that would do more harm than good stays out.
fn place_rest(rest: Vec<Unit>, sizes: [usize; 3], whole: bool, parts: &mut [Vec<usize>; 3]) {
    for unit in rest {
        let missing = |part: usize| sizes[part] as isize - parts[part].len() as isize;
        let neediest = (0..3).filter(|part| sizes[*part] > 0).max_by_key(|part| missing(*part));
        let Some(neediest) = neediest else { return };
        if whole || 2 * missing(neediest) >= unit.len() as isize {
            parts[neediest].extend(unit);
        }
    }
}

fn units(samples: &[Sample], by_group: bool) -> Vec<Unit> {
    let mut groups: BTreeMap<&str, Unit> = BTreeMap::new();
    let mut units = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        match &sample.group {
            Some(group) if by_group => groups.entry(group).or_default().push(index),
            _ => units.push(vec![index]),
        }
    }
    units.extend(groups.into_values());
    units
}

/// Divides a whole number in the given proportions (largest remainders, as in elections).
fn apportion(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    // A share that is whole but for rounding, such as 0.7 of 10, is whole.
    let mut sizes: Vec<usize> = exact.iter().map(|exact| (exact + 1e-9).floor() as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let remainder = |index: &usize| exact[*index] - sizes[*index] as f64;
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(b)));
    let missing = total.saturating_sub(sizes.iter().sum());
    for index in order.into_iter().take(missing) {
        sizes[index] += 1;
    }
    sizes
}

#[cfg(test)]
mod tests;
