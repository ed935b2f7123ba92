//! The layout of a table: whose scores, which axes down and across, and which measure.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::measure::Measures;

/// What the cells of a table show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Share of right answers.
    #[default]
    Accuracy,
    /// Mean of the classes' recalls.
    BalancedAccuracy,
    /// Mean of the classes' F1 scores.
    MacroF1,
    /// Mean of the classes' one-versus-rest areas under the ROC curve.
    Auc,
    /// Cohen's kappa with quadratic weights.
    Kappa,
}

impl Measure {
    /// Every measure, in order.
    pub const ALL: [Self; 5] =
        [Self::Accuracy, Self::BalancedAccuracy, Self::MacroF1, Self::Auc, Self::Kappa];

    /// Returns the name as the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::Auc => "auc",
            Self::Kappa => "kappa",
        }
    }

    /// Returns the name as headings write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::MacroF1 => "macro F1",
            Self::Auc => "AUC",
            Self::Kappa => "quadratic weighted kappa",
        }
    }

    /// Returns its number among all measures; absent where it is not defined.
    pub fn of(self, measures: &Measures) -> Option<f64> {
        match self {
            Self::Accuracy => Some(measures.accuracy),
            Self::BalancedAccuracy => measures.balanced_accuracy,
            Self::MacroF1 => measures.macro_f1,
            Self::Auc => measures.auc,
            Self::Kappa => measures.kappa,
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

    /// Returns an interval cut to the numbers that the measure can take: Student's knows no bounds.
    pub(super) fn within(self, (low, high): (f64, f64)) -> (f64, f64) {
        let least = if self == Self::Kappa { -1.0 } else { 0.0 };
        (low.max(least), high.min(1.0))
    }

    fn is_share(self) -> bool {
        matches!(self, Self::Accuracy | Self::BalancedAccuracy)
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
        Self::ALL
            .into_iter()
            .find(|measure| measure.name() == text)
            .ok_or_else(|| LayoutError::Measure(text.to_owned()))
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
}

/// A layout that does not fit the study.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There is no measure of this name.
    #[error(
        "`{0}` is no measure: `accuracy`, `balanced_accuracy`, `macro_f1`, `auc` or `kappa` expected"
    )]
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
        assert_eq!(Measure::Accuracy.within((-0.2, 1.1)), (0.0, 1.0));
        assert_eq!(Measure::Kappa.within((-0.2, 1.1)), (-0.2, 1.0));
        insta::assert_snapshot!(
            "precision".parse::<Measure>().unwrap_err(),
            @"`precision` is no measure: `accuracy`, `balanced_accuracy`, `macro_f1`, `auc` or `kappa` expected"
        );
    }
}
