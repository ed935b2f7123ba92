//! An image in memory: red, green and blue, one byte each.

/// Bytes of a pixel: red, green and blue.
pub const CHANNELS: usize = 3;

/// An image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// `[height, width, 3]`, row by row, 0-255.
    pub pixels: Vec<u8>,
}

impl Rgb {
    /// Returns the black image of the given size.
    pub fn black(height: usize, width: usize) -> Self {
        Self { height, width, pixels: vec![0; height * width * CHANNELS] }
    }

    /// Returns the image with the given pixels: `[height, width, 3]`.
    pub fn new(height: usize, width: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), height * width * CHANNELS, "pixels of another size");
        Self { height, width, pixels }
    }

    /// Returns the image whose three channels are all the given one: `[height, width]`.
    pub fn from_grey(height: usize, width: usize, grey: &[u8]) -> Self {
        let pixels = grey.iter().flat_map(|level| [*level; CHANNELS]).collect();
        Self::new(height, width, pixels)
    }

    /// Returns the pixel in a row and column.
    pub fn at(&self, row: usize, column: usize) -> [u8; CHANNELS] {
        let start = (row * self.width + column) * CHANNELS;
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }
}
