//! Params of `filter`: what makes an image good, and how many of the good ones stay.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::stage::ParamProblem;

/// Which images are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What makes an image good; or a list of steps, each of which chooses from what the one before it left.
    #[serde(default)]
    pub by: WrittenBy,
    /// What is kept, by the last of them.
    #[serde(default)]
    pub keep: Keep,
    /// Whether `keep` is meant for each class by itself: so many of each, or the best share of each.
    #[serde(default)]
    pub per_class: bool,
    /// Whether the images that are kept are to differ: those that the last step chooses from are parted into as
    /// many clusters as there are places (k-means, in a classifier's features where the port `classifier` is
    /// connected, else pixel by pixel), and the best of each cluster stays.
    #[serde(default)]
    pub diverse: bool,
    /// Real images among which `by: realism` takes the mean distance, and whose reach `by: density` looks at.
    #[serde(default = "default_neighbours")]
    #[schemars(range(min = 1, max = 10_000))]
    pub neighbours: usize,
    /// What happens to images that nearly copy a real one, or each other.
    #[serde(default)]
    pub near_copies: NearCopies,
    /// File of `by: review` with the columns `id` and `score`, a number or `yes` (1) or `no` (0); an image without
    /// a row there has 0.
    #[serde(default)]
    pub csv: Option<String>,
}

/// What makes an image good, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum WrittenBy {
    /// One criterion.
    One(By),
    /// Several, one after the other.
    Several(#[schemars(length(min = 1, max = 16))] Vec<WrittenStep>),
}

impl Default for WrittenBy {
    fn default() -> Self {
        Self::One(By::Critic)
    }
}

/// A step, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum WrittenStep {
    /// The last step, whose `keep` stands beside `by`.
    Last(By),
    /// A step with its own `keep`.
    Whole(WholeStep),
}

/// A step with its own `keep`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WholeStep {
    /// What makes an image good.
    pub by: By,
    /// What the step leaves.
    pub keep: Keep,
    /// Whether that is meant for each class by itself.
    #[serde(default)]
    pub per_class: bool,
}

/// What makes an image good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A high score from the GAN's critic; needs the port `gan`.
    Critic,
    /// A small distance to the nearest real images in a classifier's features; needs the port
    /// `classifier`.
    Realism,
    /// A classifier's probability of the label that the image has, or of the most likely class where it has none;
    /// needs the port `classifier`.
    Confidence,
    /// Many real images around it: the number of those within whose reach it lies, divided by `neighbours` (Naeem
    /// et al. 2020). The reach of a real image is the distance to its so-manyth nearest other one, in a classifier's
    /// features where the port `classifier` is connected, else pixel by pixel.
    Density,
    /// A large distance to all images that were kept before it, of which the best by the step before is the first
    /// (Gonzalez 1985); in a classifier's features or pixel by pixel, as with `density`.
    Diversity,
    /// A person, in a CSV file.
    Review,
}

impl By {
    /// Returns the name that manifests and tables write.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Critic => "critic",
            Self::Realism => "realism",
            Self::Confidence => "confidence",
            Self::Density => "density",
            Self::Diversity => "diversity",
            Self::Review => "review",
        }
    }

    /// Returns the port that it needs, if any.
    pub(super) fn port(self) -> Option<&'static str> {
        match self {
            Self::Critic => Some("gan"),
            Self::Realism | Self::Confidence => Some("classifier"),
            Self::Density | Self::Diversity | Self::Review => None,
        }
    }
}

/// How many images a step keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Keep {
    /// So many of the best.
    Count(#[schemars(range(min = 1, max = 10_000_000))] usize),
    /// So many of the best of each class, in the order of classes.
    Counts(#[schemars(length(min = 1))] Vec<usize>),
    /// As many of the best as a bound lets through.
    Bound(Bound),
}

impl Default for Keep {
    fn default() -> Self {
        Self::Count(443)
    }
}

/// A bound between what is kept and what is not: one of both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The share of the images, above 0 and at most 1, that are the best: 0.25 keeps what lies above the upper
    /// quartile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
    /// The least score that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

/// What happens to images that nearly copy a real one, or each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NearCopies {
    /// Whether they are dropped.
    pub drop: bool,
    /// Largest root of the mean squared difference of two near copies, flipped or not: grey levels, 0 to 255.
    #[schemars(range(min = 0.0, max = 255.0))]
    pub threshold: f64,
    /// Whether, of images that nearly copy each other, only the best by the first step stays.
    pub each_other: bool,
}

