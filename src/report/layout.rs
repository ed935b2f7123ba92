//! The layout of a table: whose scores, which axes down and across, which measure, and how it is written.

use std::fmt;
use std::str::FromStr;

use crate::measure::Measure;

impl Measure {
    /// Returns the name as headings write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::MacroF1 => "macro F1",
            Self::Auc => "AUC",
            Self::MicroAuc => "AUC over all classes together",
            Self::Kappa => "quadratic weighted kappa",
            Self::Mae => "mean absolute error",
            Self::ReferableSensitivity => "sensitivity for grade 2 and above",
            Self::ReferableSpecificity => "specificity for grade 2 and above",
            Self::ReferableAuc => "AUC for grade 2 and above",
            Self::Brier => "Brier score",
            Self::Ece => "expected calibration error",
        }
    }

    /// Returns a number as tables write it: shares in per cent, the others with three digits.
    pub fn show(self, number: f64) -> String {
        if self.is_share() { format!("{:.2} %", 100.0 * number) } else { format!("{number:.3}") }
    }

    /// Returns a number without its unit, for places where the unit stands beside.
    pub fn bare(self, number: f64) -> String {
        if self.is_share() { format!("{:.2}", 100.0 * number) } else { format!("{number:.3}") }
    }

    /// Returns a difference as tables write it: signed, shares in percentage points.
    pub fn difference(self, number: f64) -> String {
        if self.is_share() { format!("{:+.2}", 100.0 * number) } else { format!("{number:+.3}") }
    }

    /// Returns the unit of a difference; empty where it has none.
    pub fn unit(self) -> &'static str {
        if self.is_share() { "percentage points" } else { "" }
    }

    /// Returns a difference of which only the size is of interest: one digit of points, else two.
    pub fn rough(self, number: f64) -> String {
        if self.is_share() { format!("{:.1}", 100.0 * number) } else { format!("{number:.2}") }
    }

    /// Returns an interval cut to the numbers that the measure can take: Student's knows no bounds.
    pub(super) fn within(self, (low, high): (f64, f64)) -> (f64, f64) {
        let (least, most) = match self {
            Self::Kappa => (-1.0, 1.0),
            Self::Brier => (0.0, 2.0),
            Self::Mae => (0.0, f64::INFINITY),
            _ => (0.0, 1.0),
        };
        (low.max(least), high.min(most))
    }

    fn is_share(self) -> bool {
        matches!(
            self,
            Self::Accuracy
                | Self::BalancedAccuracy
                | Self::ReferableSensitivity
                | Self::ReferableSpecificity
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Measure {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        Self::named(text).ok_or_else(|| LayoutError::Measure(text.to_owned()))
    }
}

/// How a table is laid out; what is not said follows from the axes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Stage whose scores it shows; the last that makes scores where absent.
    pub stage: Option<String>,
    /// Axes of its rows; where empty, the first that the stage spans beside `seed`.
    pub rows: Vec<String>,
    /// Axes of its columns; where empty, the next that the stage spans beside `seed`.
    pub columns: Vec<String>,
    /// What its cells show.
    pub measure: Measure,
    /// The row with which all others are compared, or a value of one of the rows' axes; the first row where
    /// absent.
    pub baseline: Option<String>,
}

/// A layout that does not fit the study.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There is no measure of this name.
    #[error("`{0}` is no measure: expected one of {known}", known = Measure::ALL.map(|one| format!("`{one}`")).join(", "))]
    Measure(String),
    /// No stage makes scores.
    #[error("no stage of the study makes scores, so there is nothing to tabulate")]
    NoScores,
    /// The stage makes no scores.
    #[error("stage `{stage}` makes no scores; {known} does")]
    Stage {
        /// What was asked for.
        stage: String,
        /// Stages that make scores.
        known: String,
    },
    /// The stage does not span the axis.
    #[error("stage `{stage}` does not span the axis `{axis}`; it spans {known}")]
    Axis {
        /// Stage of the table.
        stage: String,
        /// What was asked for.
        axis: String,
        /// Axes that the stage spans.
        known: String,
    },
    /// No row is called so.
    #[error("no row of the table is called `{row}`; there are {known}")]
    Baseline {
        /// What was asked for.
        row: String,
        /// The rows.
        known: String,
    },
    /// The same axis runs down and across.
    #[error("the axis `{0}` is asked for both in rows and in columns")]
    Twice(String),
}

#[cfg(test)]
mod tests {
    use super::Measure;

    #[test]
    fn every_measure_is_found_by_its_name() {
        for measure in Measure::ALL {
            assert_eq!(measure.name().parse(), Ok(measure));
        }
        let wrong = "precision".parse::<Measure>().unwrap_err();
        insta::assert_snapshot!(wrong, @"`precision` is no measure: expected one of `accuracy`, `balanced_accuracy`, `macro_f1`, `auc`, `micro_auc`, `kappa`, `mae`, `referable_sensitivity`, `referable_specificity`, `referable_auc`, `brier`, `ece`");
    }

    #[test]
    fn intervals_are_cut_to_what_a_measure_can_be() {
        assert_eq!(Measure::Accuracy.within((-0.2, 1.1)), (0.0, 1.0));
        assert_eq!(Measure::Kappa.within((-0.2, 1.1)), (-0.2, 1.0));
        assert_eq!(Measure::Mae.within((-0.2, 1.1)), (0.0, 1.1));
    }
}
