//! DICOM files of one image to pixels.
//!
//! Reads what follows the 128 bytes and `DICM` of DICOM part 10: explicit and implicit VR, little endian,
//! also deflated; pixels as they are, run-length encoded, or as JPEG of 8 bits. Everything is a slice of
//! the file: no length in it is believed beyond the file's end. Dictionaries, character sets and nested
//! data sets are passed over.

mod elements;
mod lut;
mod pixels;
mod rle;

use crate::imaging::decode::most_pixels;
use crate::imaging::rgb::Rgb;

/// Returns whether a file begins as a DICOM file does.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// Decodes a file of one image; `jpeg` decodes what is one.
pub(in crate::imaging) fn decode(
    bytes: &[u8],
    jpeg: impl Fn(&[u8]) -> Result<Rgb, String>,
) -> Result<Rgb, String> {
    let most = most_pixels(bytes.len());
    let file = elements::File::read(bytes, most)?;
    pixels::image(&file, most, jpeg)
}

#[cfg(test)]
mod tests;
