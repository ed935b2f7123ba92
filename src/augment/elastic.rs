//! An elastic distortion of drawn strength.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::elastic;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// How content strays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Elastic {
    /// How far content strays to each side, one deviation, pixels, 0 or more.
    #[serde(default = "default_amplitude")]
    pub amplitude: Range,
    /// Within how many pixels content strays alike, above 0.
    #[serde(default = "default_smoothness")]
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub smoothness: f64,
}

fn default_amplitude() -> Range {
    Range([0.5, 2.0])
}

fn default_smoothness() -> f64 {
    4.0
}

impl Operation for Elastic {
    fn problems(&self) -> Vec<ParamProblem> {
        self.amplitude.problem("amplitude", 0.0, 1e3)
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        let amplitude = self.amplitude.draw(stream);
        *image = elastic::distort(image, amplitude, self.smoothness, stream);
    }
}
