//! A perceptual hash: 128 bits that copies of an image share but for a few, however they were stored.
//!
//! Difference hashes (Krawetz, 2013) along rows and along columns: an image is shrunk to 8 x 8
//! differences of brightness, and each bit says whether one is a rise.

use crate::imaging::resize::Filter;
use crate::imaging::resize::resize;
use crate::imaging::rgb::Rgb;

/// Differences along a side.
const SIDE: usize = 8;

/// Bits of a hash.
pub const BITS: u32 = 128;

/// Returns the perceptual hash of an image.
pub fn perceptual_hash(image: &Rgb) -> u128 {
    let wide = levels(image, SIDE, SIDE + 1);
    let tall = levels(image, SIDE + 1, SIDE);
    let mut hash = 0;
    // Along diagonals, so that every stretch of the hash has its share of the border, which is
    // black in many photographs, and of the middle.
    for diagonal in 0..SIDE {
        for row in 0..SIDE {
            let column = (diagonal + row) % SIDE;
            let along_row = wide[row * (SIDE + 1) + column + 1] > wide[row * (SIDE + 1) + column];
            let along_column = tall[(row + 1) * SIDE + column] > tall[row * SIDE + column];
            hash = (hash << 2) | (u128::from(along_row) << 1) | u128::from(along_column);
        }
    }
    hash
}

/// Returns the brightness of the shrunk image: `[height, width]`, Rec. 601 weights in thousandths.
fn levels(image: &Rgb, height: usize, width: usize) -> Vec<u32> {
    let small = resize(image, height, width, Filter::Bilinear);
    let grey = |pixel: &[u8]| {
        299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2])
    };
    small.pixels.chunks_exact(3).map(grey).collect()
}

#[cfg(test)]
mod tests {
    use super::BITS;
    use super::perceptual_hash;
    use crate::imaging::flip::flip_horizontally;
    use crate::imaging::rgb::Rgb;

    fn image(level: impl Fn(usize, usize) -> u8) -> Rgb {
        let grey: Vec<u8> = (0..32 * 32).map(|at| level(at / 32, at % 32)).collect();
        Rgb::from_grey(32, 32, &grey)
    }

    #[test]
    fn each_bit_is_a_rise_along_a_row_or_a_column() {
        assert_eq!(perceptual_hash(&image(|_, _| 7)), 0);
        let along_rows = u128::MAX / 3 * 2;
        assert_eq!(perceptual_hash(&image(|_, column| 4 * column as u8)), along_rows);
        assert_eq!(perceptual_hash(&image(|row, _| 4 * row as u8)), along_rows >> 1);
        assert_eq!(
            perceptual_hash(&image(|row, column| 4 * (row + column) as u8)).count_ones(),
            BITS
        );
    }

    #[test]
    fn a_brighter_copy_has_the_same_hash_and_a_mirrored_one_has_not() {
        let blob =
            |row: usize, column: usize| (100 - (row + 2 * column).abs_diff(40).min(90)) as u8;
        let hash = perceptual_hash(&image(blob));
        assert_eq!(perceptual_hash(&image(|row, column| blob(row, column) + 20)), hash);
        let mut mirrored = image(blob);
        flip_horizontally(&mut mirrored);
        assert!((perceptual_hash(&mirrored) ^ hash).count_ones() > 30);
    }
}
