//! Levels raised to a drawn power.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::levels;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of powers, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Gamma(Range);

impl Operation for Gamma {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.problem("", 0.0, f64::INFINITY)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        levels::gamma(image, self.0.draw(stream));
    }
}
