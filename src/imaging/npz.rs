//! NumPy's `.npz` archives: a zip of `.npy` arrays, read member by member.
//!
//! Trusts nothing: what the zip, a header and the data say must agree. Does not know which arrays a
//! data set should have.

use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::imaging::npy;
use crate::imaging::npy::Header;

/// Largest array that is read, bytes, and the largest of whole numbers, which take eight bytes each.
const LARGEST_ARRAY: u64 = 16 << 30;
const LARGEST_INTEGERS: u64 = 1 << 30;
/// What any archive may unpack to, bytes, and how many times its own size beyond that. Photographs
/// shrink to a half; a thousandth is what a bomb is packed to.
const FREE: u64 = 64 << 20;
const RATIO: u64 = 200;
/// Bytes for which room is made before they are there.
const LONGEST_PIECE: usize = 16 << 20;
/// Most members of an archive, and longest name of one that is heeded, bytes.
const MOST_MEMBERS: usize = 1000;
const LONGEST_NAME: usize = 100;

/// An open archive.
pub struct Npz<R> {
    zip: ZipArchive<R>,
    /// Bytes to which its arrays may unpack, each by itself.
    limit: u64,
}

/// An array that was read from an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array<T> {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The elements, last axis fastest.
    pub data: Vec<T>,
}

/// An array of bytes that is read piece by piece.
pub struct Bytes<'a, R: Read> {
    member: ZipFile<'a, R>,
    shape: Vec<usize>,
    left: usize,
    expected: usize,
}

