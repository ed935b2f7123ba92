//! `filter`: keeps the best of generated images, and drops near copies of real ones.
//!
//! Every image's score, rank, fate and nearest real image go into a table. Labels are not looked at.

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Table;
use crate::imaging::flip::flip_horizontally;
use crate::imaging::flip::flip_vertically;
use crate::imaging::rgb::Rgb;
use crate::measure::distance;
use crate::measure::distance::Neighbour;
use crate::ml;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

/// Keeps the best of generated images, and drops near copies of real ones.
pub struct Filter;

/// Which images are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What makes an image good.
    #[serde(default)]
    pub by: By,
    /// Number of images to keep.
    #[serde(default = "default_keep")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub keep: usize,
    /// Real images among which `by: realism` takes the mean distance.
    #[serde(default = "default_neighbours")]
    #[schemars(range(min = 1, max = 10_000))]
    pub neighbours: usize,
    /// What happens to images that nearly copy a real one.
    #[serde(default)]
    pub near_copies: NearCopies,
}

/// What makes an image good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A high score from the GAN's critic; needs the port `gan`.
    #[default]
    Critic,
    /// A small distance to the nearest real images in a classifier's features; needs the port
    /// `classifier`.
    Realism,
}

impl By {
    /// Returns the port that it needs.
    fn port(self) -> &'static str {
        match self {
            Self::Critic => "gan",
            Self::Realism => "classifier",
        }
    }
}

/// What happens to images that nearly copy a real one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NearCopies {
    /// Whether they are dropped.
    pub drop: bool,
    /// Largest root of the mean squared difference to a real image, flipped or not, of a near copy:
    /// grey levels, 0 to 255.
    #[schemars(range(min = 0.0, max = 255.0))]
    pub threshold: f64,
}

impl Default for NearCopies {
    fn default() -> Self {
        // Of 1,080 RetinaMNIST training images at 64 x 64, 95 % are farther than 7.5 from all others;
        // those below 3 are second photographs of the same eye.
        Self { drop: true, threshold: 5.0 }
    }
}

fn default_keep() -> usize {
    443
}

fn default_neighbours() -> usize {
    5
}

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to choose from.
        images: ImageSet = Pass,
        /// Real images: what realism and near copies are measured against.
        reference: Vec<ImageSet> = Fit,
        /// The GAN whose critic scores.
        gan: Option<Gan> = Pass,
        /// The classifier in whose features realism is measured.
        classifier: Option<Classifier> = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The images that were kept, in the order in which they came.
        images: ImageSet = Lineage::Inputs,
        /// One row an image: score, rank, fate, nearest real image and its distance in grey levels.
        decisions: Table = Lineage::Inputs,
    }
}

impl Stage for Filter {
    const KIND: &'static str = "filter";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Keeps the best of generated images, and drops near copies of real ones.";
    const RUNNER: Runner = Runner::Torch;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(_: &Params) -> bool {
        false
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        if !known.connected.contains(params.by.port()) {
            return Err(unconnected(params.by));
        }
        let images = known.inputs.get("images");
        if let Some(total) = images.map(Counts::total).filter(|total| *total < params.keep) {
            return Err(too_few(params.keep, total, 0));
        }
        let partition = images.and_then(|counts| counts.partitions.keys().next().copied());
        let partition = partition.unwrap_or(Partition::Train);
        Ok(vec![("images", Counts::of(partition, params.keep).sized(known.size("images")))])
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        if inputs.images.len() < params.keep {
            return Err(too_few(params.keep, inputs.images.len(), 0));
        }
        let reference = ImageSet::join(inputs.reference).map_err(StageError::data)?;
        let images = inputs.images;
        let scores = match params.by {
            By::Critic => critic_scores(cx, inputs.gan.as_ref(), &images)?,
            By::Realism => {
                realism(cx, inputs.classifier.as_ref(), &images, &reference, params.neighbours)?
            }
        };
        let nearest = nearest_real(&images, &reference)?;
        let decisions = decide(params, &images, &scores, &nearest)?;
        let copies = decisions.iter().filter(|decision| decision.fate == Fate::NearCopy).count();
        if copies > 0 {
            let all = images.len();
            cx.observer.note(&format!("{copies} of {all} images nearly copy a real one"));
        }
        let is_kept = |index: &usize| decisions[*index].fate == Fate::Best;
        let kept: Vec<usize> = (0..images.len()).filter(is_kept).collect();
        let table = table(&images, &reference, &decisions);
        Ok(Outputs { images: images.pick(&kept), decisions: table })
    }
}

/// Why an image was kept or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Best,
    LowerScore,
    NearCopy,
}

/// What became of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Decision {
    /// The higher, the better.
    score: f64,
    /// 1 for the highest score.
    rank: usize,
    fate: Fate,
    nearest: Neighbour,
}

/// Returns the error for images that nothing can score.
fn unconnected(by: By) -> StageError {
    let (problem, other) = match by {
        By::Critic => ("`by: critic` scores by a GAN's critic, but there is none", "realism"),
        By::Realism => {
            ("`by: realism` compares a classifier's features, but there is none", "critic")
        }
    };
    let port = by.port();
    StageError::data(problem).help(format!("connect the port `{port}`, or write `by: {other}`"))
}

