//! DICOM files against the pixels that pydicom makes of them, and files that are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::imaging::decode::decode;

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    #[serde(default)]
    size: [usize; 2],
    #[serde(default)]
    pixels: String,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.file).unwrap()
    }
}

fn cases() -> Vec<Case> {
    // Made by tests/golden/dicom.py.
    let golden = include_str!("../../../tests/golden/dicom.json");
    golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_kind_has_the_pixels_of_pydicom() {
    let mut wrong = Vec::new();
    for case in cases().into_iter().filter(|case| !case.pixels.is_empty()) {
        let image = match decode(&case.bytes()) {
            Ok(image) => image,
            Err(problem) => {
                wrong.push(format!("{}: {problem}", case.name));
                continue;
            }
        };
        assert_eq!([image.height, image.width], case.size, "{}", case.name);
        let expected = STANDARD.decode(&case.pixels).unwrap();
        let far = image.pixels.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other));
        let worst = far.max().unwrap_or_default();
        // As all JPEG: decoders differ.
        if worst > if case.name.starts_with("jpeg") { 3 } else { 0 } {
            wrong.push(format!("{}: differs by {worst} at most", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_understood_is_refused_in_words() {
    let refused = |case: &Case| format!("{}: {}", case.name, decode(&case.bytes()).unwrap_err());
    let cases = cases();
    let said: Vec<String> =
        cases.iter().filter(|case| case.pixels.is_empty()).map(refused).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    refused: films: it has 7 frames; a file of its own for each expected
    refused: other colours: a photometric interpretation `HSV`; MONOCHROME1, MONOCHROME2, RGB, YBR_FULL, YBR_FULL_422 or PALETTE COLOR expected
    refused: other bits: samples of 12 bits, up to bit 16, in 16; whole bytes, 8 or 16 bits, expected
    refused: cut short: 100 bytes of pixels; 462 expected
    refused: another packing: its pixels are packed as JPEG 2000; plain ones, RLE or JPEG of 8 bits expected
    refused: huge: an image of 65535 x 65535 pixels; 20000 a side at most expected
    refused: a window without width: a window of width 0
    ");
}

#[test]
fn a_file_that_is_cut_off_or_changed_anywhere_does_no_harm() {
    for case in cases() {
        let whole = case.bytes();
        for end in (0..whole.len()).step_by(3) {
            let _ = decode(&whole[..end]);
            let mut changed = whole.clone();
            changed[end] ^= 0xff;
            let _ = decode(&changed);
        }
    }
}
