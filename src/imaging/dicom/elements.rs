//! The elements of a DICOM file: a value for each tag.
//!
//! Knows how elements are laid out (PS3.5, 7); does not know what any of them means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::DeflateDecoder;

/// A group and an element.
pub(super) type Tag = (u16, u16);

const TRANSFER_SYNTAX: Tag = (0x0002, 0x0010);
const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
/// Length of what goes on until a mark.
const OPEN: u32 = u32::MAX;
/// Value representations whose length has four bytes.
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];
/// How deep sequences may lie in each other.
const DEEPEST: usize = 32;
/// Most elements of the outermost data set.
const MOST: usize = 1 << 16;

/// What is in a file.
pub(super) struct File<'a> {
    /// How the data set is written and its pixels are packed: a unique identifier.
    pub(super) syntax: String,
    content: Cow<'a, [u8]>,
    /// Where the value of each tag lies in the content; sequences are left out.
    places: BTreeMap<Tag, (usize, usize)>,
    /// Where the packed pieces of the image lie.
    pieces: Vec<(usize, usize)>,
}

impl<'a> File<'a> {
    /// Reads a file, and inflates at most so many bytes.
    pub(super) fn read(bytes: &'a [u8], most: usize) -> Result<Self, String> {
        let mut head = Reader { bytes, at: 132, implicit: false };
        let mut syntax = String::new();
        while head.peek_group() == Some(0x0002) {
            let element = head.element()?;
            let value = head.take(element.length)?;
            if element.tag == TRANSFER_SYNTAX {
                syntax = text(&bytes[value.0..value.0 + value.1]);
            }
        }
        let (content, start, implicit) = match syntax.as_str() {
            "1.2.840.10008.1.2" => (Cow::Borrowed(bytes), head.at, true),
            "1.2.840.10008.1.2.1.99" => (Cow::Owned(inflated(&bytes[head.at..], most)?), 0, false),
            "1.2.840.10008.1.2.2" => {
                return Err("its bytes are in big-endian order; little endian expected".to_owned());
            }
            "" => return Err("it does not say its transfer syntax".to_owned()),
            _ => (Cow::Borrowed(bytes), head.at, false),
        };
        let (mut places, mut pieces) = (BTreeMap::new(), Vec::new());
        let mut reader = Reader { bytes: &content, at: start, implicit };
        while reader.at < content.len() && places.len() < MOST {
            let element = reader.element()?;
            if element.tag == PIXEL_DATA && element.length == OPEN {
                pieces = reader.pieces()?;
                break;
            }
            if element.is_sequence() {
                reader.skip(&element, 0)?;
                continue;
            }
            places.insert(element.tag, reader.take(element.length)?);
            if element.tag == PIXEL_DATA {
                break;
            }
        }
        Ok(Self { syntax, content, places, pieces })
    }

    /// Returns the bytes of a value.
    pub(super) fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.places.get(&tag).map(|(start, length)| &self.content[*start..start + length])
    }

    /// Returns the pixels as they lie.
    pub(super) fn plain_pixels(&self) -> Option<&[u8]> {
        self.value(PIXEL_DATA)
    }

    /// Returns the packed pieces of the pixels; none where they are not packed.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|(start, length)| &self.content[*start..start + length])
    }

    /// Returns a number of two bytes, the first of several.
    pub(super) fn word(&self, tag: Tag) -> Option<u16> {
        self.value(tag)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Returns a text, the first of several.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let whole = text(self.value(tag)?);
        whole.split('\\').next().map(|first| first.trim().to_owned())
    }

    /// Returns a number that is written out, the first of several; nothing where there is none.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<f64>, String> {
        let Some(text) = self.text(tag).filter(|text| !text.is_empty()) else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let problem = || format!("element ({:04x},{:04x}): `{text}` is no number", tag.0, tag.1);
        number.map(Some).ok_or_else(problem)
    }
}

