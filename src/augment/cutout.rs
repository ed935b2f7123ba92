//! A part of the image blackened.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Range;
use crate::imaging::rgb::Rgb;
use crate::imaging::window;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// What part of the image is blackened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cutout {
    /// Its area, as a share of the image's, above 0 and at most 1.
    #[serde(default = "default_area")]
    pub area: Range,
    /// Its width by its height, above 0.
    #[serde(default = "default_aspect")]
    pub aspect: Range,
}

fn default_area() -> Range {
    Range([0.02, 0.33])
}

fn default_aspect() -> Range {
    Range([0.3, 3.3])
}

impl Operation for Cutout {
    fn problems(&self) -> Vec<ParamProblem> {
        let area = self.area.problem("area", 1e-6, 1.0);
        area.into_iter().chain(self.aspect.problem("aspect", 1e-3, 1e3)).collect()
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        if let Some(part) = window::draw(image, self.area.0, self.aspect.0, stream) {
            window::erase(image, part);
        }
    }
}
