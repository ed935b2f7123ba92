//! The contract of an operation on an image.

use crate::imaging::rgb::Rgb;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// Something to do to an image.
pub trait Operation {
    /// Returns whether anything is drawn.
    fn draws(&self) -> bool {
        true
    }

    /// Returns what is wrong with its numbers, each with the way to it from the operation.
    fn problems(&self) -> Vec<ParamProblem>;

    /// Changes an image, of the same size afterwards, drawing from a stream of this very operation
    /// and image.
    fn apply(&self, image: &mut Rgb, stream: &mut Stream);
}
