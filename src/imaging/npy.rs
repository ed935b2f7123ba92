//! NumPy's `.npy` format for arrays of bytes: header and data.
//!
//! Source: NEP 1, "A simple file format for NumPy arrays".

use std::fmt::Write;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read, bytes with all before it; NumPy writes 128 for arrays of any size.
pub const LONGEST_HEADER: usize = 4096;

/// A dense, C-ordered array of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteArray<'a> {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The elements, last axis fastest.
    pub data: &'a [u8],
}

/// What the header of a `.npy` file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Element type in NumPy's notation: `|u1`, `<i8`.
    pub dtype: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Where the data begin, in bytes from the start of the file.
    pub data_start: usize,
}

/// Returns a `.npy` file of version 1.0 that holds the array; data begin at a multiple of 64.
pub fn encode(array: &ByteArray<'_>) -> Vec<u8> {
    let head = head(&array.shape);
    let mut bytes = Vec::with_capacity(head.len() + array.data.len());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(array.data);
    bytes
}

/// Returns what comes before the data of an array of bytes in a `.npy` file of version 1.0; its length
/// is a multiple of 64.
pub fn head(shape: &[usize]) -> Vec<u8> {
    let lengths = shape.len();
    let mut text = String::new();
    for length in shape {
        write!(text, "{length}, ").expect("writing to a String cannot fail");
    }
    let shape = if lengths == 1 { text.trim_end() } else { text.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header += &" ".repeat(unpadded.next_multiple_of(64) - unpadded);
    header.push('\n');
    [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat()
}

/// Parses the header of a `.npy` file of version 1, 2 or 3 in C order.
pub fn header(bytes: &[u8]) -> Result<Header, String> {
    let version = match bytes.get(..8) {
        Some(start) if start.starts_with(MAGIC) => start[6],
        _ => return Err("no NumPy array: the file does not begin with `\\x93NUMPY`".to_owned()),
    };
    let (length, start) = match version {
        1 => (bytes.get(8..10).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))), 10),
        2 | 3 => {
            (bytes.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize), 12)
        }
        other => return Err(format!("NumPy format version {other} is unknown; 1 to 3 expected")),
    };
    let length = length.ok_or("truncated inside the header")?;
    if start + length > LONGEST_HEADER {
        return Err(format!("a header of {length} bytes; at most {LONGEST_HEADER} expected"));
    }
    let text = bytes.get(start..start + length).ok_or("truncated inside the header")?;
    let text = std::str::from_utf8(text).map_err(|_| "the header is not text")?;
    let dtype = field(text, "'descr':").and_then(|rest| rest.split('\'').nth(1));
    let dtype = dtype.ok_or("the header names no element type")?.to_owned();
    let order = field(text, "'fortran_order':").ok_or("the header names no order")?;
    if order.starts_with("True") {
        return Err("the array is in Fortran order; C order expected".to_owned());
    }
    let shape = field(text, "'shape':").and_then(|rest| rest.strip_prefix('('));
    let shape = shape.and_then(|rest| rest.split(')').next()).ok_or("the header has no shape")?;
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape = lengths
        .map(|length| length.parse().map_err(|_| format!("`{length}` is no length of an axis")))
        .collect::<Result<_, _>>()?;
    Ok(Header { dtype, shape, data_start: start + length })
}

/// Parses a `.npy` file of bytes, checking that all its data are there.
pub fn decode(bytes: &[u8]) -> Result<ByteArray<'_>, String> {
    let header = header(bytes)?;
    if !matches!(header.dtype.as_str(), "|u1" | "<u1" | "u1" | "|b1") {
        return Err(format!("elements are `{}`; bytes (`|u1`) expected", header.dtype));
    }
    let expected = header.shape.iter().try_fold(1_usize, |n, &length| n.checked_mul(length));
    let expected = expected.ok_or("the shape is too large for any memory")?;
    let data = &bytes[header.data_start..];
    if data.len() != expected {
        let shape = &header.shape;
        return Err(format!(
            "{} bytes of data; {expected} expected for shape {shape:?}",
            data.len()
        ));
    }
    Ok(ByteArray { shape: header.shape, data })
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    Some(text.split_once(name)?.1.trim_start())
}

#[cfg(test)]
mod tests {
    use super::ByteArray;

    #[test]
    fn arrays_survive_a_file() {
        for shape in [vec![6], vec![2, 3], vec![1, 2, 3, 1], vec![0, 4]] {
            let count: usize = shape.iter().product();
            let data: Vec<u8> = (0..count).map(|index| index as u8).collect();
            let array = ByteArray { shape, data: &data };
            let bytes = super::encode(&array);
            assert_eq!(super::decode(&bytes), Ok(array));
            assert_eq!((bytes.len() - count) % 64, 0);
        }
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_refused() {
        let bytes = super::encode(&ByteArray { shape: vec![4], data: &[1, 2, 3, 4] });
        for end in 0..bytes.len() {
            assert!(super::decode(&bytes[..end]).is_err(), "{end}");
        }
        let text = String::from_utf8_lossy(&bytes).replace("|u1", "<f4");
        assert!(super::decode(text.as_bytes()).is_err());
    }

    #[test]
    fn what_only_claims_to_be_large_or_runs_code_is_refused() {
        let with = |text: &str| {
            let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
            bytes.extend_from_slice(format!("{text:<117}\n").as_bytes());
            super::decode(&bytes).unwrap_err()
        };
        insta::assert_snapshot!(with("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), @"elements are `|O`; bytes (`|u1`) expected");
        insta::assert_snapshot!(with("{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976, 64, 64, 3), }"), @"the shape is too large for any memory");
        insta::assert_snapshot!(with("{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976,), }"), @"0 bytes of data; 1152921504606846976 expected for shape [1152921504606846976]");
        let mut long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
        insta::assert_snapshot!(super::header(&long).unwrap_err(), @"a header of 4294967295 bytes; at most 4096 expected");
        long.resize(1 << 16, b' ');
        assert!(super::header(&long).is_err());
    }

    #[test]
    fn a_header_as_numpy_writes_it_is_read() {
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (1080, 28, 28, 3), }";
        bytes.extend_from_slice(format!("{text:<117}\n").as_bytes());
        let header = super::header(&bytes).unwrap();
        assert_eq!(header.shape, [1080, 28, 28, 3]);
        assert_eq!(header.data_start, 128);
    }
}
