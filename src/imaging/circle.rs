//! The bright circle of a fundus photograph on its dark ground: found, and cut out with the box round it.
//!
//! A pixel is lit where its luma is above a threshold. A row or a column crosses the circle where at
//! least one of its pixels in 50 is lit, so that single bright pixels in the ground do not count: the
//! outermost rows that a circle loses by that are a ten-thousandth of its height.

use crate::imaging::color::grey;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;
use crate::imaging::window::Window;

/// Pixels of a row or column of which one must be lit.
const SHARE: usize = 50;

/// Returns the box round the circle: from the first row and column that cross it to the last. Nothing
/// where the image is dark all over. The threshold is a luma, 0 to 255.
pub fn find(image: &Rgb, threshold: u8) -> Option<Window> {
    let (mut rows, mut columns) = (vec![0; image.height], vec![0; image.width]);
    let lines = image.pixels.as_chunks::<CHANNELS>().0.chunks_exact(image.width.max(1));
    for (row, line) in rows.iter_mut().zip(lines) {
        for (column, pixel) in columns.iter_mut().zip(line) {
            let lit = usize::from(grey(*pixel) > threshold);
            *row += lit;
            *column += lit;
        }
    }
    let (top, height) = extent(&rows, image.width)?;
    let (left, width) = extent(&columns, image.height)?;
    Some(Window { top, left, height, width })
}

/// Returns the first line that crosses the circle, and how many there are from it to the last.
fn extent(lit: &[usize], length: usize) -> Option<(usize, usize)> {
    let crosses = |lit: &usize| lit * SHARE >= length;
    let first = lit.iter().position(crosses)?;
    let last = lit.iter().rposition(crosses)?;
    Some((first, last + 1 - first))
}

/// Cuts the image down to the box round its circle; one that is dark all over stays as it is.
#[must_use]
pub fn crop(image: Rgb, threshold: u8) -> Rgb {
    match find(&image, threshold) {
        Some(window) if (window.height, window.width) != (image.height, image.width) => {
            window.cut(&image)
        }
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::Rgb;
    use super::crop;
    use super::find;

    #[test]
    fn the_box_round_the_bright_part_is_found_in_spite_of_specks() {
        let mut image = Rgb::new(100, 200, vec![7; 100 * 200 * 3]);
        let mut light = |row: usize, column: usize| {
            let start = (row * 200 + column) * 3;
            image.pixels[start..start + 3].fill(90);
        };
        (30..80).for_each(|row| (50..110).for_each(|column| light(row, column)));
        light(2, 3);
        light(99, 199);
        let found = find(&image, 10).unwrap();
        assert_eq!([found.top, found.left, found.height, found.width], [30, 50, 50, 60]);
        assert_eq!(crop(image.clone(), 10), Rgb::new(50, 60, vec![90; 50 * 60 * 3]));
        assert_eq!(crop(image.clone(), 90), image);
    }

    #[test]
    fn an_image_that_is_dark_or_bright_all_over_stays_as_it_is() {
        for level in [0, 255] {
            let image = Rgb::new(1, 3, vec![level; 9]);
            assert_eq!(crop(image.clone(), 10), image);
        }
    }
}
