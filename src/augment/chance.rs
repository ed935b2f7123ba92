//! A probability.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::seed::Stream;

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Chance(#[schemars(range(min = 0.0, max = 1.0))] pub f64);

impl Chance {
    /// Returns whether there is anything to draw.
    pub fn draws(self) -> bool {
        self.0 != 0.0 && self.0 != 1.0
    }

    /// Answers yes with this probability.
    pub fn draw(self, stream: &mut Stream) -> bool {
        stream.chance(self.0)
    }
}