impl Default for NearCopies {
    fn default() -> Self {
        // Of 1,080 RetinaMNIST training images at 64 x 64, 95 % are farther than 7.5 from all others;
        // those below 3 are second photographs of the same eye.
        Self { drop: true, threshold: 5.0, each_other: false }
    }
}

fn default_neighbours() -> usize {
    5
}

/// One step of a choice, resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) by: By,
    pub(super) keep: Keep,
    pub(super) per_class: bool,
    /// Whether the best of clusters are taken.
    pub(super) diverse: bool,
}

impl Params {
    /// Returns the steps, in order; there is at least one.
    pub(super) fn steps(&self) -> Vec<Step> {
        let last = |by: By| Step {
            by,
            keep: self.keep.clone(),
            per_class: self.per_class,
            diverse: self.diverse,
        };
        match &self.by {
            WrittenBy::One(by) => vec![last(*by)],
            WrittenBy::Several(steps) => steps
                .iter()
                .map(|step| match step {
                    WrittenStep::Last(by) => last(*by),
                    WrittenStep::Whole(WholeStep { by, keep, per_class }) => {
                        let (keep, per_class) = (keep.clone(), *per_class);
                        Step { by: *by, keep, per_class, diverse: false }
                    }
                })
                .collect(),
        }
    }

    /// Returns what contradicts itself.
    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if let WrittenBy::Several(steps) = &self.by {
            order(steps, &mut problems);
        }
        let steps = self.steps();
        let reviewed = steps.iter().any(|step| step.by == By::Review);
        match &self.csv {
            None if reviewed => problems.push(
                ParamProblem::at("csv", "`by: review` reads scores from a file, but none is named")
                    .help("write `csv: review.csv`"),
            ),
            Some(_) if !reviewed => problems.push(
                ParamProblem::at("csv", "only `by: review` reads a file")
                    .help("write `by: review`"),
            ),
            _ => {}
        }
        for (place, step) in steps.iter().enumerate() {
            if steps[..place].iter().any(|before| before.by == step.by) {
                let problem = format!("`{}` comes twice", step.by.name());
                problems.push(ParamProblem::at("by", problem).help("choose by each of them once"));
            }
            match &step.keep {
                Keep::Counts(counts) if counts.iter().all(|count| *count == 0) => {
                    problems.push(ParamProblem::at(
                        "keep",
                        "the numbers sum to 0; no image would be left",
                    ));
                }
                Keep::Bound(Bound { share: Some(share), .. }) if *share <= 0.0 => {
                    problems.push(ParamProblem::at("keep", "a share of 0 keeps nothing"));
                }
                Keep::Bound(bound) if bound.share.is_some() == bound.at_least.is_some() => problems
                    .push(
                        ParamProblem::at("keep", "a bound is either a share or a least score")
                            .help("write `{share: 0.5}` or `{at_least: 0.5}`"),
                    ),
                Keep::Counts(_) if step.per_class => problems.push(
                    ParamProblem::at("per_class", "`keep` has a number for each class already")
                        .help("leave `per_class` out"),
                ),
                _ => {}
            }
        }
        if let (true, Some(step)) = (self.diverse, steps.last()) {
            if matches!(step.keep, Keep::Bound(_)) {
                let problem = "`diverse` needs to know how many images are kept";
                problems
                    .push(ParamProblem::at("diverse", problem).help("write a number in `keep`"));
            }
            if step.by == By::Diversity {
                let problem = "`by: diversity` looks for images that differ already";
                problems.push(ParamProblem::at("diverse", problem).help("leave it out"));
            }
        }
        problems
    }
}

/// Adds what is wrong with the order of written steps: all but the last say what they keep, and the last does not.
fn order(steps: &[WrittenStep], problems: &mut Vec<ParamProblem>) {
    for (place, step) in steps.iter().enumerate() {
        match (step, place + 1 == steps.len()) {
            (WrittenStep::Last(by), false) => {
                let name = by.name();
                let problem = format!("step {} does not say what it keeps", place + 1);
                let help = format!("write `{{by: {name}, keep: ...}}`");
                problems.push(ParamProblem::at("by", problem).help(help));
            }
            (WrittenStep::Whole(WholeStep { by, .. }), true) => {
                let name = by.name();
                let problem = "what the last step keeps stands beside `by`";
                let help = format!("write `{name}` alone as the last step, and `keep` beside `by`");
                problems.push(ParamProblem::at("by", problem).help(help));
            }
            _ => {}
        }
    }
}
