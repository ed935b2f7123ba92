//! Layers of a generator that double height and width exactly, without bias.

use tch::TchError;
use tch::Tensor;

use crate::artifact::Upsampling;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// Doubles height and width.
#[derive(Debug)]
pub(in crate::ml) struct Doubling {
    weight: Tensor,
    way: Upsampling,
}

impl Doubling {
    /// Makes the layer: `[inputs, outputs, kernel, kernel]`, or `[outputs, inputs, 3, 3]` after a resize.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        (inputs, outputs): (i64, i64),
        way: Upsampling,
        initial: Initial,
    ) -> Result<Self, StageError> {
        let shape = match way {
            Upsampling::Transposed5 => [inputs, outputs, 5, 5],
            Upsampling::Transposed4 => [inputs, outputs, 4, 4],
            Upsampling::Resize => [outputs, inputs, 3, 3],
        };
        Ok(Self { weight: scope.trainable("weight", &shape, initial)?, way })
    }

    /// Maps `[batch, inputs, h, w]` to `[batch, outputs, 2h, 2w]`. Transposed, `2(h - 1) - 2 * padding + kernel`
    /// rows come out, and one more where that is odd: `2(h - 1) - 2 * 2 + 5 + 1` and `2(h - 1) - 2 * 1 + 4`.
    pub(in crate::ml) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let x = x.f_to_kind(self.weight.kind())?;
        let transposed = |padding: i64, more: i64| {
            let (padding, more) = ([padding; 2], [more; 2]);
            x.f_conv_transpose2d(&self.weight, None::<&Tensor>, [2, 2], padding, more, 1, [1, 1])
        };
        match self.way {
            Upsampling::Transposed5 => transposed(2, 1),
            Upsampling::Transposed4 => transposed(1, 0),
            Upsampling::Resize => {
                let size = [x.size()[2] * 2, x.size()[3] * 2];
                let x = x.f_upsample_nearest2d(size, None, None)?;
                x.f_conv2d(&self.weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1)
            }
        }
    }
}
