//! Calibration: whether a classifier is right as often as it says.

/// Bins of the expected calibration error, as in Guo et al. (2017).
pub const BINS: usize = 15;

/// Returns the Brier score of one image: `sum over classes of (p - y)^2` with `y` 1 for the true class and
/// 0 else (Brier, 1950); 0 to 2, lower is better.
pub fn brier(probabilities: &[f64], label: usize) -> f64 {
    let apart = |(class, &p): (usize, &f64)| p - f64::from(u8::from(class == label));
    probabilities.iter().enumerate().map(apart).map(|apart| apart * apart).sum()
}

/// One image's answer as calibration sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    /// Probability of the predicted class, 0 to 1.
    pub confidence: f64,
    /// Whether that class is the true one.
    pub right: bool,
}

/// Returns the expected calibration error where each image counts `times` times: `sum over bins of
/// |right - confidence| / n`, both summed over the images whose confidence lies in `((b - 1) / 15, b / 15]`
/// (Naeini et al., 2015); 0 to 1, lower is better; absent without images.
pub fn expected_error(answers: &[Confidence], times: &[usize]) -> Option<f64> {
    let mut apart = [0.0_f64; BINS];
    let mut n = 0;
    for (answer, &times) in answers.iter().zip(times) {
        let bin = (answer.confidence * BINS as f64).ceil().max(1.0) as usize - 1;
        let right = f64::from(u8::from(answer.right));
        apart[bin.min(BINS - 1)] += times as f64 * (right - answer.confidence);
        n += times;
    }
    (n > 0).then(|| apart.iter().map(|sum| sum.abs()).sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::Confidence;
    use super::brier;
    use super::expected_error;

    #[test]
    fn certainty_is_rewarded_where_it_is_right() {
        assert_eq!(
            [brier(&[1.0, 0.0], 0), brier(&[1.0, 0.0], 1), brier(&[0.5, 0.5], 1)],
            [0.0, 2.0, 0.5]
        );
        let sure = |right| [Confidence { confidence: 1.0, right }];
        assert_eq!(expected_error(&sure(true), &[1]), Some(0.0));
        assert_eq!(expected_error(&sure(false), &[3]), Some(1.0));
        assert_eq!(expected_error(&sure(false), &[0]), None);
    }

    #[test]
    fn who_is_right_as_often_as_said_has_no_error() {
        let answers: Vec<Confidence> =
            (0..4).map(|image| Confidence { confidence: 0.75, right: image > 0 }).collect();
        assert_eq!(expected_error(&answers, &[1; 4]), Some(0.0));
        let twice = expected_error(&answers, &[2, 1, 1, 1]).unwrap();
        assert!((twice - (0.75 - 3.0 / 5.0)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn errors_stay_within_their_bounds_in_any_order(
            mut rows in prop::collection::vec((0.0..=1.0_f64, prop::bool::ANY), 1..40),
        ) {
            let error = |rows: &[(f64, bool)]| {
                let of = |&(confidence, right): &(f64, bool)| Confidence { confidence, right };
                let answers: Vec<Confidence> = rows.iter().map(of).collect();
                expected_error(&answers, &vec![1; rows.len()]).unwrap()
            };
            let found = error(&rows);
            rows.reverse();
            prop_assert!((0.0..=1.0).contains(&found) && (found - error(&rows)).abs() < 1e-12);
        }
    }
}
