//! Structural likeness of two images at several scales (MS-SSIM). Its mean over pairs of a set is low where the
//! set is diverse.

/// Side of the Gaussian window, pixels.
const WINDOW: usize = 11;
/// Standard deviation of the Gaussian window, pixels.
const DEVIATION: f64 = 1.5;
/// Constants that keep quotients from 0 / 0, for levels of 0 to 255.
const STEADY: [f64; 2] = [(0.01 * 255.0) * (0.01 * 255.0), (0.03 * 255.0) * (0.03 * 255.0)];
/// How much each scale counts, the finest first.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// One channel of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Levels, 0 to 255, row by row.
    pub levels: Vec<f64>,
}

/// Returns the number of scales at which an image is at least as large as the window, five at most. The usual
/// five take 176 pixels; 64 pixels have three, 28 have two.
pub fn scales(height: usize, width: usize) -> usize {
    (0..WEIGHTS.len()).take_while(|scale| height.min(width) >> scale >= WINDOW).count()
}

/// Returns the likeness of two images of equal size (Wang et al., 2003): the product over scales of contrast and
/// structure, and at the coarsest of luminance too, each to the power of its weight; 1 for equal images.
/// Weights are divided by their sum where there are fewer than five scales; negative likeness at a scale counts
/// as 0. Absent for images smaller than the window.
pub fn likeness(one: &Plane, other: &Plane) -> Option<f64> {
    let count = scales(one.height, one.width);
    let sum: f64 = WEIGHTS[..count].iter().sum();
    let (mut one, mut other) = (one.clone(), other.clone());
    let mut product = None;
    for (scale, weight) in WEIGHTS[..count].iter().enumerate() {
        let (structure, whole) = at_one_scale(&one, &other);
        let likeness = if scale + 1 == count { whole } else { structure };
        *product.get_or_insert(1.0) *= likeness.max(0.0).powf(weight / sum);
        (one, other) = (halved(&one), halved(&other));
    }
    product
}

/// Returns the mean of contrast times structure, and the same times luminance, over all windows.
fn at_one_scale(one: &Plane, other: &Plane) -> (f64, f64) {
    let times = |a: &Plane, b: &Plane| Plane {
        levels: a.levels.iter().zip(&b.levels).map(|(a, b)| a * b).collect(),
        ..*a
    };
    let blurred = |plane: &Plane| blurred(plane).levels;
    let (mean_a, mean_b) = (blurred(one), blurred(other));
    let (square_a, square_b) = (blurred(&times(one, one)), blurred(&times(other, other)));
    let across = blurred(&times(one, other));
    let (mut structures, mut wholes) = (0.0, 0.0);
    for at in 0..mean_a.len() {
        let (a, b) = (mean_a[at], mean_b[at]);
        let (variance_a, variance_b) = (square_a[at] - a * a, square_b[at] - b * b);
        let structure =
            (2.0 * (across[at] - a * b) + STEADY[1]) / (variance_a + variance_b + STEADY[1]);
        structures += structure;
        wholes += structure * (2.0 * a * b + STEADY[0]) / (a * a + b * b + STEADY[0]);
    }
    let n = mean_a.len() as f64;
    (structures / n, wholes / n)
}

/// Returns the Gaussian mean around each pixel that lies a whole window within the image.
fn blurred(plane: &Plane) -> Plane {
    let kernel: [f64; WINDOW] = std::array::from_fn(|at| {
        let apart = at as f64 - (WINDOW / 2) as f64;
        (-apart * apart / (2.0 * DEVIATION * DEVIATION)).exp()
    });
    let sum: f64 = kernel.iter().sum();
    let (height, width) = (plane.height + 1 - WINDOW, plane.width + 1 - WINDOW);
    let mean = |numbers: &[f64], from: usize, step: usize| -> f64 {
        let parts = kernel.iter().enumerate();
        parts.map(|(at, part)| numbers[from + at * step] * part).sum::<f64>() / sum
    };
    let rows = (0..plane.height * width).map(|at| at / width * plane.width + at % width);
    let across: Vec<f64> = rows.map(|from| mean(&plane.levels, from, 1)).collect();
    let levels = (0..height * width).map(|from| mean(&across, from, width)).collect();
    Plane { height, width, levels }
}

/// Returns the image at half its size: means of two pixels by two, a last odd row or column left out.
fn halved(plane: &Plane) -> Plane {
    let (height, width) = (plane.height / 2, plane.width / 2);
    let at = |y: usize, x: usize| plane.levels[y * plane.width + x];
    let mean = |index: usize| {
        let (y, x) = (2 * (index / width), 2 * (index % width));
        (at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1)) / 4.0
    };
    Plane { height, width, levels: (0..height * width).map(mean).collect() }
}

#[cfg(test)]
mod tests {
    use super::Plane;
    use super::likeness;
    use super::scales;
    use crate::seed::Seed;

    fn noise(side: usize, seed: u64) -> Plane {
        let mut stream = Seed(seed).stream();
        let levels = (0..side * side).map(|_| stream.below(256) as f64).collect();
        Plane { height: side, width: side, levels }
    }

    #[test]
    fn scales_follow_from_the_size() {
        let sides = [10, 11, 28, 64, 175, 176, 500];
        assert_eq!(sides.map(|side| scales(side, side)), [0, 1, 2, 3, 4, 5, 5]);
        assert_eq!(likeness(&noise(10, 1), &noise(10, 2)), None);
    }

    #[test]
    fn an_image_is_like_itself_whichever_way_it_is_asked() {
        for side in [11, 28, 65] {
            let (one, other) = (noise(side, 1), noise(side, 2));
            assert!((likeness(&one, &one).unwrap() - 1.0).abs() < 1e-12);
            let there = likeness(&one, &other).unwrap();
            assert!((0.0..0.5).contains(&there), "{there}");
            assert!((there - likeness(&other, &one).unwrap()).abs() < 1e-12);
        }
    }
}
