//! Near copies: the real image nearest to each image, and images that nearly copy each other.
//!
//! Compares pixels, with the one image as it is, mirrored, upside down and both. Knows no score.

use rayon::iter::IntoParallelIterator;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::artifact::ImageSet;
use crate::imaging::flip::flip_horizontally;
use crate::imaging::flip::flip_vertically;
use crate::imaging::rgb::Rgb;
use crate::measure::distance;
use crate::measure::distance::Neighbour;
use crate::stage::StageError;

/// Returns the real image nearest to each image, in grey levels.
pub(super) fn nearest_real(
    images: &ImageSet,
    reference: &ImageSet,
) -> Result<Vec<Neighbour>, StageError> {
    if reference.is_empty() {
        return Err(StageError::data("there is no real image to compare with"));
    }
    if (images.height, images.width) != (reference.height, reference.width) {
        return Err(StageError::data(format!(
            "images of {} x {} beside real images of {} x {} pixels",
            images.width, images.height, reference.width, reference.height
        )));
    }
    let search = |index: usize| {
        let views = views(images, index);
        distance::nearest(reference.len(), 1, |real| apart(&views, reference.image(real)))[0]
    };
    Ok((0..images.len()).into_par_iter().map(search).collect())
}

/// Goes through images in an order, the best first, and returns for each one that lies within `threshold` of one
/// before it the number of that one; those that were told to be copies are compared with no more.
pub(super) fn copies_of_better(
    images: &ImageSet,
    order: &[usize],
    threshold: f64,
) -> Vec<Option<usize>> {
    let mut better: Vec<usize> = Vec::new();
    let mut copied = vec![None; images.len()];
    for &index in order {
        let views = views(images, index);
        let near = |other: &&usize| apart(&views, images.image(**other)) <= threshold;
        copied[index] = better.par_iter().find_first(near).copied();
        if copied[index].is_none() {
            better.push(index);
        }
    }
    copied
}

/// Returns an image as it is, mirrored, upside down and both.
fn views(images: &ImageSet, index: usize) -> [Rgb; 4] {
    let upright = Rgb::new(images.height, images.width, images.image(index).to_vec());
    let mut mirrored = upright.clone();
    flip_horizontally(&mut mirrored);
    let [mut fallen, mut turned] = [upright.clone(), mirrored.clone()];
    flip_vertically(&mut fallen);
    flip_vertically(&mut turned);
    [upright, mirrored, fallen, turned]
}

fn apart(views: &[Rgb], other: &[u8]) -> f64 {
    let apart = |view: &Rgb| distance::root_mean_square(&view.pixels, other);
    views.iter().map(apart).fold(f64::INFINITY, f64::min)
}
