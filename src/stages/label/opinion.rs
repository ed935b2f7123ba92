//! Opinions: what classifiers and real neighbours think of each image, for `label`.

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::measure::accuracy::most_likely;
use crate::measure::distance;
use crate::measure::distance::Neighbour;
use crate::measure::neighbours;
use crate::ml;
use crate::stage::Context;
use crate::stage::StageError;

/// What somebody thinks of one image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opinion {
    /// The class thought most likely.
    pub(super) class: usize,
    /// Confidence in each class, 0 to 1.
    pub(super) confidences: Vec<f64>,
}

/// Asks classifiers, and averages their probabilities; there is at least one.
pub(super) fn by_classifiers(
    cx: &Context<'_>,
    classifiers: &[Classifier],
    images: &ImageSet,
) -> Result<Vec<Opinion>, StageError> {
    let mut sums = vec![vec![0.0; images.classes.len()]; images.len()];
    for classifier in classifiers {
        classifier.suits(images).map_err(StageError::data)?;
        for (sum, row) in sums.iter_mut().zip(ml::classify(cx, classifier, images)?) {
            sum.iter_mut().zip(row).for_each(|(sum, probability)| *sum += probability);
        }
    }
    let opinion = |mut sum: Vec<f64>| {
        for sum in &mut sum {
            *sum /= classifiers.len() as f64;
        }
        Opinion { class: most_likely(&sum), confidences: sum }
    };
    Ok(sums.into_iter().map(opinion).collect())
}

/// Lets the nearest real images vote, in the features of a classifier or pixel by pixel.
pub(super) fn by_neighbours(
    cx: &Context<'_>,
    count: usize,
    classifier: Option<&Classifier>,
    reference: &ImageSet,
    images: &ImageSet,
) -> Result<Vec<Opinion>, StageError> {
    let facts = |set: &ImageSet| (set.height, set.width, set.classes.clone());
    if reference.is_empty() || facts(reference) != facts(images) {
        let problem = "the images in `reference` are none, or of another size or other classes";
        return Err(StageError::data(problem));
    }
    let labels = reference.labels().map_err(|id| {
        StageError::data(format!("image `{id}` in `reference` has no label, so it cannot vote"))
    })?;
    let (queries, voters) = (images.len(), reference.len());
    let nearest = match classifier {
        None => distance::nearest_of_each(queries, voters, count, |image, other| {
            distance::root_mean_square(images.image(image), reference.image(other))
        }),
        Some(classifier) => {
            classifier.suits(images).map_err(StageError::data)?;
            let made = ml::features(cx, classifier, images)?;
            let real = ml::features(cx, classifier, reference)?;
            neighbours::neighbours(&made.rows(), &real.rows(), count)
        }
    };
    Ok(nearest.iter().map(|found| vote(found, &labels, images.classes.len())).collect())
}

/// Returns what the nearest real images, nearest first, say; the nearest decides a draw.
fn vote(nearest: &[Neighbour], labels: &[usize], classes: usize) -> Opinion {
    let mut votes = vec![0_usize; classes];
    for neighbour in nearest {
        votes[labels[neighbour.index]] += 1;
    }
    let most = votes.iter().copied().max().unwrap_or_default();
    let mut voters = nearest.iter().map(|neighbour| labels[neighbour.index]);
    let class = voters.find(|&class| votes[class] == most).unwrap_or_default();
    let share = |votes: usize| votes as f64 / nearest.len().max(1) as f64;
    Opinion { class, confidences: votes.into_iter().map(share).collect() }
}

#[cfg(test)]
mod tests {
    use super::Neighbour;
    use super::vote;

    #[test]
    fn the_nearest_neighbour_decides_a_draw() {
        let near = |index| Neighbour { index, distance: index as f64 };
        let opinion = vote(&[0, 1, 2, 3].map(near), &[2, 0, 0, 2], 3);
        assert_eq!((opinion.class, opinion.confidences), (2, vec![0.5, 0.0, 0.5]));
        assert_eq!(vote(&[0, 1, 2].map(near), &[2, 0, 0], 3).class, 0);
    }
}
