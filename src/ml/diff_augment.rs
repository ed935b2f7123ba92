//! `DiffAugment` (Zhao et al. 2020): images are changed before the critic sees them, real and generated ones
//! alike, and gradients flow through the changes. With few images a critic learns these by heart otherwise.
//!
//! As in the authors' code, each image draws its own numbers, colours are not clamped, and what is moved in or
//! cut out is 0: mid grey, where pixels go from -1 to 1.

use tch::TchError;
use tch::Tensor;

use crate::ml::DiffAugment;
use crate::seed::Seed;
use crate::seed::Stream;
use crate::stage::StageError;

/// Changes images `[batch, 3, height, width]` in the given ways, one after the other.
pub(in crate::ml) fn augment(
    images: &Tensor,
    ways: &[DiffAugment],
    seed: Seed,
) -> Result<Tensor, StageError> {
    let mut images = images.shallow_clone();
    let sides = [images.size()[2], images.size()[3]];
    let count = images.size()[0];
    for way in ways {
        let seed = seed.named(name(*way));
        let stream = &mut seed.stream();
        images = match way {
            DiffAugment::Colour => {
                let draws: Vec<Colour> = (0..count).map(|_| Colour::drawn(stream)).collect();
                colour(&images, &draws)?
            }
            DiffAugment::Translation => {
                let draw = |_| sides.map(|side| shift(side, stream));
                translation(&images, &(0..count).map(draw).collect::<Vec<_>>())?
            }
            DiffAugment::Cutout => {
                let draw = |_| sides.map(|side| middle(side, stream));
                cutout(&images, &(0..count).map(draw).collect::<Vec<_>>())?
            }
        };
    }
    Ok(images)
}

fn name(way: DiffAugment) -> &'static str {
    match way {
        DiffAugment::Colour => "colour",
        DiffAugment::Translation => "translation",
        DiffAugment::Cutout => "cutout",
    }
}

/// What an image's colours go through, in this order.
#[derive(Debug, Clone, Copy)]
struct Colour {
    /// Is added to all: -0.5 to 0.5, where the range is 2.
    brightness: f64,
    /// Multiplies how far a pixel's channels are from their mean: 0 to 2.
    saturation: f64,
    /// Multiplies how far pixels are from the image's mean: 0.5 to 1.5.
    contrast: f64,
}

impl Colour {
    fn drawn(stream: &mut Stream) -> Self {
        Self {
            brightness: stream.range(-0.5, 0.5),
            saturation: stream.range(0.0, 2.0),
            contrast: stream.range(0.5, 1.5),
        }
    }
}

fn colour(images: &Tensor, draws: &[Colour]) -> Result<Tensor, TchError> {
    let each = |number: fn(&Colour) -> f64| {
        let numbers: Vec<f32> = draws.iter().map(|draw| number(draw) as f32).collect();
        Tensor::f_from_slice(&numbers)?.f_view([-1, 1, 1, 1])?.f_to_device(images.device())
    };
    let about = |images: &Tensor, over: &[i64], factor: &Tensor| {
        let mean = images.f_mean_dim(over, true, None)?;
        images.f_sub(&mean)?.f_mul(factor)?.f_add(&mean)
    };
    let images = images.f_add(&each(|draw| draw.brightness)?)?;
    let images = about(&images, &[1], &each(|draw| draw.saturation)?)?;
    about(&images, &[1, 2, 3], &each(|draw| draw.contrast)?)
}

/// Draws by how many pixels an image moves along a side: up to an eighth of it, rounded.
fn shift(side: i64, stream: &mut Stream) -> i64 {
    let most = (side as f64 * 0.125 + 0.5) as i64;
    stream.below(2 * most as usize + 1) as i64 - most
}

/// Moves each image by rows up and columns to the left.
fn translation(images: &Tensor, shifts: &[[i64; 2]]) -> Result<Tensor, TchError> {
    let sides = images.size();
    // One by one: an index into all of them at once would have a gradient that is summed in no fixed order.
    let moved = |(index, [down, right]): (usize, &[i64; 2])| {
        let left_over = |shift: i64, side: i64| (shift.max(0), side - shift.abs());
        let (top, rows) = left_over(*down, sides[2]);
        let (left, columns) = left_over(*right, sides[3]);
        let image = images.f_narrow(0, index as i64, 1)?;
        let image = image.f_narrow(2, top, rows)?.f_narrow(3, left, columns)?;
        let gap = |shift: i64| [(-shift).max(0), shift.max(0)];
        image.f_constant_pad_nd([gap(*right), gap(*down)].concat())
    };
    let moved = shifts.iter().enumerate().map(moved).collect::<Result<Vec<_>, _>>()?;
    Tensor::f_cat(&moved, 0)
}

