//! Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of the lightness.
//!
//! The lightness is `L` of [`Lab`]; its colours stay. Tiles, clipping, redistribution and the mixing of
//! four tables are those of `OpenCV`'s `createCLAHE(clip, (tiles, tiles)).apply(L)`, bit for bit.

use crate::imaging::lab::Lab;
use crate::imaging::levels::Levels;
use crate::imaging::mirror::mirrored;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

const LEVELS: usize = 256;

/// Evens out the lightness of an image in `tiles` by `tiles` tiles, 1 or more. `clip` is how often a
/// level may occur in a tile, by how often it would if all were equally frequent; above 0, more than 256
/// limits nothing.
pub fn equalize(image: &mut Rgb, clip: f64, tiles: usize, lab: &Lab) {
    let pixels = image.pixels.as_chunks_mut::<CHANNELS>().0;
    let mut lightness = Vec::with_capacity(pixels.len());
    for pixel in pixels.iter_mut() {
        *pixel = lab.of_rgb(*pixel);
        lightness.push(pixel[0]);
    }
    equalize_plane(&mut lightness, [image.height, image.width], clip, tiles);
    for (pixel, lightness) in pixels.iter_mut().zip(lightness) {
        *pixel = lab.to_rgb([lightness, pixel[1], pixel[2]]);
    }
}

/// Evens out one channel: `[height, width]`.
pub fn equalize_plane(plane: &mut [u8], [height, width]: [usize; 2], clip: f64, tiles: usize) {
    assert_eq!(plane.len(), height * width, "levels of another size");
    // The sides are rounded up to whole tiles; a side that already is one gets a tile's share more if
    // the other needs some.
    let is_whole = height.is_multiple_of(tiles) && width.is_multiple_of(tiles);
    let side = |length: usize| length / tiles + usize::from(!is_whole);
    let tile = [side(height), side(width)];
    let tables: Vec<Levels> = (0..tiles * tiles)
        .map(|index| table(plane, [height, width], tile, [index / tiles, index % tiles], clip))
        .collect();
    let (rows, columns) = (nearest(height, tile[0], tiles), nearest(width, tile[1], tiles));
    for (line, row) in plane.chunks_exact_mut(width.max(1)).zip(&rows) {
        for (level, column) in line.iter_mut().zip(&columns) {
            let at = |row: usize, column: usize| {
                f32::from(tables[row * tiles + column][usize::from(*level)])
            };
            let across = |row: usize| {
                at(row, column.before) * (1.0 - column.share)
                    + at(row, column.behind) * column.share
            };
            let mixed = across(row.before) * (1.0 - row.share) + across(row.behind) * row.share;
            *level = mixed.round_ties_even() as u8;
        }
    }
}

/// Returns what becomes of each level in a tile; beyond the rim the plane goes on mirrored.
fn table(
    plane: &[u8],
    [height, width]: [usize; 2],
    [rows, columns]: [usize; 2],
    [down, right]: [usize; 2],
    clip: f64,
) -> Levels {
    let mut histogram = [0_usize; LEVELS];
    for row in down * rows..(down + 1) * rows {
        let line = &plane[mirrored(row as isize, height) * width..][..width];
        for column in right * columns..(right + 1) * columns {
            histogram[usize::from(line[mirrored(column as isize, width)])] += 1;
        }
    }
    let pixels = rows * columns;
    limit(&mut histogram, ((clip * pixels as f64 / LEVELS as f64) as usize).max(1));
    let scale = (LEVELS - 1) as f32 / pixels as f32;
    let mut below = 0;
    histogram.map(|count| {
        below += count;
        (below as f32 * scale).round_ties_even() as u8
    })
}

/// Cuts off what is above a limit, and spreads it over all levels.
fn limit(histogram: &mut [usize; LEVELS], limit: usize) {
    let cut: usize = histogram.iter().map(|count| count.saturating_sub(limit)).sum();
    let (each, rest) = (cut / LEVELS, cut % LEVELS);
    for count in histogram.iter_mut() {
        *count = (*count).min(limit) + each;
    }
    let step = LEVELS.checked_div(rest).unwrap_or(LEVELS).max(1);
    histogram.iter_mut().step_by(step).take(rest).for_each(|count| *count += 1);
}

/// The two tiles between whose middles a pixel lies.
struct Between {
    before: usize,
    behind: usize,
    /// How far it is on the way to the latter, 0 to 1.
    share: f32,
}

fn nearest(length: usize, tile: usize, tiles: usize) -> Vec<Between> {
    let reciprocal = 1.0 / tile as f32;
    let between = |place: usize| {
        let place = place as f32 * reciprocal - 0.5;
        let before = place.floor();
        let behind = ((before + 1.0) as usize).min(tiles - 1);
        Between { before: before.max(0.0) as usize, behind, share: place - before }
    };
    (0..length).map(between).collect()
}

#[cfg(test)]
mod tests {
    use super::equalize_plane;

    #[test]
    fn a_plane_in_one_tile_without_limit_is_plainly_equalised() {
        let mut plane = [10, 10, 20, 30];
        equalize_plane(&mut plane, [2, 2], 1e9, 1);
        assert_eq!(plane, [128, 128, 191, 255]);
    }

    #[test]
    fn more_tiles_than_pixels_are_no_harm() {
        for size in [[1, 1], [1, 3], [5, 2]] {
            equalize_plane(&mut vec![9; size[0] * size[1]], size, 2.0, 16);
        }
    }
}
