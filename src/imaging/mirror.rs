//! What lies beyond the rim of a side: the side mirrored, without its outermost pixel a second time
//! (`BORDER_REFLECT_101` of `OpenCV`).

/// Returns the pixel, 0 to `length - 1`, that is seen at a place before, on or beyond a side.
pub(in crate::imaging) fn mirrored(place: isize, length: usize) -> usize {
    let period = 2 * (length.max(2) - 1);
    let place = place.rem_euclid(period as isize) as usize;
    if length == 1 { 0 } else { place.min(period - place) }
}

#[cfg(test)]
mod tests {
    use super::mirrored;

    #[test]
    fn a_side_goes_on_as_in_a_mirror() {
        let seen = |length: usize| -> Vec<usize> {
            (-4..7).map(|place| mirrored(place, length)).collect()
        };
        assert_eq!(seen(3), [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(seen(2), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(seen(1), [0; 11]);
    }
}