impl<R: Read> Bytes<'_, R> {
    /// Lengths of the axes, the last one fastest.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Reads so many bytes more, or what is left; nothing once the array has ended as it should.
    pub fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>, String> {
        let wanted = most.min(self.left);
        // One byte more than is left shows data that go on, and has the checksum looked at.
        let last = usize::from(wanted == self.left);
        let mut bytes = Vec::with_capacity((wanted + last).min(LONGEST_PIECE));
        let mut member = self.member.by_ref().take((wanted + last) as u64);
        member.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if bytes.len() != wanted {
            let found = self.expected - self.left + bytes.len();
            return Err(mismatch(found, self.expected, &self.shape));
        }
        self.left -= wanted;
        Ok((wanted > 0).then_some(bytes))
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Opens an archive, or says why it is none.
    pub fn open(mut reader: R) -> Result<Self, String> {
        let mut start = Vec::new();
        let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
        reader.by_ref().take(2).read_to_end(&mut start).map_err(unreadable)?;
        if start != b"PK" {
            return Err("no NumPy archive: it does not begin as a zip file does".to_owned());
        }
        // The list of members is at the end: what has a start and no list was cut off.
        let size = reader.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let limit = RATIO.saturating_mul(size).saturating_add(FREE).min(LARGEST_ARRAY);
        let zip = ZipArchive::new(reader);
        let zip = zip.map_err(|error| format!("it is truncated or damaged: {error}"))?;
        if zip.len() > MOST_MEMBERS {
            return Err(format!("it has {} members; at most {MOST_MEMBERS} expected", zip.len()));
        }
        Ok(Self { zip, limit })
    }

    /// Returns the names of the arrays, sorted.
    pub fn names(&self) -> Vec<String> {
        let is_plain = |name: &&str| name.len() <= LONGEST_NAME && !name.contains(char::is_control);
        let mut names: Vec<String> = self
            .zip
            .file_names()
            .filter(is_plain)
            .filter_map(|name| name.strip_suffix(".npy"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// Reads an array's header and no more than that.
    pub fn header(&mut self, name: &str) -> Result<Header, String> {
        let mut start = Vec::new();
        let member = self.member(name)?;
        let longest = npy::LONGEST_HEADER as u64;
        member.take(longest).read_to_end(&mut start).map_err(|error| broken(&error))?;
        let header = npy::header(&start)?;
        size(&header, 1, self.limit)?;
        Ok(header)
    }

    /// Opens an array of bytes, to be read piece by piece.
    pub fn bytes(&mut self, name: &str) -> Result<Bytes<'_, R>, String> {
        let header = self.header(name)?;
        if !matches!(header.dtype.as_str(), "|u1" | "<u1" | "u1") {
            return Err(format!("its elements are `{}`; bytes (`|u1`) expected", header.dtype));
        }
        let size = size(&header, 1, self.limit)?;
        let mut member = self.member(name)?;
        let start = header.data_start as u64;
        std::io::copy(&mut member.by_ref().take(start), &mut std::io::sink())
            .map_err(|error| broken(&error))?;
        let (expected, shape) = ((size - start) as usize, header.shape);
        Ok(Bytes { member, left: expected, expected, shape })
    }

    /// Reads an array of whole numbers of any width.
    pub fn integers(&mut self, name: &str) -> Result<Array<i64>, String> {
        let header = self.header(name)?;
        let dtype = header.dtype.as_str();
        let code = dtype.strip_prefix(['<', '>', '|', '=']).unwrap_or(dtype);
        let width = match code {
            "u1" | "i1" => 1,
            "u2" | "i2" => 2,
            "u4" | "i4" => 4,
            "u8" | "i8" => 8,
            _ => return Err(format!("its elements are `{dtype}`; whole numbers expected")),
        };
        if dtype.starts_with('>') && width > 1 {
            return Err(format!("its elements are `{dtype}`; little-endian ones expected"));
        }
        let limit = self.limit.min(LARGEST_INTEGERS / 8 * width as u64);
        let bytes = self.data(name, &header, width, limit)?;
        let signed = code.starts_with('i');
        let data = bytes.chunks_exact(width).map(|bytes| integer(bytes, signed)).collect();
        Ok(Array { shape: header.shape, data })
    }

    fn member(&mut self, name: &str) -> Result<ZipFile<'_, R>, String> {
        let names = self.names();
        self.zip.by_name(&format!("{name}.npy")).map_err(|error| match error {
            ZipError::FileNotFound => format!("it is missing; the file has {}", list(&names)),
            ZipError::Io(error) => broken(&error),
            other => format!("it cannot be read: {other}"),
        })
    }

    fn data(
        &mut self,
        name: &str,
        header: &Header,
        width: usize,
        limit: u64,
    ) -> Result<Vec<u8>, String> {
        let shape = &header.shape;
        let size = size(header, width, limit)?;
        let mut bytes = Vec::new();
        // One byte more than expected shows data that go on, and has the checksum looked at.
        let mut member = self.member(name)?.take(size + 1);
        member.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if bytes.len() as u64 != size {
            let found = bytes.len().saturating_sub(header.data_start);
            return Err(mismatch(found, size as usize - header.data_start, shape));
        }
        bytes.drain(..header.data_start);
        Ok(bytes)
    }
}

fn mismatch(found: usize, expected: usize, shape: &[usize]) -> String {
    let more = if found > expected { "or more " } else { "" };
    format!("it has {found} {more}bytes of data; {expected} expected for its shape {shape:?}")
}

/// Returns how long a member with this header must be, unless that is beyond the limit.
fn size(header: &Header, width: usize, limit: u64) -> Result<u64, String> {
    let shape = &header.shape;
    let count = shape.iter().try_fold(width, |size, length| size.checked_mul(*length));
    let size = count.and_then(|size| size.checked_add(header.data_start));
    let size = size.map(|size| size as u64).filter(|size| *size <= limit);
    size.ok_or_else(|| format!("its shape {shape:?} is too large for this file"))
}

/// Reads a little-endian number of 1 to 8 bytes; one beyond `i64` becomes its largest.
fn integer(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.last().is_some_and(|last| *last >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    if signed {
        i64::from_le_bytes(wide)
    } else {
        u64::from_le_bytes(wide).min(i64::MAX as u64) as i64
    }
}

fn broken(error: &std::io::Error) -> String {
    format!("it is truncated or damaged: {error}")
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no array".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::io::Read;
    use std::io::Seek;
    use std::io::Write;

    use super::Npz;
    use crate::imaging::npy;
    use crate::imaging::npy::ByteArray;

    fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn array(shape: &[usize], data: &[u8]) -> Vec<u8> {
        npy::encode(&ByteArray { shape: shape.to_vec(), data })
    }

    /// Reads an array in pieces of four bytes.
    fn whole<R: Read + Seek>(npz: &mut Npz<R>, name: &str) -> Result<Vec<u8>, String> {
        let (mut array, mut data) = (npz.bytes(name)?, Vec::new());
        while let Some(piece) = array.next(4)? {
            data.extend(piece);
        }
        Ok(data)
    }

    fn open(bytes: &[u8]) -> Npz<Cursor<&[u8]>> {
        Npz::open(Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn arrays_and_headers_are_read() {
        let bytes =
            archive(&[("b", array(&[2, 3], &[1, 2, 3, 4, 5, 6])), ("a", array(&[1], &[9]))]);
        let mut npz = open(&bytes);
        assert_eq!(npz.names(), ["a", "b"]);
        assert_eq!(npz.header("b").unwrap().shape, [2, 3]);
        assert_eq!(whole(&mut npz, "b").unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(npz.integers("a").unwrap().data, [9]);
    }

    #[test]
    fn whole_numbers_of_any_width_are_read() {
        let text = |bytes: Vec<u8>, code: &str, count: usize| {
            let old = format!("'|u1', 'fortran_order': False, 'shape': ({},)", bytes.len());
            let mut array = array(&[bytes.len()], &bytes);
            let header = String::from_utf8_lossy(&array[10..128])
                .replace(&old, &format!("'{code}', 'fortran_order': False, 'shape': ({count},)"));
            let header = format!("{:<117}\n", header.trim_end());
            array.splice(10..128, header.into_bytes());
            archive(&[("x", array)])
        };
        let wide: Vec<u8> = [-3_i64, 4].iter().flat_map(|number| number.to_le_bytes()).collect();
        let bytes = text(wide, "<i8", 2);
        assert_eq!(open(&bytes).integers("x").unwrap().data, [-3, 4]);
        let bytes = text(vec![0xff, 0xff, 2, 0], "<u2", 2);
        assert_eq!(open(&bytes).integers("x").unwrap().data, [65535, 2]);
        let bytes = text(vec![0xff, 0xff, 2, 0], "<i2", 2);
        assert_eq!(open(&bytes).integers("x").unwrap().data, [-1, 2]);
        insta::assert_snapshot!(whole(&mut open(&bytes), "x").unwrap_err(), @"its elements are `<i2`; bytes (`|u1`) expected");
        let bytes = text(vec![0; 8], "<f8", 1);
        insta::assert_snapshot!(open(&bytes).integers("x").unwrap_err(), @"its elements are `<f8`; whole numbers expected");
        let bytes = text(vec![7, 8], "u1", 2);
        assert_eq!(open(&bytes).integers("x").unwrap().data, [7, 8]);
        let bytes = text(vec![0, 1], ">u2", 1);
        insta::assert_snapshot!(open(&bytes).integers("x").unwrap_err(), @"its elements are `>u2`; little-endian ones expected");
        let bytes = text(vec![7, 8], "éu1", 2);
        insta::assert_snapshot!(open(&bytes).integers("x").unwrap_err(), @"its elements are `éu1`; whole numbers expected");
    }

    #[test]
    fn a_missing_array_is_said_with_those_there() {
        let bytes = archive(&[("a", array(&[1], &[9]))]);
        insta::assert_snapshot!(open(&bytes).header("b").unwrap_err(), @"it is missing; the file has `a`");
    }

    #[test]
    fn a_shape_that_lies_is_refused() {
        let short = archive(&[("a", array(&[3], &[9]))]);
        insta::assert_snapshot!(whole(&mut open(&short), "a").unwrap_err(), @"it has 1 bytes of data; 3 expected for its shape [3]");
        let long = archive(&[("a", array(&[1], &[9, 9, 9]))]);
        insta::assert_snapshot!(whole(&mut open(&long), "a").unwrap_err(), @"it has 2 or more bytes of data; 1 expected for its shape [1]");
        let huge = archive(&[("a", array(&[usize::MAX, 2], &[9]))]);
        insta::assert_snapshot!(whole(&mut open(&huge), "a").unwrap_err(), @"its shape [18446744073709551615, 2] is too large for this file");
        let claims = array(&[1 << 40], &[9]);
        insta::assert_snapshot!(open(&archive(&[("a", claims)])).header("a").unwrap_err(), @"its shape [1099511627776] is too large for this file");
        let bomb = archive(&[("a", array(&[300 << 20], &vec![0; 300 << 20]))]);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        insta::assert_snapshot!(whole(&mut open(&bomb), "a").unwrap_err(), @"its shape [314572800] is too large for this file");
    }

    #[test]
    fn an_archive_of_too_many_or_ill_named_members_is_not_listed() {
        let names: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
        let members: Vec<(&str, Vec<u8>)> =
            names.iter().map(|name| (name.as_str(), Vec::new())).collect();
        let error = Npz::open(Cursor::new(&archive(&members)[..])).err();
        insta::assert_snapshot!(error.unwrap(), @"it has 1001 members; at most 1000 expected");
        let bytes = archive(&[("a\nb", Vec::new()), ("c", array(&[1], &[9]))]);
        assert_eq!(open(&bytes).names(), ["c"]);
    }

    #[test]
    fn what_is_cut_off_anywhere_is_refused() {
        let data: Vec<u8> = (0..200_u32).map(|index| (index * 37 % 251) as u8).collect();
        let bytes = archive(&[("a", array(&[200], &data)), ("b", array(&[1], &[9]))]);
        for end in 0..bytes.len() {
            let read =
                Npz::open(Cursor::new(&bytes[..end])).and_then(|mut npz| whole(&mut npz, "a"));
            assert!(read.is_err(), "{end}");
        }
    }

    #[test]
    fn a_changed_byte_never_gives_other_data() {
        let data: Vec<u8> = (0..200_u32).map(|index| (index * 37 % 251) as u8).collect();
        let bytes = archive(&[("a", array(&[200], &data))]);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x55;
            let read =
                Npz::open(Cursor::new(&changed[..])).and_then(|mut npz| whole(&mut npz, "a"));
            assert!(read.is_err() || read.unwrap() == data, "{place}");
        }
    }
}
