//! Params of `label`: who says which class an image is of, and what becomes of the answer.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::stage::ParamProblem;

/// Most images that quotas may ask for: as many as a filter may keep.
const MOST_IMAGES: usize = 10_000_000;

/// How images get their classes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Who says which class an image is of. Everybody else who is connected, or named in `csv`, is asked too: how
    /// far they agree stands in the output `agreement`.
    #[serde(default)]
    pub by: By,
    /// Images whose most likely class is less likely than this, 0 to 1, are dropped.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Number of images of each class, in the order of classes; all others are dropped. Absent:
    /// every image gets its most likely class.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub quotas: Option<Vec<usize>>,
    /// Real images that vote with `by: neighbours`; a class's confidence is its share of votes, and
    /// the nearest decides a draw.
    #[serde(default = "default_neighbours")]
    #[schemars(range(min = 1, max = 10_000))]
    pub neighbours: usize,
    /// File of `by: csv` with the columns `id` and `label`, a class's name or number; an image
    /// without a label there is dropped.
    #[serde(default)]
    pub csv: Option<String>,
}

/// Who says which class an image is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A classifier, or several whose probabilities are averaged; needs the port `classifier`.
    #[default]
    Classifier,
    /// The nearest labelled real images, in the first classifier's features where the port
    /// `classifier` is connected, else pixel by pixel; needs the port `reference`.
    Neighbours,
    /// The images themselves: the class that a conditional generator was told, or whatever label they have.
    Own,
    /// A person, in a CSV file.
    Csv,
}

impl By {
    /// Returns the name that manifests write.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classifier => "classifier",
            Self::Neighbours => "neighbours",
            Self::Own => "own",
            Self::Csv => "csv",
        }
    }

    /// Returns the port that it needs, if any.
    pub(super) fn port(self) -> Option<&'static str> {
        match self {
            Self::Classifier => Some("classifier"),
            Self::Neighbours => Some("reference"),
            Self::Own | Self::Csv => None,
        }
    }

    /// Returns whether it has a confidence in each class.
    fn is_unsure(self) -> bool {
        matches!(self, Self::Classifier | Self::Neighbours)
    }
}

fn default_neighbours() -> usize {
    5
}

impl Params {
    /// Returns what contradicts itself.
    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if self.by == By::Csv && self.csv.is_none() {
            problems.push(
                ParamProblem::at("csv", "`by: csv` reads labels from a file, but none is named")
                    .help("write `csv: labels.csv`"),
            );
        }
        if !self.by.is_unsure() && (self.quotas.is_some() || self.confidence > 0.0) {
            let name = self.by.name();
            let problem = format!(
                "labels that are there have no confidence, so `quotas` and `confidence` do not go with `by: {name}`"
            );
            problems.push(ParamProblem::at("by", problem));
        }
        match self.quotas.as_deref().map(sum) {
            Some(0) => {
                problems.push(ParamProblem::at("quotas", "they sum to 0; no image would be left"));
            }
            Some(sum) if sum > MOST_IMAGES => {
                let problem = format!("they sum to {sum}, expected at most {MOST_IMAGES}");
                problems.push(ParamProblem::at("quotas", problem).help("ask for fewer images"));
            }
            _ => {}
        }
        problems
    }
}

/// Returns how many images quotas ask for, or the largest number where that is more.
pub(super) fn sum(quotas: &[usize]) -> usize {
    quotas.iter().fold(0_usize, |sum, quota| sum.saturating_add(*quota))
}
