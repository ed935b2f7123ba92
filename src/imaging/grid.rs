//! Many images on one page, and pages as PNG.

use std::io::Cursor;

use image::ExtendedColorType;
use image::ImageEncoder;
use image::codecs::png::CompressionType;
use image::codecs::png::FilterType;
use image::codecs::png::PngEncoder;

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Level of the ground between images, in all channels.
const GROUND: u8 = 255;

/// Lays images of one size out row by row, `columns` to a row, `gap` pixels between them and around.
pub fn tile(images: &[Rgb], columns: usize, gap: usize) -> Rgb {
    assert!(columns > 0, "a grid of no columns");
    let Some(first) = images.first() else { return Rgb::black(0, 0) };
    let columns = columns.min(images.len());
    let rows = images.len().div_ceil(columns);
    let height = gap + rows * (first.height + gap);
    let width = gap + columns * (first.width + gap);
    let mut page = Rgb::new(height, width, vec![GROUND; height * width * CHANNELS]);
    for (index, image) in images.iter().enumerate() {
        assert_eq!((image.height, image.width), (first.height, first.width), "sizes differ");
        let top = gap + index / columns * (image.height + gap);
        let left = gap + index % columns * (image.width + gap);
        for (row, line) in image.pixels.chunks_exact(image.width * CHANNELS).enumerate() {
            let start = ((top + row) * width + left) * CHANNELS;
            page.pixels[start..start + line.len()].copy_from_slice(line);
        }
    }
    page
}

/// Encodes an image as a PNG file; the same image gives the same bytes.
pub fn png(image: &Rgb) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let (width, height) = (image.width as u32, image.height as u32);
    encoder
        .write_image(&image.pixels, width, height, ExtendedColorType::Rgb8)
        .expect("memory takes every byte, and the size is that of the pixels");
    bytes.into_inner()
}

#[cfg(test)]
mod tests {
    use super::Rgb;
    use crate::imaging::decode::decode;

    #[test]
    fn images_land_row_by_row_with_gaps() {
        let plain = |level| Rgb::new(1, 2, vec![level; 6]);
        let page = super::tile(&[plain(1), plain(2), plain(3)], 2, 1);
        let levels: Vec<u8> = page.pixels.iter().step_by(3).copied().collect();
        assert_eq!((page.height, page.width), (5, 7));
        let g = 255;
        #[rustfmt::skip]
        assert_eq!(levels, [
            g, g, g, g, g, g, g,
            g, 1, 1, g, 2, 2, g,
            g, g, g, g, g, g, g,
            g, 3, 3, g, g, g, g,
            g, g, g, g, g, g, g,
        ]);
    }

    #[test]
    fn a_png_gives_its_pixels_back() {
        let image = Rgb::new(3, 2, (0..18).map(|byte| byte * 14).collect());
        assert_eq!(decode(&super::png(&image)).unwrap(), image);
    }
}
