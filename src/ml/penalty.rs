//! The gradient penalty (Gulrajani et al. 2017): the critic's slope should have length 1.

use tch::Tensor;

use crate::ml::critic::Critic;
use crate::ml::layers::Mode;
use crate::seed::Seed;
use crate::stage::StageError;

/// Returns `E[(||grad D(x)|| - 1)^2]` at points between real and generated images of the same classes.
pub(in crate::ml) fn penalty(
    critic: &Critic,
    (real, fake): (&Tensor, &Tensor),
    classes: Option<&Tensor>,
    seed: Seed,
) -> Result<Tensor, StageError> {
    let count = real.size()[0];
    let mut stream = seed.stream();
    let shares: Vec<f32> = (0..count).map(|_| stream.unit() as f32).collect();
    let share = Tensor::f_from_slice(&shares)?.f_view([count, 1, 1, 1])?;
    let share = share.f_to_device(real.device())?;
    let mixed = fake.f_add(&real.f_sub(fake)?.f_mul(&share)?)?.f_set_requires_grad(true)?;
    let score = critic.forward(&mixed, classes, Mode::Train)?.f_sum(None)?;
    let slope = Tensor::f_run_backward(&[&score], &[&mixed], true, true)?;
    let squares = slope[0].f_square()?.f_flatten(1, -1)?;
    let length = squares.f_sum_dim_intlist([1].as_slice(), false, None)?.f_sqrt()?;
    Ok(length.f_sub_scalar(1.0)?.f_square()?.f_mean(None)?)
}
