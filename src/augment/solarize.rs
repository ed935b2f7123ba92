//! Light levels inverted.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::levels;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of thresholds, 0 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Solarize(Range);

impl Operation for Solarize {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.whole_problem(0.0, 256.0)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        levels::solarize(image, self.0.draw_whole(stream));
    }
}
