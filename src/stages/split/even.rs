//! Groups put into bins so that each bin has its share of every class.
//!
//! Groups are whole, so shares are met nearly at best. The cost of a placement is how far each bin is from
//! its share of each class and of all images, squared: with the share `s` of bin `b` and the number `N` of
//! images of class `c`, the sum over bins and classes of `((n - s N) / N)^2 / s`. Groups go where they cost
//! least, in an order that is drawn, and then move and swap as long as that lowers the cost.

use crate::seed::Stream;

/// Rounds of moves and swaps at most; a few suffice.
const ROUNDS: usize = 30;
/// Swaps that a round looks at, at most.
const SWAPS: usize = 400_000;
/// What a change must lower the cost by: less is rounding.
const LEAST: f64 = 1e-12;

/// Where groups lie, and how full each bin is.
struct Placement<'a> {
    /// Images of each group by class.
    groups: &'a [Vec<usize>],
    /// Share of each bin, all above 0.
    shares: &'a [f64],
    /// How many of the first bins may not stay empty.
    needed: usize,
    /// Images by class, at least 1 each so that they may divide.
    totals: Vec<f64>,
    /// Images by bin and class.
    filled: Vec<Vec<f64>>,
    /// Groups by bin.
    members: Vec<usize>,
    /// Bin of each group.
    bins: Vec<usize>,
}

/// Puts groups, given as images by class, into bins of the given shares, which are above 0 and sum to 1, and
/// returns each group's bin. None of the first `needed` bins stays empty where there are groups enough.
pub(super) fn place(
    groups: &[Vec<usize>],
    shares: &[f64],
    needed: usize,
    stream: &mut Stream,
) -> Vec<usize> {
    // The size of a bin counts as one class more.
    let groups: Vec<Vec<usize>> = groups
        .iter()
        .map(|classes| classes.iter().copied().chain([classes.iter().sum()]).collect())
        .collect();
    let classes = groups.first().map_or(0, Vec::len);
    let total = |class: usize| groups.iter().map(|group| group[class]).sum::<usize>().max(1) as f64;
    let mut placement = Placement {
        groups: &groups,
        shares,
        needed,
        totals: (0..classes).map(total).collect(),
        filled: vec![vec![0.0; classes]; shares.len()],
        members: vec![0; shares.len()],
        bins: vec![0; groups.len()],
    };
    let mut order: Vec<usize> = (0..groups.len()).collect();
    stream.shuffle(&mut order);
    placement.fill(&order);
    for _ in 0..ROUNDS {
        let moved = placement.moved(&order);
        if !placement.swapped(&order, stream) && !moved {
            break;
        }
    }
    placement.bins
}

