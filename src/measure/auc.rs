//! Area under the ROC curve: the chance that a positive is scored above a negative.

/// Returns the area under the ROC curve of scores, ties counted half (Mann and Whitney, 1947);
/// absent where positives or negatives are missing.
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let positives = positive.iter().filter(|positive| **positive).count();
    let negatives = positive.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut rank_sum = 0.0;
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let midrank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        rank_sum += midrank * tied.iter().filter(|&&index| positive[index]).count() as f64;
        before += tied.len();
    }
    let (positives, negatives) = (positives as f64, negatives as f64);
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::auc;

    /// Counts every pair of a positive and a negative.
    fn by_pairs(scores: &[f64], positive: &[bool]) -> Option<f64> {
        let side = |wanted: bool| {
            let rows = scores.iter().zip(positive);
            rows.filter(|(_, is)| **is == wanted).map(|(score, _)| *score).collect::<Vec<_>>()
        };
        let (above, below) = (side(true), side(false));
        let won: f64 = above
            .iter()
            .flat_map(|high| below.iter().map(move |low| (high, low)))
            .map(
                |(high, low)| if high > low { 1.0 } else { f64::from(u8::from(high == low)) / 2.0 },
            )
            .sum();
        let pairs = above.len() * below.len();
        (pairs > 0).then(|| won / pairs as f64)
    }

    proptest! {
        #[test]
        fn ranks_and_pairs_agree(rows in prop::collection::vec((0_u8..6, prop::bool::ANY), 0..40)) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let positive: Vec<bool> = rows.iter().map(|(_, positive)| *positive).collect();
            match (auc(&scores, &positive), by_pairs(&scores, &positive)) {
                (Some(fast), Some(naive)) => prop_assert!((fast - naive).abs() < 1e-12),
                (fast, naive) => prop_assert_eq!(fast, naive),
            }
        }
    }
}
