//! Each channel stretched to all levels.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Chance;
use crate::augment::Operation;
use crate::imaging::levels;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Probability of it, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Autocontrast(Chance);

impl Operation for Autocontrast {
    fn draws(&self) -> bool {
        self.0.draws()
    }

    fn problems(&self) -> Vec<ParamProblem> {
        Vec::new() // its schema says all
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        if self.0.draw(stream) {
            levels::autocontrast(image);
        }
    }
}
