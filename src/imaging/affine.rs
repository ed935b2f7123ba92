//! Rotation, scale, shear and translation of an image's content in one resampling.
//!
//! Whatever would come from outside the image is black, like the ground of a fundus photograph.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// A shear, a scale and a rotation about the image's centre, then a translation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Degrees, counter-clockwise as seen.
    pub rotation: f64,
    /// How much larger the content gets; above 0.
    pub scale: f64,
    /// Degrees by which upright lines lean, their upper ends to the right; between -90 and 90.
    pub shear: f64,
    /// Pixels to the right.
    pub right: f64,
    /// Pixels down.
    pub down: f64,
}

/// How pixels between pixels are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// Of the four pixels around, rounded; at the rim the black outside shines in.
    Soft,
    /// The nearest pixel, as torchvision's `affine` makes of a Pillow image, bit for bit.
    Nearest,
    /// Of the four pixels around, cut off; as torchvision's `affine` makes of a Pillow image, bit
    /// for bit.
    Bilinear,
}

impl Affine {
    /// Leaves everything where it is.
    pub const IDENTITY: Self =
        Self { rotation: 0.0, scale: 1.0, shear: 0.0, right: 0.0, down: 0.0 };
}

/// Moves an image's content into an image of the same size.
pub fn affine(image: &Rgb, motion: Affine, resampling: Resampling) -> Rgb {
    if motion == Affine::IDENTITY {
        return image.clone();
    }
    match resampling {
        Resampling::Soft => soft(image, motion),
        Resampling::Nearest => nearest(image, &Backward::of(image, motion)),
        Resampling::Bilinear => bilinear(image, &Backward::of(image, motion)),
    }
}

fn soft(image: &Rgb, motion: Affine) -> Rgb {
    let (sin, cos) = motion.rotation.to_radians().sin_cos();
    let lean = motion.shear.to_radians().tan();
    let (middle_x, middle_y) = (centre(image.width), centre(image.height));
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            // Backwards: from the new place to the one that its content comes from.
            let x = (column as f64 - middle_x - motion.right) / motion.scale;
            let y = (row as f64 - middle_y - motion.down) / motion.scale;
            let upright = sin * x + cos * y;
            let old_x = cos * x - sin * y + lean * upright + middle_x;
            pixels.extend(blended(image, old_x, upright + middle_y));
        }
    }
    Rgb::new(image.height, image.width, pixels)
}

fn centre(length: usize) -> f64 {
    (length as f64 - 1.0) / 2.0
}

/// Returns the image at a place between pixel centres, rounded; outside it is black.
pub(in crate::imaging) fn blended(image: &Rgb, x: f64, y: f64) -> [u8; CHANNELS] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let mut sums = [0.5; CHANNELS];
    for (row, row_share) in [(top, 1.0 - bottom_share), (top + 1.0, bottom_share)] {
        for (column, share) in [(left, 1.0 - right_share), (left + 1.0, right_share)] {
            let inside = (0.0..image.height as f64).contains(&row)
                && (0.0..image.width as f64).contains(&column);
            if inside {
                let pixel = image.at(row as usize, column as usize);
                for (sum, level) in sums.iter_mut().zip(pixel) {
                    *sum += row_share * share * f64::from(level);
                }
            }
        }
    }
    sums.map(|sum| sum as u8)
}

/// From a new place to the old one, in pixels from the upper left corner:
/// `(x, y) -> (xx x + xy y + x0, yx x + yy y + y0)`.
#[derive(Debug)]
struct Backward {
    xx: f64,
    xy: f64,
    x0: f64,
    yx: f64,
    yy: f64,
    y0: f64,
}

