//! Gaussian blur of a drawn width.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::blur;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Range of deviations, pixels, of a bell cut off at three of them or at the image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Blur(Range);

impl Operation for Blur {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        self.0.problem("", 0.01, 1000.0)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        let deviation = self.0.draw(stream);
        let kernel = 2 * (3.0 * deviation).ceil() as usize + 1;
        let most = blur::largest_kernel(image.height.min(image.width));
        blur::blur(image, kernel.min(most), deviation);
    }
}
