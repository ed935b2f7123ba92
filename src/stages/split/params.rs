//! What `split` may be told, and what contradicts itself in it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::stage::ParamProblem;
use crate::stage::SourceRef;

/// What a split may be told; exactly one of `use`, `counts`, `fractions`, `folds`, `leave_group_out` and
/// `csv`.
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
    /// Draws folds of one size, of which one is the test part: a cross-validation, with an axis for the
    /// fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Folds>,
    /// Takes one group, such as a site or a patient, as the test part; images without a group train.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_group_out: Option<LeaveGroupOut>,
    /// Takes the parts from a table with a row for each image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<String>,
    /// Column of `csv` with the image's id or path; default `id`, or `image` where there is none. Case and
    /// ending may differ from the image's, and folders may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// Column of `csv` with the part: `train`, `validation` or `test`; default `split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_column: Option<String>,
    /// What happens where `csv` and the images do not name the same; default `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
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

/// What happens where a table and the images do not name the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    /// The stage fails and names them.
    #[default]
    Error,
    /// Images without a row, or without a part in it, are in no part; rows without an image are passed
    /// over.
    LeaveOut,
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

/// Folds of a cross-validation. The folds of one repeat come from one draw, whichever is the test part, so
/// that each image is a test image once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folds {
    /// Number of folds.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub count: usize,
    /// The fold that is the test part, from 0: mostly `${axis.fold}`.
    #[schemars(range(min = 0, max = 999_999))]
    pub fold: usize,
    /// Number of the draw: each divides the images anew.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub repeat: u64,
    /// Share of all images, 0 to 1, that is drawn for the validation part from the other folds, for each
    /// fold anew and by the same rules.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub validation: f64,
}

/// A group that is the test part: exactly one of `group` and `index`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveGroupOut {
    /// Name of the group.
    #[serde(default)]
    pub group: Option<String>,
    /// Place of the group among all, from 0: numbers in their order, then names in theirs.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub index: Option<usize>,
    /// Share of the images outside the group, 0 to 1, that is drawn for the validation part.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub validation: f64,
}

fn yes() -> bool {
    true
}

impl Params {
    /// Returns whether parts are drawn, at least one of them.
    pub(super) fn draws(&self) -> bool {
        let left_out = self.leave_group_out.as_ref();
        self.counts.is_some()
            || self.fractions.is_some()
            || self.folds.is_some()
            || left_out.is_some_and(|left_out| left_out.validation > 0.0)
    }

    /// Returns every file from outside.
    pub(super) fn sources(&self) -> Vec<SourceRef> {
        self.csv.iter().map(|name| SourceRef::file(name, "csv")).collect()
    }

    /// Returns what contradicts itself.
    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let ways = [
            self.r#use.is_some(),
            self.counts.is_some(),
            self.fractions.is_some(),
            self.folds.is_some(),
            self.leave_group_out.is_some(),
            self.csv.is_some(),
        ];
        let mut problems = Vec::new();
        if ways.into_iter().filter(|said| *said).count() != 1 {
            let problem = "exactly one of `use`, `counts`, `fractions`, `folds`, `leave_group_out` and `csv` is expected";
            problems.push(ParamProblem::at("", problem).help(
                "write `use: given` for the source's own parts, or `fractions: {train: 0.7, validation: 0.1, test: 0.2}`",
            ));
        }
        if let Some(shares) = self.fractions {
            let sum = shares.train + shares.validation + shares.test;
            if (sum - 1.0).abs() > 1e-6 {
                let problem = format!("they sum to {sum:.3}, not to 1");
                problems.push(ParamProblem::at("fractions", problem));
            }
        }
        if self.counts.is_some_and(|counts| counts.train == 0) {
            problems.push(ParamProblem::at("counts", "`train` is 0; nothing could be fitted"));
        }
        problems.extend(self.folds.iter().flat_map(Folds::problems));
        problems.extend(self.leave_group_out.iter().flat_map(LeaveGroupOut::problems));
        let of_tables = [
            ("image_column", self.image_column.is_some()),
            ("split_column", self.split_column.is_some()),
            ("others", self.others.is_some()),
        ];
        for (name, _) in of_tables.into_iter().filter(|(_, said)| *said && self.csv.is_none()) {
            let problem = format!("`{name}` goes with `csv`, which is missing");
            problems.push(ParamProblem::at(name, problem));
        }
        let is_drawn = self.r#use.is_none() && self.csv.is_none() && self.by_group;
        if self.duplicates == Duplicates::Group && !is_drawn {
            let problem = "`group` keeps copies together only where parts are drawn by group";
            problems.push(ParamProblem::at("duplicates", problem).help(
                "write `duplicates: error` or `warn`, or draw `fractions` or `folds` with `by_group: true`",
            ));
        }
        problems
    }
}

impl Folds {
    fn problems(&self) -> Vec<ParamProblem> {
        let Self { count, fold, validation, .. } = *self;
        let at = |name: &str, problem: String| ParamProblem {
            path: vec!["folds".to_owned(), name.to_owned()],
            ..ParamProblem::at("", problem)
        };
        let mut problems = Vec::new();
        if count < 2 {
            return problems; // which is said already
        }
        if fold >= count {
            let last = count - 1;
            let problem = format!("found {fold}, expected 0 to {last} for {count} folds");
            problems.push(at("fold", problem).help("folds are counted from 0"));
        }
        if validation + 1.0 / count as f64 > 1.0 - 1e-9 {
            let problem = format!(
                "{validation} of all images beside a test part of 1/{count} leave none to train"
            );
            problems.push(at("validation", problem).help("ask for a smaller share"));
        }
        problems
    }
}

impl LeaveGroupOut {
    fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if self.group.is_some() == self.index.is_some() {
            let problem = "exactly one of `group` and `index` is expected";
            problems.push(ParamProblem::at("leave_group_out", problem).help(
                "write `{group: NAME}`, or `{index: \"${axis.group}\"}` with the axis `group: [0, 1, 2]`",
            ));
        }
        if self.validation > 1.0 - 1e-9 {
            let problem = ParamProblem {
                path: vec!["leave_group_out".to_owned(), "validation".to_owned()],
                ..ParamProblem::at("", "it leaves no image to train")
            };
            problems.push(problem.help("ask for a smaller share"));
        }
        problems
    }
}
