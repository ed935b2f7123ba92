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

use crate::files;
use crate::files::MOST_FOR_ONE;
use crate::imaging::dicom;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Longest side that is read, pixels: more than any fundus camera gives, less than a bomb.
const LONGEST_SIDE: usize = 20_000;
/// Most bytes of pixels.
const MOST: usize = 1 << 30;

/// File name extensions of the formats that are read, lower case.
pub const EXTENSIONS: [&str; 9] =
    ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "dcm", "dicom"];

/// Returns whether a file name ends as an image that can be read does.
pub fn is_image_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// Returns how many bytes of pixels a file of so many bytes may have: 200 times its size and 64 MiB at
/// least, but no more than 1 GiB.
pub(in crate::imaging) fn most_pixels(length: usize) -> usize {
    (files::most_unpacked(length as u64) as usize).min(MOST)
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
        // Not whatever it holds: DICOM within DICOM within DICOM would fill the stack.
        let jpeg = |bytes: &[u8]| match bytes {
            [0xff, 0xd8, ..] => decode_file(bytes, false).map(|decoded| decoded.image),
            _ => Err("its pixels are no JPEG".to_owned()),
        };
        return Ok(Decoded { image: dicom::decode(bytes, jpeg)?, is_turned: false });
    }
    decode_file(bytes, upright)
}

fn decode_file(bytes: &[u8], upright: bool) -> Result<Decoded, String> {
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
    // Samples may have 16 bits, and be there twice.
    let most = most_pixels(bytes.len());
    limits.max_alloc = Some(3 * most as u64);
    reader.limits(limits);
    let wrong = |error: image::ImageError| words(&error.to_string());
    let mut decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize, most)?;
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

/// Refuses sizes that no photograph has, before memory is taken for them.
pub(in crate::imaging) fn check_size(
    width: usize,
    height: usize,
    most: usize,
) -> Result<(), String> {
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(format!(
            "an image of {width} x {height} pixels; {LONGEST_SIDE} a side at most expected"
        ));
    }
    if width * height * CHANNELS > most {
        return Err(format!(
            "an image of {width} x {height} pixels in too short a file; at most {MOST_FOR_ONE} bytes of pixels for one of the file, or 64 MiB, expected"
        ));
    }
    Ok(())
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
