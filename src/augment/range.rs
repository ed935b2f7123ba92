//! A range to draw a number from.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::seed::Stream;
use crate::stage::ParamProblem;

/// A range to draw from, uniformly: its lower end and its upper one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Range(pub [f64; 2]);

impl Range {
    /// Returns whether there is anything to draw.
    pub fn draws(self) -> bool {
        self.0[0] != self.0[1]
    }

    /// Draws a number.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        stream.range(self.0[0], self.0[1])
    }

    /// Draws a whole number, both ends among them.
    pub fn draw_whole(self, stream: &mut Stream) -> u32 {
        let [low, high] = self.0;
        low as u32 + stream.below((high - low) as usize + 1) as u32
    }

    /// Returns what is wrong with a range that may go from `least` to `most`.
    pub(in crate::augment) fn problem(
        self,
        name: &str,
        least: f64,
        most: f64,
    ) -> Vec<ParamProblem> {
        let [low, high] = self.0;
        let problem = if low > high {
            format!("the range runs from {low} down to {high}; the lower end comes first")
        } else if low < least {
            format!("the range begins at {low}, expected at least {least}")
        } else if high > most {
            format!("the range ends at {high}, expected at most {most}")
        } else {
            return Vec::new();
        };
        vec![ParamProblem::at(name, problem)]
    }

    /// Returns what is wrong with a range of whole numbers.
    pub(in crate::augment) fn whole_problem(self, least: f64, most: f64) -> Vec<ParamProblem> {
        match self.0.iter().find(|end| end.fract() != 0.0) {
            Some(end) => vec![ParamProblem::at("", format!("found {end}, expected whole numbers"))],
            None => self.problem("", least, most),
        }
    }
}