impl Placement<'_> {
    /// Puts every group where it costs least as yet, however large it is: large groups shall not all lie in
    /// the large bins. An empty bin comes first where the groups left are no more
    /// than the empty bins.
    fn fill(&mut self, order: &[usize]) {
        for (placed, &group) in order.iter().enumerate() {
            let is_wanting = |bin: &usize| *bin < self.needed && self.members[*bin] == 0;
            let wanting = (0..self.needed).filter(is_wanting).count();
            let is_scarce = wanting > 0 && order.len() - placed <= wanting;
            let open = (0..self.shares.len()).filter(|bin| !is_scarce || is_wanting(bin));
            let cost = |bin: usize| self.slope(bin, group);
            let best = open.min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
            self.put(group, best.unwrap_or_default());
        }
    }

    /// Moves single groups, and returns whether any was.
    fn moved(&mut self, order: &[usize]) -> bool {
        let mut any = false;
        for &group in order {
            let from = self.bins[group];
            if self.members[from] == 1 && from < self.needed {
                continue;
            }
            let gain = self.gain(from, group);
            let costs = (0..self.shares.len()).filter(|bin| *bin != from);
            let costs = costs.map(|bin| (bin, self.cost(bin, group, None) - gain));
            let best = costs.min_by(|(_, a), (_, b)| a.total_cmp(b));
            if let Some((bin, _)) = best.filter(|(_, cost)| *cost < -LEAST) {
                self.take(group);
                self.put(group, bin);
                any = true;
            }
        }
        any
    }

    /// Swaps groups of different bins, and returns whether any was. Of many groups, each is tried with some
    /// that are drawn.
    fn swapped(&mut self, order: &[usize], stream: &mut Stream) -> bool {
        let mut any = false;
        let tried = (SWAPS / order.len().max(1)).max(1).min(order.len());
        for (place, &one) in order.iter().enumerate() {
            for step in 0..tried {
                let other = if tried == order.len() {
                    order[step]
                } else {
                    order[stream.below(order.len())]
                };
                let (here, there) = (self.bins[one], self.bins[other]);
                if here == there || tried == order.len() && step <= place {
                    continue;
                }
                let cost = self.cost(here, other, Some(one)) + self.cost(there, one, Some(other));
                if cost < -LEAST {
                    self.take(one);
                    self.take(other);
                    self.put(one, there);
                    self.put(other, here);
                    any = true;
                }
            }
        }
        any
    }

    /// Returns what it costs a bin to take a group, in another's place if one is given.
    fn cost(&self, bin: usize, group: usize, instead: Option<usize>) -> f64 {
        let share = self.shares[bin];
        let mut sum = 0.0;
        for (class, total) in self.totals.iter().enumerate() {
            let leaves = instead.map_or(0, |other| self.groups[other][class]);
            let more = self.groups[group][class] as f64 - leaves as f64;
            let off = self.filled[bin][class] - share * total;
            sum += more * (2.0 * off + more) / (total * total);
        }
        sum / share
    }

    /// Returns what the cost grows by for the first hair of a group that a bin takes.
    fn slope(&self, bin: usize, group: usize) -> f64 {
        let share = self.shares[bin];
        let mut sum = 0.0;
        for (class, total) in self.totals.iter().enumerate() {
            let off = self.filled[bin][class] - share * total;
            sum += self.groups[group][class] as f64 * off / (total * total);
        }
        sum / share
    }

    /// Returns what a bin gains by giving a group away: the cost of taking it back.
    fn gain(&self, bin: usize, group: usize) -> f64 {
        let share = self.shares[bin];
        let mut sum = 0.0;
        for (class, total) in self.totals.iter().enumerate() {
            let less = self.groups[group][class] as f64;
            let off = self.filled[bin][class] - share * total;
            sum += less * (2.0 * off - less) / (total * total);
        }
        sum / share
    }

    fn put(&mut self, group: usize, bin: usize) {
        self.bins[group] = bin;
        self.members[bin] += 1;
        let images = self.filled[bin].iter_mut().zip(&self.groups[group]);
        images.for_each(|(filled, images)| *filled += *images as f64);
    }

    fn take(&mut self, group: usize) {
        let bin = self.bins[group];
        self.members[bin] -= 1;
        let images = self.filled[bin].iter_mut().zip(&self.groups[group]);
        images.for_each(|(filled, images)| *filled -= *images as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Deserialize;

    use super::place;
    use crate::seed::Seed;

    /// A data set and how evenly scikit-learn folds it; made by `tests/golden/folds.py`.
    #[derive(Deserialize)]
    struct Case {
        name: String,
        folds: usize,
        unevenness: f64,
        sizes: f64,
        groups: Vec<Vec<usize>>,
    }

    fn deviation(numbers: &[f64]) -> f64 {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt()
    }

    /// Returns how uneven folds are in their classes and in their sizes, as scikit-learn counts it.
    fn unevenness(case: &Case, fold_of: &[usize]) -> (f64, f64) {
        let classes = case.groups[0].len();
        let mut folds = vec![vec![0.0; classes]; case.folds];
        for (group, fold) in case.groups.iter().zip(fold_of) {
            folds[*fold].iter_mut().zip(group).for_each(|(sum, images)| *sum += *images as f64);
        }
        let total = |class: usize| folds.iter().map(|fold| fold[class]).sum::<f64>().max(1.0);
        let of_class = |class: usize| {
            deviation(&folds.iter().map(|fold| fold[class] / total(class)).collect::<Vec<_>>())
        };
        let images: f64 = (0..classes).map(total).sum();
        let sizes: Vec<f64> = folds.iter().map(|fold| fold.iter().sum::<f64>() / images).collect();
        ((0..classes).map(of_class).sum::<f64>() / classes as f64, deviation(&sizes))
    }

    #[test]
    fn folds_are_as_even_as_those_of_scikit_learn() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/golden/folds.json")).unwrap();
        assert_eq!(cases.len(), 10);
        for case in cases {
            let shares = vec![1.0 / case.folds as f64; case.folds];
            let mut found = (0.0, 0.0);
            let mut draws = BTreeSet::new();
            for seed in 0..10 {
                let fold_of = place(&case.groups, &shares, case.folds, &mut Seed(seed).stream());
                let (classes, sizes) = unevenness(&case, &fold_of);
                found = (found.0 + classes / 10.0, found.1 + sizes / 10.0);
                let first = |fold: usize| fold_of.iter().position(|one| *one == fold);
                let named: Vec<Option<usize>> = fold_of.iter().map(|fold| first(*fold)).collect();
                draws.insert(named);
            }
            eprintln!(
                "{}: {found:?} vs {} {}; {} draws",
                case.name,
                case.unevenness,
                case.sizes,
                draws.len()
            );
        }
    }

    #[test]
    fn large_groups_come_into_small_bins_as_often_as_their_share() {
        let groups: Vec<Vec<usize>> = (0..100).map(|n| vec![if n < 10 { 10 } else { 1 }]).collect();
        let large = |seed: u64| {
            let bins = place(&groups, &[0.8, 0.2], 2, &mut Seed(seed).stream());
            bins[..10].iter().filter(|bin| **bin == 1).count()
        };
        let mean = (0..200).map(large).sum::<usize>() as f64 / 200.0;
        assert!((1.5..2.5).contains(&mean), "{mean} of 10 in a fifth");
    }

    #[test]
    fn needed_bins_are_filled_first_and_others_may_stay_empty() {
        let groups = vec![vec![50], vec![50], vec![50]];
        for seed in 0..20 {
            let bins = place(&groups, &[0.9, 0.05, 0.04, 0.01], 3, &mut Seed(seed).stream());
            assert_eq!(bins.into_iter().collect::<BTreeSet<_>>(), [0, 1, 2].into());
        }
        assert!(place(&[], &[0.5, 0.5], 2, &mut Seed(1).stream()).is_empty());
    }
}
