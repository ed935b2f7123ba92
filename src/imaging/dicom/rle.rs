//! Run-length encoding of DICOM (PS3.5, annex G): a segment for each byte of a sample, the upper first.

/// Segments that there may be.
const MOST_SEGMENTS: usize = 15;

/// Returns the planes of bytes, each of the given length.
pub(super) fn planes(bytes: &[u8], count: usize, length: usize) -> Result<Vec<Vec<u8>>, String> {
    let long = |index: usize| {
        let chunk = bytes.get(index * 4..)?.first_chunk()?;
        Some(u32::from_le_bytes(*chunk) as usize)
    };
    let found = long(0).unwrap_or_default();
    if found != count || count > MOST_SEGMENTS {
        return Err(format!("{found} run-length encoded segments; {count} expected"));
    }
    let plane = |index: usize| {
        let start = long(index + 1).unwrap_or(usize::MAX);
        let end = if index + 1 < count { long(index + 2) } else { None };
        let segment = bytes.get(start..end.unwrap_or(bytes.len()));
        unpacked(segment.ok_or("a run-length encoded segment lies outside the file")?, length)
    };
    (0..count).map(plane).collect()
}

fn unpacked(mut segment: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut plane = Vec::new();
    while plane.len() < length {
        let Some((&head, rest)) = segment.split_first() else { break };
        segment = match head {
            0..128 => {
                let (literal, rest) = rest.split_at(rest.len().min(usize::from(head) + 1));
                plane.extend(literal);
                rest
            }
            128 => rest,
            129.. => {
                let Some((level, rest)) = rest.split_first() else { break };
                plane.extend(std::iter::repeat_n(*level, 257 - usize::from(head)));
                rest
            }
        };
    }
    if plane.len() < length {
        return Err(format!("{} of {length} run-length encoded bytes are there", plane.len()));
    }
    plane.truncate(length);
    Ok(plane)
}
