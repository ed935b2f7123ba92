//! Area under the ROC curve: the chance that a positive is scored above a negative.

/// One score of one image, for or against being positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Number of the image.
    pub image: usize,
    /// The score.
    pub score: f64,
    /// Whether it is of the positive side.
    pub positive: bool,
}

/// Scores in rising order. Sorted once, for as many draws of the images as are asked about.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Image and side, in the order of the scores.
    sorted: Vec<(usize, bool)>,
    /// Where each run of equal scores ends.
    ends: Vec<usize>,
}

impl Ranking {
    /// Sorts scores.
    pub fn of(scores: impl Iterator<Item = Scored>) -> Self {
        let mut scores: Vec<Scored> = scores.collect();
        scores.sort_by(|a, b| a.score.total_cmp(&b.score));
        let mut ends = Vec::new();
        for tied in scores.chunk_by(|a, b| a.score == b.score) {
            ends.push(ends.last().unwrap_or(&0) + tied.len());
        }
        Self { sorted: scores.iter().map(|one| (one.image, one.positive)).collect(), ends }
    }

    /// Returns the area under the ROC curve where each image counts `times[image]` times, ties half
    /// (Mann and Whitney, 1947); absent where positives or negatives are missing.
    pub fn area(&self, times: &[usize]) -> Option<f64> {
        let (mut positives, mut negatives) = (0_usize, 0_usize);
        // Pairs that the positive wins, doubled so that ties stay whole numbers.
        let mut won = 0.0;
        let mut from = 0;
        for &end in &self.ends {
            let (mut up, mut down) = (0, 0);
            for &(image, positive) in &self.sorted[from..end] {
                if positive {
                    up += times[image];
                } else {
                    down += times[image];
                }
            }
            won += up as f64 * (2 * negatives + down) as f64;
            positives += up;
            negatives += down;
            from = end;
        }
        let pairs = positives as f64 * negatives as f64;
        (pairs > 0.0).then(|| won / (2.0 * pairs))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::Ranking;
    use super::Scored;

    type Row = (u8, bool, usize);

    fn area(rows: &[Row], score: impl Fn(u8) -> f64) -> Option<f64> {
        let scored = rows.iter().enumerate().map(|(image, &(level, positive, _))| Scored {
            image,
            score: score(level),
            positive,
        });
        let times: Vec<usize> = rows.iter().map(|(_, _, times)| *times).collect();
        Ranking::of(scored).area(&times)
    }

    /// Counts every pair of a positive and a negative.
    fn by_pairs(rows: &[Row]) -> Option<f64> {
        let side = |wanted: bool| {
            let of_side = rows.iter().filter(move |(_, positive, _)| *positive == wanted);
            of_side.flat_map(|(level, _, times)| std::iter::repeat_n(*level, *times))
        };
        let (mut won, mut pairs) = (0.0, 0_usize);
        for high in side(true) {
            for low in side(false) {
                won += f64::from(u8::from(high > low)) + f64::from(u8::from(high == low)) / 2.0;
                pairs += 1;
            }
        }
        (pairs > 0).then(|| won / pairs as f64)
    }

    fn rows() -> impl proptest::strategy::Strategy<Value = Vec<Row>> {
        prop::collection::vec((0_u8..6, prop::bool::ANY, 0_usize..3), 0..40)
    }

    proptest! {
        #[test]
        fn ranks_and_pairs_agree(rows in rows()) {
            match (area(&rows, f64::from), by_pairs(&rows)) {
                (Some(fast), Some(naive)) => prop_assert!((fast - naive).abs() < 1e-12),
                (fast, naive) => prop_assert_eq!(fast, naive),
            }
        }

        #[test]
        fn only_the_order_counts_and_turning_it_turns_the_area(rows in rows()) {
            let plain = area(&rows, f64::from);
            prop_assert_eq!(plain, area(&rows, |level| f64::from(level).exp()));
            let turned = area(&rows, |level| -f64::from(level));
            let sum = plain.zip(turned).map(|(one, other)| one + other);
            prop_assert!(sum.is_none_or(|sum| (sum - 1.0).abs() < 1e-12));
        }
    }
}