/// Returns a text without what pads it.
fn text(bytes: &[u8]) -> String {
    let padding = |letter: char| letter == '\0' || letter.is_whitespace();
    let text: String = bytes.iter().take(1024).map(|byte| char::from(*byte)).collect();
    text.trim_matches(padding).to_owned()
}

fn inflated(bytes: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let mut reader = DeflateDecoder::new(bytes).take(most as u64);
    reader.read_to_end(&mut content).map_err(|error| format!("it cannot be inflated: {error}"))?;
    Ok(content)
}

struct Element {
    tag: Tag,
    representation: [u8; 2],
    length: u32,
}

impl Element {
    fn is_sequence(&self) -> bool {
        self.representation == *b"SQ" || self.length == OPEN
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether elements leave out how their values are represented.
    implicit: bool,
}

impl Reader<'_> {
    fn peek_group(&self) -> Option<u16> {
        let bytes = self.bytes.get(self.at..)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let chunk = rest.first_chunk::<N>().ok_or("it ends within an element")?;
        self.at += N;
        Ok(*chunk)
    }

    fn word(&mut self) -> Result<u16, String> {
        self.chunk().map(u16::from_le_bytes)
    }

    fn long(&mut self) -> Result<u32, String> {
        self.chunk().map(u32::from_le_bytes)
    }

    /// Reads what comes before a value.
    fn element(&mut self) -> Result<Element, String> {
        let tag = (self.word()?, self.word()?);
        if self.implicit || tag.0 == ITEM.0 {
            return Ok(Element { tag, representation: *b"  ", length: self.long()? });
        }
        let representation = self.chunk::<2>()?;
        let length = if LONG.contains(&&representation) {
            self.word()?;
            self.long()?
        } else {
            u32::from(self.word()?)
        };
        Ok(Element { tag, representation, length })
    }

    /// Passes over a value; returns where it begins and how long it is.
    fn take(&mut self, length: u32) -> Result<(usize, usize), String> {
        let start = self.at;
        let end = start.checked_add(length as usize).filter(|end| *end <= self.bytes.len());
        self.at = end.ok_or_else(|| {
            let left = self.bytes.len() - start;
            format!("a value of {length} bytes is cut off after {left}")
        })?;
        Ok((start, length as usize))
    }

    /// Passes over a sequence.
    fn skip(&mut self, sequence: &Element, depth: usize) -> Result<(), String> {
        if sequence.length != OPEN {
            return self.take(sequence.length).map(drop);
        }
        if depth == DEEPEST {
            return Err(format!("sequences lie in each other more than {DEEPEST} deep"));
        }
        // What is unknown and has no length is written in the short way.
        let outside = self.implicit;
        self.implicit |= sequence.representation == *b"UN";
        loop {
            let item = self.element()?;
            match item.tag {
                SEQUENCE_END => break,
                ITEM if item.length != OPEN => drop(self.take(item.length)?),
                ITEM => self.skip_item(depth)?,
                _ => return Err("a sequence holds something else than items".to_owned()),
            }
        }
        self.implicit = outside;
        Ok(())
    }

    fn skip_item(&mut self, depth: usize) -> Result<(), String> {
        loop {
            let element = self.element()?;
            if element.tag == ITEM_END {
                return Ok(());
            }
            if element.is_sequence() {
                self.skip(&element, depth + 1)?;
            } else {
                self.take(element.length)?;
            }
        }
    }

    /// Finds the packed pieces of an image; the first item only says where they begin.
    fn pieces(&mut self) -> Result<Vec<(usize, usize)>, String> {
        let mut pieces = Vec::new();
        loop {
            let item = self.element()?;
            match item.tag {
                SEQUENCE_END => break,
                ITEM if item.length != OPEN => pieces.push(self.take(item.length)?),
                _ => return Err("its packed pixels hold something else than items".to_owned()),
            }
        }
        if pieces.is_empty() {
            return Err("its packed pixels are missing".to_owned());
        }
        pieces.remove(0);
        Ok(pieces)
    }
}
