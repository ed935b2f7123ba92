//! The pixels of a DICOM file, from samples of one to three channels to red, green and blue.

use crate::imaging::decode::check_size;
use crate::imaging::dicom::elements::File;
use crate::imaging::dicom::elements::Tag;
use crate::imaging::dicom::lut::Palette;
use crate::imaging::dicom::lut::Shown;
use crate::imaging::dicom::rle;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

const SAMPLES: Tag = (0x0028, 0x0002);
const INTERPRETATION: Tag = (0x0028, 0x0004);
const PLANAR: Tag = (0x0028, 0x0006);
const FRAMES: Tag = (0x0028, 0x0008);
const ROWS: Tag = (0x0028, 0x0010);
const COLUMNS: Tag = (0x0028, 0x0011);
const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
const BITS_STORED: Tag = (0x0028, 0x0101);
const HIGH_BIT: Tag = (0x0028, 0x0102);
const SIGNED: Tag = (0x0028, 0x0103);

/// How samples are written.
struct Form {
    height: usize,
    width: usize,
    channels: usize,
    /// Bytes of a sample, 1 or 2.
    bytes: usize,
    /// Bits that count, 1 to 16.
    bits: u32,
    /// Bits below them.
    below: u32,
    signed: bool,
    interpretation: String,
    /// Whether channels lie one behind the other.
    planar: bool,
}

/// Returns the one image of a file.
pub(super) fn image(
    file: &File<'_>,
    most: usize,
    jpeg: impl Fn(&[u8]) -> Result<Rgb, String>,
) -> Result<Rgb, String> {
    let form = Form::of(file, most)?;
    match file.syntax.as_str() {
        "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" => {
            let bytes = file.plain_pixels().ok_or("it holds no pixels")?;
            form.image(file, &form.samples(bytes)?)
        }
        "1.2.840.10008.1.2.5" => {
            let packed: Vec<u8> = file.pieces().flatten().copied().collect();
            form.image(file, &form.unpacked(&packed)?)
        }
        "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" => {
            let packed: Vec<u8> = file.pieces().flatten().copied().collect();
            form.shown(file, jpeg(&packed)?)
        }
        other => Err(format!(
            "its pixels are packed as {}; plain ones, RLE or JPEG of 8 bits expected",
            method(other)
        )),
    }
}

/// Returns what a transfer syntax is called.
fn method(syntax: &str) -> String {
    let name = match syntax.strip_prefix("1.2.840.10008.1.2.4.").unwrap_or_default() {
        "57" | "70" => "lossless JPEG",
        "80" | "81" => "JPEG-LS",
        "90" | "91" | "92" | "93" => "JPEG 2000",
        "201" | "202" | "203" => "HTJ2K",
        "110" | "111" | "112" => "JPEG XL",
        "100" | "101" | "102" | "103" => "a film",
        _ => return format!("transfer syntax `{}`", syntax.escape_default()),
    };
    name.to_owned()
}

impl Form {
    fn of(file: &File<'_>, most: usize) -> Result<Self, String> {
        let word = |tag: Tag, what: &str| {
            file.word(tag).ok_or_else(|| format!("it does not say its {what}"))
        };
        let side = |tag: Tag, what: &str| match usize::from(word(tag, what)?) {
            0 => Err("the image has no pixel".to_owned()),
            side => Ok(side),
        };
        let (height, width) = (side(ROWS, "rows")?, side(COLUMNS, "columns")?);
        check_size(width, height, most)?;
        let frames = file.number(FRAMES)?.unwrap_or(1.0);
        if frames > 1.0 {
            return Err(format!("it has {frames} frames; a file of its own for each expected"));
        }
        let interpretation = file.text(INTERPRETATION).unwrap_or_default();
        let channels = usize::from(file.word(SAMPLES).unwrap_or(1));
        let expected = match interpretation.as_str() {
            "MONOCHROME1" | "MONOCHROME2" | "PALETTE COLOR" => 1,
            "RGB" | "YBR_FULL" | "YBR_FULL_422" => CHANNELS,
            other => {
                let other = other.escape_default();
                return Err(format!(
                    "a photometric interpretation `{other}`; MONOCHROME1, MONOCHROME2, RGB, YBR_FULL, YBR_FULL_422 or PALETTE COLOR expected"
                ));
            }
        };
        if channels != expected {
            return Err(format!(
                "{channels} samples a pixel; {expected} expected for {interpretation}"
            ));
        }
        let allocated = u32::from(word(BITS_ALLOCATED, "bits")?);
        let bits = u32::from(file.word(BITS_STORED).unwrap_or(allocated as u16));
        let high = u32::from(file.word(HIGH_BIT).unwrap_or(bits.saturating_sub(1) as u16));
        if !matches!(allocated, 8 | 16) || bits == 0 || bits > high + 1 || high >= allocated {
            return Err(format!(
                "samples of {bits} bits, up to bit {high}, in {allocated}; whole bytes, 8 or 16 bits, expected"
            ));
        }
        if interpretation.starts_with("YBR") && bits != 8 {
            return Err(format!("{interpretation} of {bits} bits; 8 expected"));
        }
        Ok(Self {
            height,
            width,
            channels,
            bytes: allocated as usize / 8,
            bits,
            below: high + 1 - bits,
            signed: file.word(SIGNED) == Some(1),
            interpretation,
            planar: file.word(PLANAR) == Some(1),
        })
    }

    fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Returns plain samples, `[height, width, channels]`.
    fn samples(&self, bytes: &[u8]) -> Result<Vec<i32>, String> {
        let halved = self.interpretation == "YBR_FULL_422";
        if halved && !self.width.is_multiple_of(2) {
            return Err("columns halved by pairs, but of an odd number".to_owned());
        }
        let channels = if halved { 2 } else { self.channels };
        let expected = self.pixels() * channels * self.bytes;
        let Some(bytes) = bytes.get(..expected) else {
            return Err(format!("{} bytes of pixels; {expected} expected", bytes.len()));
        };
        if halved {
            let pair = |four: &[u8; 4]| [[four[0], four[2], four[3]], [four[1], four[2], four[3]]];
            let levels = bytes.as_chunks::<4>().0.iter().flat_map(pair).flatten();
            return Ok(levels.map(i32::from).collect());
        }
        let sample = |at: usize| {
            let start = at * self.bytes;
            self.stored(&bytes[start..start + self.bytes])
        };
        let pixels = self.pixels();
        if self.planar && channels > 1 {
            let places = (0..pixels * channels).map(|at| at % channels * pixels + at / channels);
            return Ok(places.map(sample).collect());
        }
        Ok((0..pixels * channels).map(sample).collect())
    }

    /// Returns run-length encoded samples, `[height, width, channels]`.
    fn unpacked(&self, packed: &[u8]) -> Result<Vec<i32>, String> {
        let planes = rle::planes(packed, self.channels * self.bytes, self.pixels())?;
        let sample = |at: usize| {
            let (pixel, first) = (at / self.channels, at % self.channels * self.bytes);
            let bytes = planes[first..first + self.bytes].iter().rev().map(|plane| plane[pixel]);
            self.stored(&bytes.collect::<Vec<u8>>())
        };
        Ok((0..self.pixels() * self.channels).map(sample).collect())
    }

    /// Returns the number that a sample's bytes hold, the lower first.
    fn stored(&self, bytes: &[u8]) -> i32 {
        let whole = bytes.iter().rev().fold(0_u32, |whole, byte| whole << 8 | u32::from(*byte));
        let left = 32 - self.bits;
        let top = (whole >> self.below) << left;
        if self.signed { top as i32 >> left } else { (top >> left) as i32 }
    }

    /// Returns the least and the greatest number that a sample can hold.
    fn range(&self) -> [i32; 2] {
        let all = 1_i32 << self.bits;
        if self.signed { [-all / 2, all / 2 - 1] } else { [0, all - 1] }
    }

    /// Turns samples into colours.
    fn image(&self, file: &File<'_>, samples: &[i32]) -> Result<Rgb, String> {
        let pixels = match self.interpretation.as_str() {
            "PALETTE COLOR" => {
                let palette = Palette::of(file, self.signed)?;
                samples.iter().flat_map(|stored| palette.color(*stored)).collect()
            }
            "MONOCHROME1" | "MONOCHROME2" => {
                let levels = self.levels(file, samples)?;
                levels.iter().flat_map(|level| [*level; CHANNELS]).collect()
            }
            "RGB" => {
                let upper = self.bits.saturating_sub(8);
                samples.iter().map(|stored| (stored >> upper) as u8).collect()
            }
            _ => samples.as_chunks::<CHANNELS>().0.iter().flat_map(rgb).collect(),
        };
        Ok(Rgb::new(self.height, self.width, pixels))
    }

    /// Returns the level of each sample.
    fn levels(&self, file: &File<'_>, samples: &[i32]) -> Result<Vec<u8>, String> {
        let [least, greatest] = self.range();
        let shown = Shown::of(file, [least, greatest])?;
        let inverted = self.interpretation == "MONOCHROME1";
        let level = |stored: i32| {
            let level = shown.level(stored);
            if inverted { 255 - level } else { level }
        };
        // Each number is worked out once, or each sample if there are fewer.
        if samples.len() <= (greatest - least) as usize {
            return Ok(samples.iter().map(|stored| level(*stored)).collect());
        }
        let table: Vec<u8> = (least..=greatest).map(level).collect();
        Ok(samples.iter().map(|stored| table[(stored - least) as usize]).collect())
    }

    /// Puts grey levels of a decoded image through the window.
    fn shown(&self, file: &File<'_>, mut image: Rgb) -> Result<Rgb, String> {
        let (height, width) = (image.height, image.width);
        if (height, width) != (self.height, self.width) {
            let (columns, rows) = (self.width, self.height);
            return Err(format!(
                "its JPEG has {width} x {height} pixels; {columns} x {rows} expected"
            ));
        }
        if self.channels == 1 {
            if self.bits != 8 || self.signed {
                return Err("its JPEG has 8 bits, but its samples are said to be others".to_owned());
            }
            let grey = image.pixels.iter().step_by(CHANNELS).map(|level| i32::from(*level));
            image = self.image(file, &grey.collect::<Vec<i32>>())?;
        }
        Ok(image)
    }
}

/// Returns the colour of luma and chroma of the full range (PS3.3, C.7.6.3.1.2).
fn rgb(samples: &[i32; CHANNELS]) -> [u8; CHANNELS] {
    let [luma, blue, red] = samples.map(f64::from);
    let (blue, red) = (blue - 128.0, red - 128.0);
    let green = luma - 0.114 * 1.772 / 0.587 * blue - 0.299 * 1.402 / 0.587 * red;
    [luma + 1.402 * red, green, luma + 1.772 * blue].map(|level| (level + 0.5).floor() as u8)
}
