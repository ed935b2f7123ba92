//! Image files to pixels: PNG, JPEG, BMP, TIFF, WebP and DICOM.
//!
//! Grey becomes red = green = blue and alpha is dropped, as Pillow's `convert("RGB")` does. Of 16 bits the
//! upper 8 are taken; so does Pillow with colours, whereas it clips grey, which leaves it white. An
//! orientation that a camera noted is applied only on request, but that of a TIFF always, as with Pillow.

use std::io::Cursor;

use image::DynamicImage;
use image::ImageDecoder;
use image::ImageFormat;
use image::ImageReader;
use image::Limits;
use image::metadata::Orientation;

use crate::imaging::dicom;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Longest side that is read, pixels: more than any fundus camera gives, less than a bomb.
const LONGEST_SIDE: u32 = 20_000;
/// Most memory that decoding one image may take, bytes.
const MOST_MEMORY: u64 = 1 << 30;

/// File name extensions of the formats that are read, lower case.
pub const EXTENSIONS: [&str; 9] =
    ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "dcm", "dicom"];

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
    if dicom::is_dicom(bytes) {
        let image = dicom::decode(bytes, LONGEST_SIDE as usize, decode)?;
        return Ok(Decoded { image, is_turned: false });
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image".to_owned());
    }
    let is_tiff = reader.format() == Some(ImageFormat::Tiff);
    if reader.format() == Some(ImageFormat::Jpeg) && is_cut_off(bytes) {
        return Err("the JPEG is cut off: its end is missing".to_owned());
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
    if upright || is_tiff {
        image.apply_orientation(orientation);
    }
    let is_turned = !upright && !is_tiff && orientation != Orientation::NoTransforms;
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return Err("the image has no pixel".to_owned());
    }
    Ok(Decoded { image: Rgb::new(height, width, levels(image)?), is_turned })
}

/// Returns red, green and blue of each pixel.
fn levels(image: DynamicImage) -> Result<Vec<u8>, String> {
    let upper = |level: &u16| (level >> 8) as u8;
    let grey = |level: &u16| [upper(level); CHANNELS];
    match image {
        DynamicImage::ImageLuma16(deep) => Ok(deep.as_raw().iter().flat_map(grey).collect()),
        DynamicImage::ImageLumaA16(deep) => {
            Ok(deep.as_raw().iter().step_by(2).flat_map(grey).collect())
        }
        DynamicImage::ImageRgb16(deep) => Ok(deep.as_raw().iter().map(upper).collect()),
        DynamicImage::ImageRgba16(deep) => {
            let colors =
                deep.as_raw().as_chunks::<4>().0.iter().flat_map(|pixel| &pixel[..CHANNELS]);
            Ok(colors.map(upper).collect())
        }
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            Err("levels with fractions; whole numbers of 8 or 16 bits expected".to_owned())
        }
        plain => Ok(plain.into_rgb8().into_raw()),
    }
}

/// Returns whether a JPEG ends before its end is marked: the decoder would make up what is missing.
fn is_cut_off(jpeg: &[u8]) -> bool {
    let mut at = 2;
    // Before the pixels there may be a small picture, with an end of its own.
    while let Some(&[0xff, marker, high, low]) = jpeg.get(at..).and_then(<[u8]>::first_chunk) {
        at += match marker {
            0xff => 1,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
        if marker == 0xda {
            break;
        }
    }
    !jpeg.get(at..).unwrap_or_default().windows(2).any(|pair| pair == [0xff, 0xd9])
}

/// Turns a decoder's sentence into a lower-case fragment without final period.
fn words(sentence: &str) -> String {
    let trimmed = sentence.trim().trim_end_matches('.');
    let mut letters = trimmed.chars();
    match letters.next() {
        _ if trimmed.contains("RGBPalette") => {
            "a TIFF with a palette; red, green and blue, or grey, expected".to_owned()
        }
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "it cannot be decoded".to_owned(),
    }
}

#[cfg(test)]
mod tests;