impl Backward {
    /// Inverts a motion in the order of torchvision's sums, which decides the last bit.
    fn of(image: &Rgb, motion: Affine) -> Self {
        let turn = (-motion.rotation).to_radians(); // torchvision's turns are clockwise
        let lean = motion.shear.to_radians();
        let (sin, cos) = turn.sin_cos();
        let xx = (-sin * lean.tan() + cos) / motion.scale;
        let xy = (cos * lean.tan() + sin) / motion.scale;
        let (yx, yy) = (-sin / motion.scale, cos / motion.scale);
        let (x, y) = (image.width as f64 * 0.5, image.height as f64 * 0.5);
        let (left, up) = (-x - motion.right, -y - motion.down);
        Self { xx, xy, x0: xx * left + xy * up + x, yx, yy, y0: yx * left + yy * up + y }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0)
    }
}

/// Returns a place's pixel along one side, if it is inside.
fn inside(place: f64, length: usize) -> Option<usize> {
    (place >= 0.0 && place < length as f64).then_some(place as usize)
}

/// Pillow adds steps up along rows: with 16 bits behind the point where something turns and no place
/// is too far away for that, else in double precision.
fn nearest(image: &Rgb, backward: &Backward) -> Rgb {
    let Backward { xx, xy, yx, yy, .. } = *backward;
    if xy == 0.0 && yx == 0.0 {
        let columns = steps(backward.x0 + xx * 0.5, xx, image.width);
        let rows = steps(backward.y0 + yy * 0.5, yy, image.height);
        return placed(image, |row, column| (columns[column], rows[row]));
    }
    let (width, height) = (image.width as f64, image.height as f64);
    let corners = [(0.0, 0.0), (width, height), (0.0, height), (width, 0.0)];
    let near = |(x, y): (f64, f64)| x.abs() < 32768.0 && y.abs() < 32768.0;
    if corners.iter().all(|(x, y)| near(backward.at(*x, *y))) {
        let fixed = |number: f64| (number * 65536.0 + 0.5).floor() as i64;
        let [xx, xy, yx, yy] = [xx, xy, yx, yy].map(fixed);
        let x0 = fixed(backward.x0 + backward.xx * 0.5 + backward.xy * 0.5);
        let y0 = fixed(backward.y0 + backward.yx * 0.5 + backward.yy * 0.5);
        return placed(image, |row, column| {
            let (row, column) = (row as i64, column as i64);
            let (x, y) = (x0 + xy * row + xx * column, y0 + yy * row + yx * column);
            ((x >> 16) as f64, (y >> 16) as f64)
        });
    }
    let x_starts = steps(backward.x0 + xy * 0.5 + xx * 0.5, xy, image.height);
    let y_starts = steps(backward.y0 + yy * 0.5 + yx * 0.5, yy, image.height);
    let rows = x_starts.iter().zip(y_starts).map(|(x, y)| {
        let (x, y) = (steps(*x, xx, image.width), steps(y, yx, image.width));
        x.into_iter().zip(y).collect::<Vec<_>>()
    });
    let places: Vec<Vec<(f64, f64)>> = rows.collect();
    placed(image, |row, column| places[row][column])
}

/// Returns where so many steps lead, each added to the one before.
fn steps(start: f64, step: f64, count: usize) -> Vec<f64> {
    let next = |place: &mut f64, ()| Some(std::mem::replace(place, *place + step));
    std::iter::repeat_n((), count).scan(start, next).collect()
}

/// Returns the image whose pixels come from the given places of another, or are black.
fn placed(image: &Rgb, from: impl Fn(usize, usize) -> (f64, f64)) -> Rgb {
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            let (x, y) = from(row, column);
            let place = inside(y, image.height).zip(inside(x, image.width));
            pixels.extend(place.map_or([0; CHANNELS], |(row, column)| image.at(row, column)));
        }
    }
    Rgb::new(image.height, image.width, pixels)
}

fn bilinear(image: &Rgb, backward: &Backward) -> Rgb {
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            let (x, y) = backward.at(column as f64 + 0.5, row as f64 + 0.5);
            let place = inside(x, image.width).zip(inside(y, image.height));
            pixels.extend(place.map_or([0; CHANNELS], |_| between(image, x - 0.5, y - 0.5)));
        }
    }
    Rgb::new(image.height, image.width, pixels)
}

