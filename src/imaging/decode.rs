//! Image files to pixels: PNG, JPEG, BMP, TIFF and WebP.
//!
//! Grey becomes red = green = blue, 16 bits become 8, alpha is dropped as Pillow's `convert("RGB")`
//! does. An orientation that a camera noted is applied only on request, as with Pillow's `open`.

use std::io::Cursor;

use image::DynamicImage;
use image::ImageDecoder;
use image::ImageReader;
use image::Limits;
use image::metadata::Orientation;

use crate::imaging::rgb::Rgb;

/// Longest side that is read, pixels: more than any fundus camera gives, less than a bomb.
const LONGEST_SIDE: u32 = 20_000;
/// Most memory that decoding one image may take, bytes.
const MOST_MEMORY: u64 = 1 << 30;

/// File name extensions of the formats that are read, lower case.
pub const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp"];

/// Returns whether a file name ends as an image that can be read does.
pub fn is_image_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// A decoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels.
    pub image: Rgb,
    /// Whether the file says that the camera was turned, and the image was left so.
    pub is_turned: bool,
}

/// Decodes an image file as its pixels lie, or says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Rgb, String> {
    decode_as(bytes, false).map(|decoded| decoded.image)
}

/// Decodes an image file, and turns it upright if that is wished and it says how its camera was turned; or
/// says what is wrong with it.
pub fn decode_as(bytes: &[u8], upright: bool) -> Result<Decoded, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("the content is no PNG, JPEG, BMP, TIFF or WebP image".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let wrong = |error: image::ImageError| words(&error.to_string());
    let mut decoder = reader.into_decoder().map_err(wrong)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    if upright {
        image.apply_orientation(orientation);
    }
    let is_turned = !upright && orientation != Orientation::NoTransforms;
    let image = image.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return Err("the image has no pixel".to_owned());
    }
    Ok(Decoded { image: Rgb::new(height, width, image.into_raw()), is_turned })
}

/// Turns a decoder's sentence into a lower-case fragment without final period.
fn words(sentence: &str) -> String {
    let trimmed = sentence.trim().trim_end_matches('.');
    let mut letters = trimmed.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "it cannot be decoded".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::DynamicImage;
    use image::ImageFormat;

    use super::decode;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_format_and_depth_becomes_rgb() {
        let rgb = DynamicImage::from(image::RgbImage::from_fn(3, 2, |x, y| {
            image::Rgb([x as u8 * 80, y as u8 * 90, 200])
        }));
        let expected = rgb.to_rgb8().into_raw();
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff] {
            let image = decode(&encoded(&rgb, format)).unwrap();
            assert_eq!((image.height, image.width), (2, 3));
            assert_eq!(image.pixels, expected, "{format:?}");
        }
        let deep = DynamicImage::from(rgb.to_rgb16());
        assert_eq!(decode(&encoded(&deep, ImageFormat::Png)).unwrap().pixels, expected);
        let clear =
            DynamicImage::from(image::RgbaImage::from_pixel(1, 1, image::Rgba([9, 8, 7, 0])));
        assert_eq!(decode(&encoded(&clear, ImageFormat::Png)).unwrap().pixels, [9, 8, 7]);
        let grey = DynamicImage::from(image::GrayImage::from_pixel(1, 1, image::Luma([77])));
        assert_eq!(decode(&encoded(&grey, ImageFormat::Png)).unwrap().pixels, [77; 3]);
        let photo = decode(&encoded(&rgb, ImageFormat::Jpeg)).unwrap();
        assert_eq!((photo.height, photo.width), (2, 3));
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_refused_in_words() {
        let image = DynamicImage::from(image::RgbImage::new(9, 9));
        let whole = encoded(&image, ImageFormat::Png);
        for end in [0, 1, 8, 20, 40, whole.len() / 2] {
            assert!(decode(&whole[..end]).is_err(), "{end}");
        }
        insta::assert_snapshot!(decode(b"hello").unwrap_err(), @"the content is no PNG, JPEG, BMP, TIFF or WebP image");
        insta::assert_snapshot!(decode(b"").unwrap_err(), @"the file is empty");
    }

    #[test]
    fn an_image_that_claims_to_be_huge_is_refused() {
        let mut bytes = encoded(&DynamicImage::from(image::RgbImage::new(1, 1)), ImageFormat::Bmp);
        bytes[18..22].copy_from_slice(&1_000_000_i32.to_le_bytes());
        assert!(decode(&bytes).is_err());
    }
}
