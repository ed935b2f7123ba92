//! How much images of a set look like each other.

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::artifact::CHANNELS;
use crate::artifact::ImageSet;
use crate::measure::structure::Plane;
use crate::measure::structure::likeness;
use crate::seed::Seed;

/// Returns the mean structural likeness (MS-SSIM) of pairs of different images, drawn with replacement, over red,
/// green and blue; of every pair there is where these are not more than are asked for. Absent for fewer than two
/// images, or images smaller than the window.
pub(super) fn mean_likeness(
    images: &ImageSet,
    members: &[usize],
    pairs: usize,
    seed: Seed,
) -> Option<f64> {
    let drawn = draw(members.len(), pairs, seed);
    let of = |&(one, other): &(usize, usize)| {
        let (one, other) = (planes(images, members[one]), planes(images, members[other]));
        let each = one.iter().zip(&other).map(|(one, other)| likeness(one, other));
        each.sum::<Option<f64>>().map(|sum| sum / CHANNELS as f64)
    };
    let found: Vec<f64> = drawn.par_iter().map(of).collect::<Option<_>>()?;
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

/// Draws pairs of different numbers below `count`, or returns every pair.
fn draw(count: usize, pairs: usize, seed: Seed) -> Vec<(usize, usize)> {
    if count < 2 {
        return Vec::new();
    }
    if count * (count - 1) / 2 <= pairs {
        return (0..count).flat_map(|one| (0..one).map(move |other| (one, other))).collect();
    }
    let mut stream = seed.stream();
    let pair = |_| {
        let (one, other) = (stream.below(count), stream.below(count - 1));
        (one, if other < one { other } else { other + 1 })
    };
    (0..pairs).map(pair).collect()
}

fn planes(images: &ImageSet, index: usize) -> [Plane; CHANNELS] {
    let (height, width) = (images.height, images.width);
    std::array::from_fn(|channel| {
        let levels = images.image(index).iter().skip(channel).step_by(CHANNELS);
        Plane { height, width, levels: levels.map(|&level| f64::from(level)).collect() }
    })
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::seed::Seed;

    #[test]
    fn no_image_is_paired_with_itself() {
        let all = draw(4, 6, Seed(1));
        assert_eq!(all, [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]);
        let some = draw(5, 9, Seed(1));
        assert_eq!(some.len(), 9);
        assert!(some.iter().all(|(one, other)| one != other && *one.max(other) < 5));
        let drawn = draw(50, 1000, Seed(2));
        assert!((0..50).all(|image| drawn.iter().any(|(one, _)| *one == image)));
        assert!((0..50).all(|image| drawn.iter().any(|(_, other)| *other == image)));
        assert!(draw(1, 9, Seed(1)).is_empty());
    }
}
