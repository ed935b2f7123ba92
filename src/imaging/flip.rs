//! Mirroring an image upside down or left to right, where it lies.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Mirrors an image upside down.
pub fn flip_vertically(image: &mut Rgb) {
    let stride = image.width * CHANNELS;
    let middle = image.height / 2 * stride;
    let (top, bottom) = image.pixels.split_at_mut(middle);
    let pairs = top.chunks_exact_mut(stride.max(1)).zip(bottom.rchunks_exact_mut(stride.max(1)));
    pairs.for_each(|(above, below)| above.swap_with_slice(below));
}

/// Mirrors an image left to right.
pub fn flip_horizontally(image: &mut Rgb) {
    for row in image.pixels.chunks_exact_mut((image.width * CHANNELS).max(1)) {
        row.as_chunks_mut::<CHANNELS>().0.reverse();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Rgb;

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
    }
}
