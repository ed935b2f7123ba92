//! Files of every format against the pixels that Pillow makes of them, and files that are none.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::DynamicImage;
use image::ImageFormat;
use serde::Deserialize;

use super::decode;
use super::decode_as;

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
    let clear = DynamicImage::from(image::RgbaImage::from_pixel(1, 1, image::Rgba([9, 8, 7, 0])));
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
    insta::assert_snapshot!(decode(b"hello").unwrap_err(), @"the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image");
    insta::assert_snapshot!(decode(b"").unwrap_err(), @"the file is empty");
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused() {
    let mut bytes = encoded(&DynamicImage::from(image::RgbImage::new(1, 1)), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&1_000_000_i32.to_le_bytes());
    assert!(decode(&bytes).is_err());
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    size: [usize; 2],
    pixels: String,
    #[serde(default)]
    upright: String,
}

/// The one that no library at hand reads.
const PALETTE: &str = "tiff palette";

fn cases() -> Vec<Case> {
    // Made by tests/golden/formats.py.
    let golden = include_str!("../../../tests/golden/formats.json");
    golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// Returns how many levels a format's pixels may be off, and the share of the bytes that may be.
fn tolerance(name: &str) -> (u8, f64) {
    let halved = ["jpeg halved", "jpeg progressive", "jpeg with restarts"];
    match name {
        "jpeg progressive, not halved" => (2, 0.02),
        _ if halved.iter().any(|start| name.starts_with(start)) => (3, 0.3),
        _ if name.starts_with("jpeg") || name == "tiff jpeg" => (2, 0.02),
        // Rounded otherwise.
        "tiff cmyk" => (1, 0.5),
        _ => (0, 0.0),
    }
}

#[test]
fn every_format_has_the_pixels_of_pillow() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() > 50);
    for case in cases.iter().filter(|case| case.name != PALETTE) {
        let name = &case.name;
        let decoded = match decode_as(&bytes(&case.file), false) {
            Ok(decoded) => decoded,
            Err(problem) => {
                wrong.push(format!("{name}: {problem}"));
                continue;
            }
        };
        assert_eq!([decoded.image.height, decoded.image.width], case.size, "{name}");
        let stays_turned = name.contains("turned") && !name.starts_with("tiff");
        assert_eq!(decoded.is_turned, stays_turned, "{name}");
        let expected = bytes(&case.pixels);
        let pairs = || decoded.image.pixels.iter().zip(&expected);
        let worst = pairs().map(|(one, other)| one.abs_diff(*other)).max().unwrap();
        let differ = pairs().filter(|(one, other)| one != other).count();
        let share = differ as f64 / expected.len() as f64;
        let (most, largest) = tolerance(name);
        if worst > most || share > largest {
            wrong
                .push(format!("{name}: {share:.3} of the bytes differ, by {worst} levels at most"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_tiff_with_a_palette_is_refused_in_words() {
    let case = cases().into_iter().find(|case| case.name == PALETTE).unwrap();
    insta::assert_snapshot!(decode(&bytes(&case.file)).unwrap_err(), @"a TIFF with a palette; red, green and blue, or grey, expected");
}

#[test]
fn photographs_are_turned_as_pillow_turns_them() {
    let mut turned = 0;
    for case in cases().into_iter().filter(|case| !case.upright.is_empty()) {
        let decoded = decode_as(&bytes(&case.file), true).unwrap();
        assert!(!decoded.is_turned);
        let expected = bytes(&case.upright);
        let far =
            decoded.image.pixels.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other));
        assert!(far.max().unwrap() <= 1, "{}", case.name);
        turned += 1;
    }
    assert_eq!(turned, 9);
}

#[test]
fn a_file_of_any_format_that_is_cut_off_is_refused() {
    for case in cases() {
        let whole = bytes(&case.file);
        let image = decode(&whole);
        for end in (0..whole.len()).step_by(11).chain([whole.len() - 1]) {
            let cut = decode(&whole[..end]);
            // What follows the pixels may be missing.
            assert!(
                cut.is_err() || cut == image,
                "{} of {} bytes: {}",
                end,
                whole.len(),
                case.name
            );
        }
    }
}
