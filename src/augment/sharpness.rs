//! Sharper or smoother edges.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::rgb::Rgb;
use crate::imaging::sharpness;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of factors, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Sharpness(Range);

impl Operation for Sharpness {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.problem("", 0.0, f64::INFINITY)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        sharpness::adjust(image, self.0.draw(stream));
    }
}
