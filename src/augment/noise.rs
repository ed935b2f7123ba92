//! Gaussian noise of a drawn deviation.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::noise;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of deviations, levels of 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Noise(Range);

impl Operation for Noise {
    fn draws(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.problem("", 0.0, 255.0)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        let deviation = self.0.draw(stream);
        noise::add(image, deviation, stream);
    }
}
