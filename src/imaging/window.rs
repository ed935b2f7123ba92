//! A rectangle of an image: cut out of it and grown to its size, or blackened.

use crate::imaging::resize::Filter;
use crate::imaging::resize::resize;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;

/// A rectangle within an image, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows, 1 or more.
    pub height: usize,
    /// Columns, 1 or more.
    pub width: usize,
}

impl Window {
    /// Returns the part of an image that lies within.
    pub fn cut(self, image: &Rgb) -> Rgb {
        let start = |row: usize| ((self.top + row) * image.width + self.left) * CHANNELS;
        let rows = (0..self.height).map(|row| &image.pixels[start(row)..][..self.width * CHANNELS]);
        Rgb::new(self.height, self.width, rows.flatten().copied().collect())
    }
}

/// Draws a rectangle as torchvision does for `RandomResizedCrop` and `RandomErasing`: a share of the
/// image's area and a ratio of width to height, its logarithm uniform; ten times at most, until one
/// is not larger than the image.
pub fn draw(image: &Rgb, area: [f64; 2], aspect: [f64; 2], stream: &mut Stream) -> Option<Window> {
    let whole = (image.height * image.width) as f64;
    (0..10).find_map(|_| {
        let area = whole * stream.range(area[0], area[1]);
        let aspect = stream.range(aspect[0].ln(), aspect[1].ln()).exp();
        let width = (area * aspect).sqrt().round_ties_even() as usize;
        let height = (area / aspect).sqrt().round_ties_even() as usize;
        let fits = (1..=image.height).contains(&height) && (1..=image.width).contains(&width);
        fits.then(|| Window {
            top: stream.below(image.height - height + 1),
            left: stream.below(image.width - width + 1),
            height,
            width,
        })
    })
}

/// Cuts a rectangle out and resizes it to the image's size, as torchvision's `resized_crop` makes of
/// a Pillow image.
pub fn crop(image: &mut Rgb, window: Window) {
    *image = resize(&window.cut(image), image.height, image.width, Filter::Bilinear);
}

/// Blackens a rectangle.
pub fn erase(image: &mut Rgb, window: Window) {
    for row in window.top..window.top + window.height {
        let start = (row * image.width + window.left) * CHANNELS;
        image.pixels[start..start + window.width * CHANNELS].fill(0);
    }
}
