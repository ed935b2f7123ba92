//! Images padded to squares, so that resizing does not distort them.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Returns the image in the middle of a black square as long as its longer side. Of an odd rest the
/// greater half lies below, or on the right.
#[must_use]
pub fn pad(image: Rgb) -> Rgb {
    let side = image.height.max(image.width);
    if image.height == image.width {
        return image;
    }
    let (top, left) = ((side - image.height) / 2, (side - image.width) / 2);
    let mut square = Rgb::black(side, side);
    let rows = image.pixels.chunks_exact(image.width * CHANNELS);
    let places = square.pixels.chunks_exact_mut(side * CHANNELS).skip(top);
    for (place, row) in places.zip(rows) {
        place[left * CHANNELS..][..row.len()].copy_from_slice(row);
    }
    square
}

#[cfg(test)]
mod tests {
    use super::Rgb;
    use super::pad;

    fn reds(image: &Rgb) -> Vec<u8> {
        image.pixels.iter().step_by(3).copied().collect()
    }

    #[test]
    fn the_image_lies_in_the_middle() {
        let image = Rgb::new(1, 4, [1, 2, 3, 4].iter().flat_map(|level| [*level; 3]).collect());
        let square = pad(image);
        assert_eq!(reds(&square), [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        let high = pad(Rgb::new(2, 1, vec![5; 6]));
        assert_eq!(reds(&high), [5, 0, 5, 0]);
        let as_is = Rgb::new(2, 2, (0..12).collect());
        assert_eq!(pad(as_is.clone()), as_is);
    }
}
