//! Lightness and colour apart: CIE L*a*b* (D65) in bytes, in the fixed point of `OpenCV`.
//!
//! `L` is 255 / 100 of the lightness, `a` and `b` have 128 added. To L*a*b* every byte is that of
//! `OpenCV`'s `cvtColor(image, COLOR_RGB2LAB)`. The way back follows `COLOR_LAB2RGB`, whose wide loops
//! round a little differently: of all colours about one byte in 200 is one level off, of random bytes
//! of red, green and blue one in 90, and none is two.

use crate::imaging::rgb::CHANNELS;

/// Fractional bits of the matrices between linear RGB and XYZ.
const MATRIX_BITS: u32 = 12;
/// Fractional bits of cube roots.
const ROOT_BITS: u32 = 15;
/// Steps between two linear levels.
const LINEAR_STEPS: usize = 8;
/// 1 in what leads back.
const UNIT: i64 = 1 << 14;
/// Levels of linear light on the way back.
const LIGHTS: usize = 1 << 12;
/// Least sum of the root of Y and a colour on the way back.
const LEAST_ROOT: i64 = -8145;
const ROOTS: i64 = UNIT * 9 / 4;

const WHITE: [f64; 3] = [0.950_456, 1.0, 1.088_754];
const TO_XYZ: [[f64; 3]; 3] = [
    [0.412_453, 0.357_580, 0.180_423],
    [0.212_671, 0.715_160, 0.072_169],
    [0.019_334, 0.119_193, 0.950_227],
];
const FROM_XYZ: [[f64; 3]; 3] = [
    [3.240_479, -1.537_15, -0.498_535],
    [-0.969_256, 1.875_991, 0.041_556],
    [0.055_648, -0.204_043, 1.057_311],
];

/// The tables of both ways; a millisecond's work to make.
pub struct Lab {
    /// Light of a level.
    linear: [i32; 256],
    roots: Vec<i32>,
    to_xyz: [[i32; 3]; 3],
    /// Y of a lightness, and its root.
    heights: [(i64, i64); 256],
    /// X or Z of a root.
    cubes: Vec<i64>,
    from_xyz: [[i64; 3]; 3],
    /// Level of a light.
    levels: Vec<u8>,
}

impl Default for Lab {
    fn default() -> Self {
        let fixed = |number: f64| (number * f64::from(1 << MATRIX_BITS)).round_ties_even();
        let of = |index: usize| index as f64;
        Self {
            linear: std::array::from_fn(|level| {
                let light = light(of(level) / 255.0) * of(255 * LINEAR_STEPS);
                light.round_ties_even() as i32
            }),
            roots: (0..256 * 3 / 2 * LINEAR_STEPS).map(root).collect(),
            to_xyz: std::array::from_fn(|row| {
                TO_XYZ[row].map(|share| fixed(share / WHITE[row]) as i32)
            }),
            heights: std::array::from_fn(height),
            cubes: (LEAST_ROOT..LEAST_ROOT + ROOTS).map(cube).collect(),
            from_xyz: FROM_XYZ
                .map(|row| std::array::from_fn(|of| fixed(row[of] * WHITE[of]) as i64)),
            levels: (0..LIGHTS)
                .map(|light| (255.0 * level(of(light) / of(LIGHTS))).round_ties_even() as u8)
                .collect(),
        }
    }
}

impl Lab {
    /// Returns L, a and b of red, green and blue.
    pub fn of_rgb(&self, rgb: [u8; CHANNELS]) -> [u8; CHANNELS] {
        let lights = rgb.map(|level| self.linear[usize::from(level)]);
        let [x, y, z] = self.to_xyz.map(|row| {
            let sum: i32 = row.iter().zip(lights).map(|(share, light)| share * light).sum();
            self.roots[shifted(i64::from(sum), MATRIX_BITS) as usize]
        });
        let byte = |sum: i32| shifted(i64::from(sum), ROOT_BITS).clamp(0, 255) as u8;
        let lightness = (116 * 255 + 50) / 100 * y - ((16 * 255 * (1 << ROOT_BITS)) + 50) / 100;
        let middle = 128 << ROOT_BITS;
        [byte(lightness), byte(500 * (x - y) + middle), byte(200 * (y - z) + middle)]
    }

    /// Returns red, green and blue of L, a and b.
    pub fn to_rgb(&self, [lightness, a, b]: [u8; CHANNELS]) -> [u8; CHANNELS] {
        let (y, root) = self.heights[usize::from(lightness)];
        // 500 and 200 are divided by, by a product and a shift.
        let a = ((5 * i64::from(a) * 53_687 + (1 << 7)) >> 13) - 128 * UNIT / 500;
        let b = ((i64::from(b) * 41_943 + (1 << 4)) >> 9) - 128 * UNIT / 200 + 1;
        let cube = |root: i64| self.cubes[(root - LEAST_ROOT) as usize];
        let xyz = [cube(root + a), y, cube(root - b)];
        self.from_xyz.map(|row| {
            let sum: i64 = row.iter().zip(xyz).map(|(share, part)| share * part).sum();
            self.levels[shifted(sum, 14).clamp(0, LIGHTS as i64 - 1) as usize]
        })
    }
}

/// Divides by a power of two and rounds.
fn shifted(sum: i64, bits: u32) -> i64 {
    (sum + (1 << (bits - 1))) >> bits
}

/// Returns the light of an sRGB level, both 0 to 1.
fn light(level: f64) -> f64 {
    if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

/// Returns the sRGB level of a light, both 0 to 1.
fn level(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// Returns the root of a light that enters lightness and colour, in single precision as the reference.
fn root(light: usize) -> i32 {
    let light = light as f32 / (255 * LINEAR_STEPS) as f32;
    let root = if light < 216.0 / 24389.0 {
        light * (841.0_f32 / 108.0) + 16.0 / 116.0
    } else {
        // Cut off and not rounded: two of the table's entries tell that the reference comes from below.
        let exact = f64::from(light).cbrt();
        let near = exact as f32;
        if f64::from(near) > exact { near.next_down() } else { near }
    };
    (root * (1 << ROOT_BITS) as f32).round_ties_even() as i32
}

/// Returns Y of a lightness of 0 to 255, and its root.
fn height(lightness: usize) -> (i64, i64) {
    let (unit, lightness) = (UNIT as f32, lightness as f32);
    let round = |number: f32| i64::from(number.round_ties_even() as i32);
    if lightness <= 20.0 {
        let y = lightness * unit * 180.0 / (17 * 29 * 29 * 29) as f32;
        return (round(y), round(unit * (16.0 / 116.0 + lightness * 5.0 / (3 * 17 * 29) as f32)));
    }
    let root = lightness * 100.0 * unit / (255 * 116) as f32 + 16.0 * unit / 116.0;
    let root = root.round_ties_even();
    (round(root * root / unit * root / unit), round(root))
}

/// Returns X or Z of a root.
fn cube(root: i64) -> i64 {
    if root <= 3390 {
        root * 108 / 841 - UNIT * 16 / 116 * 108 / 841
    } else {
        root * root / UNIT * root / UNIT
    }
}