/// Returns how long a side of the square is that is cut out: half of the image's, rounded.
fn cut(side: i64) -> i64 {
    (side as f64 * 0.5 + 0.5) as i64
}

/// Draws where the middle of the square is.
fn middle(side: i64, stream: &mut Stream) -> i64 {
    let places = side + 1 - cut(side) % 2;
    stream.below(places as usize) as i64
}

/// Cuts a square out of each image, about rows and columns.
fn cutout(images: &Tensor, middles: &[[i64; 2]]) -> Result<Tensor, TchError> {
    let sides = images.size();
    let within = |axis: usize, view: [i64; 4]| {
        let side = sides[2 + axis];
        let mut inside = Vec::with_capacity(middles.len() * side as usize);
        for middle in middles {
            let first = middle[axis] - cut(side) / 2;
            inside.extend((0..side).map(|at| f32::from((first..first + cut(side)).contains(&at))));
        }
        Tensor::f_from_slice(&inside)?.f_view(view)?.f_to_device(images.device())
    };
    let (rows, columns) = (within(0, [-1, 1, sides[2], 1])?, within(1, [-1, 1, 1, sides[3]])?);
    images.f_mul(&rows.f_mul(&columns)?.f_neg()?.f_add_scalar(1.0)?)
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert;
    use proptest::proptest;

    use super::Colour;
    use super::DiffAugment;
    use super::Seed;
    use super::Tensor;
    use super::augment;
    use super::colour;
    use super::cutout;
    use super::middle;
    use super::shift;
    use super::translation;
    use crate::ml::golden;
    use crate::ml::golden::Draws;
    use crate::ml::golden::assert_close;
    use crate::ml::golden::formula;

    const ALL: [DiffAugment; 3] =
        [DiffAugment::Colour, DiffAugment::Translation, DiffAugment::Cutout];

    fn changed(images: &Tensor, way: DiffAugment, draws: &Draws) -> Tensor {
        let image = |at: usize| Colour {
            brightness: draws.brightness[at],
            saturation: draws.saturation[at],
            contrast: draws.contrast[at],
        };
        match way {
            DiffAugment::Colour => colour(images, &[image(0), image(1)]),
            DiffAugment::Translation => translation(images, &draws.shifts),
            DiffAugment::Cutout => cutout(images, &draws.middles),
        }
        .unwrap()
    }

    #[test]
    fn images_and_gradients_are_those_of_the_authors() {
        let expected = golden::golden();
        assert_eq!(expected.changes.len(), ALL.len());
        for change in expected.changes {
            let images = formula("images", &[2, 3, 8, 8]).set_requires_grad(true);
            let found = changed(&images, change.way, &expected.draws);
            assert_close(&format!("{:?}", change.way), &found, 1, &change.changed);
            let loss = (found * formula("slope", &[2, 3, 8, 8])).sum(None);
            let gradient = Tensor::run_backward(&[loss], &[&images], false, false);
            assert_close(&format!("{:?}", change.way), &gradient[0], 1, &change.gradient);
        }
    }

    #[test]
    fn each_image_draws_its_own_numbers_from_the_seed() {
        let image = formula("images", &[1, 3, 16, 16]);
        let images = Tensor::cat(&[&image, &image, &image, &image], 0);
        for way in ALL {
            let change = |seed| augment(&images, &[way], Seed(seed)).unwrap();
            let found = change(1);
            assert_eq!(found.size(), images.size());
            assert!(found.equal(&change(1)), "{way:?}");
            assert!(!found.equal(&change(2)), "{way:?}");
            let others = (1..4).filter(|&at| !found.get(at).equal(&found.get(0)));
            assert!(others.count() > 0, "{way:?}");
        }
        assert!(augment(&images, &[], Seed(1)).unwrap().equal(&images));
    }

    proptest! {
        #[test]
        fn shifts_and_middles_stay_where_the_authors_have_them(side in 8_i64..257, seed: u64) {
            let stream = &mut Seed(seed).stream();
            let most = (side as f64 / 8.0).round() as i64;
            prop_assert!(shift(side, stream).abs() <= most);
            prop_assert!((0..=side).contains(&middle(side, stream)));
        }
    }
}