fn critic_scores(
    cx: &Context<'_>,
    gan: Option<&Gan>,
    images: &ImageSet,
) -> Result<Vec<f64>, StageError> {
    let gan = gan.ok_or_else(|| unconnected(By::Critic))?;
    gan.suits(images).map_err(StageError::data)?;
    ml::critic_scores(cx, gan, images)
}

/// Returns minus the mean distance of each image to its nearest real images in feature space.
fn realism(
    cx: &Context<'_>,
    classifier: Option<&Classifier>,
    images: &ImageSet,
    reference: &ImageSet,
    neighbours: usize,
) -> Result<Vec<f64>, StageError> {
    let classifier = classifier.ok_or_else(|| unconnected(By::Realism))?;
    classifier.suits(images).map_err(StageError::data)?;
    classifier.suits(reference).map_err(StageError::data)?;
    let made = ml::features(cx, classifier, images)?;
    let real = ml::features(cx, classifier, reference)?;
    let nearest =
        distance::nearest_of_each(images.len(), reference.len(), neighbours, |image, other| {
            distance::squared(made.row(image), real.row(other)).sqrt()
        });
    let mean = |found: Vec<Neighbour>| {
        found.iter().map(|neighbour| neighbour.distance).sum::<f64>() / found.len() as f64
    };
    Ok(nearest.into_iter().map(|found| -mean(found)).collect())
}

/// Returns the real image nearest to each image as it is, mirrored, upside down or both.
fn nearest_real(images: &ImageSet, reference: &ImageSet) -> Result<Vec<Neighbour>, StageError> {
    if reference.is_empty() {
        return Err(StageError::data("there is no real image in `reference` to compare with"));
    }
    if (images.height, images.width) != (reference.height, reference.width) {
        return Err(StageError::data(format!(
            "images of {} x {} beside real images of {} x {} pixels",
            images.width, images.height, reference.width, reference.height
        )));
    }
    let search = |index: usize| {
        let upright = Rgb::new(images.height, images.width, images.image(index).to_vec());
        let mut views = vec![upright.clone(), upright];
        flip_horizontally(&mut views[1]);
        let mut turned = views.clone();
        turned.iter_mut().for_each(flip_vertically);
        views.extend(turned);
        let found = distance::nearest(reference.len(), 1, |real| {
            let apart =
                |view: &Rgb| distance::root_mean_square(&view.pixels, reference.image(real));
            views.iter().map(apart).fold(f64::INFINITY, f64::min)
        });
        found[0]
    };
    Ok((0..images.len()).into_par_iter().map(search).collect())
}

/// Decides over every image: near copies go first, then all but the best.
fn decide(
    params: &Params,
    images: &ImageSet,
    scores: &[f64],
    nearest: &[Neighbour],
) -> Result<Vec<Decision>, StageError> {
    if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
        let problem = format!("the score of `{}` is no number", images.samples[index].id);
        return Err(StageError::data(problem)
            .help("the network's training diverged: lower its `learning_rate`"));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let NearCopies { drop, threshold } = params.near_copies;
    let is_copy = |index: usize| drop && nearest[index].distance <= threshold;
    let copies = (0..scores.len()).filter(|&index| is_copy(index)).count();
    if scores.len() - copies < params.keep {
        return Err(too_few(params.keep, scores.len(), copies));
    }
    let mut places = params.keep;
    let mut decisions = Vec::with_capacity(scores.len());
    for (place, &index) in order.iter().enumerate() {
        let fate = match (is_copy(index), places) {
            (true, _) => Fate::NearCopy,
            (false, 0) => Fate::LowerScore,
            (false, _) => Fate::Best,
        };
        places -= usize::from(fate == Fate::Best);
        let (score, nearest) = (scores[index], nearest[index]);
        decisions.push((index, Decision { score, rank: place + 1, fate, nearest }));
    }
    decisions.sort_by_key(|(index, _)| *index);
    Ok(decisions.into_iter().map(|(_, decision)| decision).collect())
}

fn too_few(keep: usize, images: usize, copies: usize) -> StageError {
    let less = match copies {
        0 => String::new(),
        _ => format!("; {copies} of them nearly copy a real one"),
    };
    StageError::data(format!("`keep` asks for {keep} of {images} images{less}"))
        .help("lower `keep`, or raise `count` in the stage that generates them")
}

fn table(images: &ImageSet, reference: &ImageSet, decisions: &[Decision]) -> Table {
    let mut table =
        Table::new(&["id", "score", "rank", "kept", "reason", "nearest_real", "distance"]);
    for (sample, decision) in images.samples.iter().zip(decisions) {
        let (kept, reason) = match decision.fate {
            Fate::Best => ("yes", "best"),
            Fate::LowerScore => ("no", "lower score"),
            Fate::NearCopy => ("no", "near copy"),
        };
        table.push(vec![
            sample.id.clone(),
            decision.score.to_string(),
            decision.rank.to_string(),
            kept.to_owned(),
            reason.to_owned(),
            reference.samples[decision.nearest.index].id.clone(),
            decision.nearest.distance.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
