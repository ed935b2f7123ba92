//! From what a detector measured to what a screen shows: rescaling, window and palettes.

use crate::imaging::dicom::elements::File;
use crate::imaging::dicom::elements::Tag;

const WINDOW_CENTRE: Tag = (0x0028, 0x1050);
const WINDOW_WIDTH: Tag = (0x0028, 0x1051);
const INTERCEPT: Tag = (0x0028, 0x1052);
const SLOPE: Tag = (0x0028, 0x1053);
const FUNCTION: Tag = (0x0028, 0x1056);
const DESCRIPTORS: [Tag; 3] = [(0x0028, 0x1101), (0x0028, 0x1102), (0x0028, 0x1103)];
const TABLES: [Tag; 3] = [(0x0028, 0x1201), (0x0028, 0x1202), (0x0028, 0x1203)];

/// What a measured number becomes.
pub(super) struct Shown {
    slope: f64,
    intercept: f64,
    window: Window,
}

enum Window {
    /// From the least to the greatest number that the bits can hold.
    Whole {
        low: f64,
        high: f64,
    },
    /// PS3.3, C.11.2.1.2: centre and width.
    Linear {
        centre: f64,
        width: f64,
    },
    Exact {
        centre: f64,
        width: f64,
    },
    Sigmoid {
        centre: f64,
        width: f64,
    },
}

impl Shown {
    /// Reads the first window; `range` is the least and the greatest stored number.
    pub(super) fn of(file: &File<'_>, range: [i32; 2]) -> Result<Self, String> {
        let slope = file.number(SLOPE)?.filter(|slope| *slope != 0.0).unwrap_or(1.0);
        let intercept = file.number(INTERCEPT)?.unwrap_or(0.0);
        let told = (file.number(WINDOW_CENTRE)?, file.number(WINDOW_WIDTH)?);
        let window = if let (Some(centre), Some(width)) = told {
            named(file.text(FUNCTION), centre, width)?
        } else {
            let [one, other] = range.map(|end| f64::from(end) * slope + intercept);
            Window::Whole { low: one.min(other), high: one.max(other) }
        };
        Ok(Self { slope, intercept, window })
    }

    /// Returns the level of a stored number, 0 to 255.
    pub(super) fn level(&self, stored: i32) -> u8 {
        let number = f64::from(stored) * self.slope + self.intercept;
        let share = match self.window {
            Window::Whole { low, high } => (number - low) / (high - low),
            Window::Linear { centre, width } if width > 1.0 => {
                (number - (centre - 0.5)) / (width - 1.0) + 0.5
            }
            // A window of one number is a threshold.
            Window::Linear { centre, .. } => f64::from(u8::from(number > centre - 0.5)),
            Window::Exact { centre, width } => (number - centre) / width + 0.5,
            Window::Sigmoid { centre, width } => {
                1.0 / (1.0 + (-4.0 * (number - centre) / width).exp())
            }
        };
        (share * 255.0).clamp(0.0, 255.0).round_ties_even() as u8
    }
}

fn named(function: Option<String>, centre: f64, width: f64) -> Result<Window, String> {
    let function = function.filter(|name| !name.is_empty());
    let function = function.as_deref().unwrap_or("LINEAR");
    let least = if function == "LINEAR" { 1.0 } else { f64::MIN_POSITIVE };
    if width < least {
        return Err(format!("a window of width {width}"));
    }
    match function {
        "LINEAR" => Ok(Window::Linear { centre, width }),
        "LINEAR_EXACT" => Ok(Window::Exact { centre, width }),
        "SIGMOID" => Ok(Window::Sigmoid { centre, width }),
        other => {
            Err(format!("a window function `{other}`; LINEAR, LINEAR_EXACT or SIGMOID expected"))
        }
    }
}

/// The colours of numbers.
pub(super) struct Palette<'a> {
    first: i32,
    tables: [&'a [u8]; 3],
    /// Bytes of an entry.
    bytes: usize,
    entries: usize,
}

impl<'a> Palette<'a> {
    /// Reads three tables; `signed` is whether numbers are.
    pub(super) fn of(file: &'a File<'_>, signed: bool) -> Result<Self, String> {
        let mut tables = [&[][..]; 3];
        let mut described = Vec::new();
        for ((descriptor, table), place) in DESCRIPTORS.into_iter().zip(TABLES).zip(&mut tables) {
            let words = file.value(descriptor).and_then(|value| value.first_chunk::<6>());
            let words = words.ok_or("its palette is not described")?;
            let word = |at: usize| u16::from_le_bytes([words[at], words[at + 1]]);
            let entries = if word(0) == 0 { 1 << 16 } else { usize::from(word(0)) };
            let first = word(2);
            let first = if signed { i32::from(first as i16) } else { i32::from(first) };
            *place = file.value(table).ok_or("its palette is missing, or packed in segments")?;
            let bytes = match place.len() {
                length if length >= 2 * entries => 2,
                length if length >= entries => 1,
                length => return Err(format!("a palette of {length} bytes for {entries} colours")),
            };
            described.push((entries, first, word(4), bytes));
        }
        let (entries, first, bits, bytes) = described[0];
        if described.iter().any(|other| *other != described[0]) || !(bits == 8 || bits == 16) {
            return Err("the three tables of its palette do not fit together".to_owned());
        }
        // Entries of 8 bits may each have a word of their own.
        let wide = bits == 16 && bytes == 2;
        if bits == 16 && !wide {
            return Err(format!("a palette of {} bytes for {entries} colours", tables[0].len()));
        }
        let tables = if wide { tables.map(|table| &table[1..]) } else { tables };
        Ok(Self { first, tables, bytes, entries })
    }

    /// Returns the colour of a number; one beyond the ends has that of the end.
    pub(super) fn color(&self, stored: i32) -> [u8; 3] {
        let entry = (stored - self.first).clamp(0, self.entries as i32 - 1) as usize;
        self.tables.map(|table| table[entry * self.bytes])
    }
}
