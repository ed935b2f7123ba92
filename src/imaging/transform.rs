//! Where pixels go: flips, and rotation, scale and translation in one resampling.
//!
//! Whatever would come from outside the image is black, like the ground of a fundus photograph.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// A rotation and a scale about the image's centre, then a translation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Degrees, counter-clockwise as seen.
    pub rotation: f64,
    /// How much larger the content gets; above 0.
    pub scale: f64,
    /// Pixels to the right.
    pub right: f64,
    /// Pixels down.
    pub down: f64,
}

impl Affine {
    /// Leaves everything where it is.
    pub const IDENTITY: Self = Self { rotation: 0.0, scale: 1.0, right: 0.0, down: 0.0 };
}

/// Mirrors an image upside down.
pub fn flip_vertically(image: &mut Rgb) {
    let stride = image.width * CHANNELS;
    let rows = image.pixels.chunks_exact(stride.max(1)).rev();
    image.pixels = rows.flatten().copied().collect();
}

/// Mirrors an image left to right.
pub fn flip_horizontally(image: &mut Rgb) {
    for row in image.pixels.chunks_exact_mut((image.width * CHANNELS).max(1)) {
        row.reverse();
        // The channels of each pixel were reversed with the row.
        row.chunks_exact_mut(CHANNELS).for_each(<[u8]>::reverse);
    }
}

/// Moves an image's content, bilinearly resampled, into an image of the same size.
pub fn affine(image: &Rgb, motion: Affine) -> Rgb {
    if motion == Affine::IDENTITY {
        return image.clone();
    }
    let (sin, cos) = motion.rotation.to_radians().sin_cos();
    let (middle_x, middle_y) = (centre(image.width), centre(image.height));
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            // Backwards: from the new place to the one that its content comes from.
            let x = (column as f64 - middle_x - motion.right) / motion.scale;
            let y = (row as f64 - middle_y - motion.down) / motion.scale;
            let old_x = cos * x - sin * y + middle_x;
            let old_y = sin * x + cos * y + middle_y;
            pixels.extend(bilinear(image, old_x, old_y));
        }
    }
    Rgb::new(image.height, image.width, pixels)
}

fn centre(length: usize) -> f64 {
    (length as f64 - 1.0) / 2.0
}

/// Returns the image at a place between pixel centres, rounded.
fn bilinear(image: &Rgb, x: f64, y: f64) -> [u8; CHANNELS] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let mut sums = [0.5; CHANNELS];
    for (row, row_share) in [(top, 1.0 - bottom_share), (top + 1.0, bottom_share)] {
        for (column, share) in [(left, 1.0 - right_share), (left + 1.0, right_share)] {
            let inside = (0.0..image.height as f64).contains(&row)
                && (0.0..image.width as f64).contains(&column);
            if inside {
                let pixel = image.at(row as usize, column as usize);
                for (sum, level) in sums.iter_mut().zip(pixel) {
                    *sum += row_share * share * f64::from(level);
                }
            }
        }
    }
    sums.map(|sum| sum as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Affine;
    use super::Rgb;
    use super::affine;

    fn images() -> impl Strategy<Value = Rgb> {
        (1..6_usize, 1..6_usize).prop_flat_map(|(height, width)| {
            prop::collection::vec(any::<u8>(), height * width * 3)
                .prop_map(move |pixels| Rgb::new(height, width, pixels))
        })
    }

    proptest! {
        #[test]
        fn flipping_moves_every_pixel_to_the_mirrored_place(image in images()) {
            let (mut down, mut across) = (image.clone(), image.clone());
            super::flip_vertically(&mut down);
            super::flip_horizontally(&mut across);
            for row in 0..image.height {
                for column in 0..image.width {
                    prop_assert_eq!(image.at(row, column), down.at(image.height - 1 - row, column));
                    prop_assert_eq!(image.at(row, column), across.at(row, image.width - 1 - column));
                }
            }
        }

        #[test]
        fn whole_translations_move_pixels_unchanged_and_leave_black(
            image in images(), right in -3..4_i32, down in -3..4_i32,
        ) {
            let motion = Affine {
                right: f64::from(right), down: f64::from(down), ..Affine::IDENTITY
            };
            let moved = affine(&image, motion);
            for row in 0..image.height {
                for column in 0..image.width {
                    let old_row = usize::try_from(row as i32 - down).ok();
                    let old_column = usize::try_from(column as i32 - right).ok();
                    let expected = match (old_row, old_column) {
                        (Some(r), Some(c)) if r < image.height && c < image.width => image.at(r, c),
                        _ => [0; 3],
                    };
                    prop_assert_eq!(moved.at(row, column), expected);
                }
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let [a, b, c, d] = [[10; 3], [20; 3], [30; 3], [40; 3]];
        let image = Rgb::new(2, 2, [a, b, c, d].concat());
        let turned = affine(&image, Affine { rotation: 90.0, ..Affine::IDENTITY });
        assert_eq!(turned.pixels, [b, d, a, c].concat());
    }

    #[test]
    fn a_larger_scale_keeps_the_centre_and_pushes_the_rim_out() {
        let mut image = Rgb::black(5, 5);
        image.pixels[(2 * 5 + 2) * 3] = 200;
        image.pixels[(2 * 5 + 3) * 3] = 100;
        let grown = affine(&image, Affine { scale: 2.0, ..Affine::IDENTITY });
        assert_eq!(grown.at(2, 2)[0], 200);
        assert_eq!(grown.at(2, 4)[0], 100);
    }
}
