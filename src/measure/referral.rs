//! Referral: grades taken together as "to be referred" and "not to be".
//!
//! Of the five grades of diabetic retinopathy (Wilkinson et al., 2003), moderate ones and worse are
//! referred, as in Gulshan et al. (2016).

use crate::measure::confusion::share;

/// The first grade that is referred.
pub const REFERABLE: usize = 2;

/// Returns whether so many classes can be grades of which some are referred: with two there is nothing to
/// take together.
pub fn is_graded(classes: usize) -> bool {
    classes > REFERABLE
}

/// Returns the share of the images to be referred that were predicted as such; absent where there is none.
pub fn sensitivity(confusion: &[Vec<usize>]) -> Option<f64> {
    side(confusion, true)
}

/// Returns the share of the images not to be referred that were predicted as such; absent where there is
/// none.
pub fn specificity(confusion: &[Vec<usize>]) -> Option<f64> {
    side(confusion, false)
}

/// Returns the share of the images of one side that were predicted to be of it.
fn side(confusion: &[Vec<usize>], referable: bool) -> Option<f64> {
    if !is_graded(confusion.len()) {
        return None;
    }
    let is_of = |class: usize| (class >= REFERABLE) == referable;
    let rows = confusion.iter().enumerate().filter(|(truth, _)| is_of(*truth));
    let (mut found, mut all) = (0, 0);
    for (_, row) in rows {
        let of_side = row.iter().enumerate().filter(|(answer, _)| is_of(*answer));
        found += of_side.map(|(_, images)| images).sum::<usize>();
        all += row.iter().sum::<usize>();
    }
    share(found, all)
}

#[cfg(test)]
mod tests {
    use super::sensitivity;
    use super::specificity;

    #[test]
    fn mistakes_within_a_side_are_none() {
        let matrix = vec![vec![2, 1, 1], vec![3, 0, 1], vec![0, 1, 4]];
        assert_eq!(sensitivity(&matrix), Some(4.0 / 5.0));
        assert_eq!(specificity(&matrix), Some(6.0 / 8.0));
    }

    #[test]
    fn a_side_without_images_has_no_share_and_two_classes_have_no_sides() {
        assert_eq!(sensitivity(&[vec![1, 0, 0], vec![0, 1, 0], vec![0, 0, 0]]), None);
        assert_eq!(specificity(&[vec![0, 0, 0], vec![0, 0, 0], vec![0, 0, 1]]), None);
        assert_eq!(sensitivity(&[vec![1, 0], vec![0, 1]]), None);
    }
}
