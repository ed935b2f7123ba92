//! Fewer levels of each channel.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::levels;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of leading bits to keep, 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Posterize(Range);

impl Operation for Posterize {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.whole_problem(1.0, 8.0)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        levels::posterize(image, self.0.draw_whole(stream));
    }
}