/// Returns the image at a place between pixel centres, cut off; the rim goes on outside.
fn between(image: &Rgb, x: f64, y: f64) -> [u8; CHANNELS] {
    let (left, top) = (x.floor(), y.floor());
    let within = |place: f64, length: usize| place.clamp(0.0, length as f64 - 1.0) as usize;
    let columns = [left, left + 1.0].map(|column| within(column, image.width));
    let rows = [top, top + 1.0].map(|row| within(row, image.height));
    let corners = rows.map(|row| columns.map(|column| image.at(row, column)));
    std::array::from_fn(|channel| {
        let mixed = |from: f64, to: f64, share: f64| from + (to - from) * share;
        let [upper, lower] = corners.map(|[one, other]| {
            mixed(f64::from(one[channel]), f64::from(other[channel]), x - left)
        });
        mixed(upper, lower, y - top) as u8
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Affine;
    use super::Resampling;
    use super::Rgb;
    use super::affine;

    const ALL: [Resampling; 3] = [Resampling::Soft, Resampling::Nearest, Resampling::Bilinear];

    fn images() -> impl Strategy<Value = Rgb> {
        (1..6_usize, 1..6_usize).prop_flat_map(|(height, width)| {
            prop::collection::vec(any::<u8>(), height * width * 3)
                .prop_map(move |pixels| Rgb::new(height, width, pixels))
        })
    }

    proptest! {
        #[test]
        fn whole_translations_move_pixels_unchanged_and_leave_black(
            image in images(), right in -3..4_i32, down in -3..4_i32,
        ) {
            let motion = Affine {
                right: f64::from(right), down: f64::from(down), ..Affine::IDENTITY
            };
            for resampling in ALL {
                let moved = affine(&image, motion, resampling);
                for row in 0..image.height {
                    for column in 0..image.width {
                        let old_row = usize::try_from(row as i32 - down).ok();
                        let old_column = usize::try_from(column as i32 - right).ok();
                        let expected = match (old_row, old_column) {
                            (Some(r), Some(c)) if r < image.height && c < image.width => {
                                image.at(r, c)
                            }
                            _ => [0; 3],
                        };
                        prop_assert_eq!(moved.at(row, column), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let [a, b, c, d] = [[10; 3], [20; 3], [30; 3], [40; 3]];
        let image = Rgb::new(2, 2, [a, b, c, d].concat());
        for resampling in ALL {
            let motion = Affine { rotation: 90.0, ..Affine::IDENTITY };
            assert_eq!(affine(&image, motion, resampling).pixels, [b, d, a, c].concat());
        }
    }

    #[test]
    fn a_larger_scale_keeps_the_centre_and_pushes_the_rim_out() {
        let mut image = Rgb::black(5, 5);
        image.pixels[(2 * 5 + 2) * 3] = 200;
        image.pixels[(2 * 5 + 3) * 3] = 100;
        let motion = Affine { scale: 2.0, ..Affine::IDENTITY };
        let grown = affine(&image, motion, Resampling::Soft);
        assert_eq!(grown.at(2, 2)[0], 200);
        assert_eq!(grown.at(2, 4)[0], 100);
    }

    #[test]
    fn a_shear_leans_upper_ends_to_the_right() {
        let mut image = Rgb::black(5, 5);
        (0..5).for_each(|row| image.pixels[(row * 5 + 2) * 3] = 200);
        let motion = Affine { shear: 45.0, ..Affine::IDENTITY };
        for resampling in ALL {
            let leaning = affine(&image, motion, resampling);
            for row in 0..5 {
                assert!(leaning.at(row, 4 - row)[0] >= 199, "{resampling:?} {row}");
            }
        }
    }
}
