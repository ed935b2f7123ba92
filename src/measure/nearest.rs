//! The rows that may be among the `k` nearest of one, found among bounds on distances.
//!
//! Knows distances by what they are not below and not above; where too many rows may be near, and in the end, by the
//! exact ones.

use crate::measure::pairs::is_far;
use crate::measure::pairs::squared;

/// Candidates for each of the nearest that are worth waiting with.
const MANY: usize = 64;

/// The rows that may be among the nearest of one.
pub(super) struct Nearest {
    /// The `k` smallest numbers that squared distances are known not to exceed, in order; whatever is farther than the
    /// last of them is none of the nearest.
    most: Vec<f32>,
    /// Numbers of rows, and what their squared distances are not below.
    candidates: Vec<(usize, f32)>,
}

impl Nearest {
    /// Returns the `k` nearest of which nothing is known but that none is farther than a bound.
    pub(super) fn of(k: usize, bound: f32) -> Self {
        Self { most: vec![bound; k], candidates: Vec::new() }
    }

    /// Returns the same number of nearest rows, of which nothing is known but the bound.
    pub(super) fn bounded(&self) -> Self {
        Self::of(self.most.len(), self.bound())
    }

    /// Returns a squared distance that those of the nearest do not exceed.
    pub(super) fn bound(&self) -> f32 {
        self.most.last().copied().unwrap_or(f32::INFINITY)
    }

    /// Takes note of a row, of which it is known what its squared distance is not below and not above. Where very many
    /// rows may be among the nearest of the row `own`, as where all are alike, their distances decide.
    pub(super) fn see(
        &mut self,
        row: usize,
        [least, most]: [f32; 2],
        own: usize,
        rows: &[Vec<f64>],
    ) {
        if is_far(least, self.bound()) {
            return;
        }
        self.candidates.push((row, least));
        self.narrow(most);
        let many = MANY * self.most.len();
        if self.candidates.len() > many {
            self.forget_far_ones();
            if self.candidates.len() > many / 2 {
                self.settle(own, rows);
            }
        }
    }

    /// Adds what was found among other rows.
    pub(super) fn merge(&mut self, other: Self) {
        other.most.into_iter().for_each(|most| self.narrow(most));
        self.candidates.extend(other.candidates);
        self.forget_far_ones();
    }

    /// Returns the squared distance of the `k`-th nearest.
    pub(super) fn kth(&self, own: usize, rows: &[Vec<f64>]) -> f64 {
        self.exact(own, rows)[self.most.len() - 1].0
    }

    fn narrow(&mut self, most: f32) {
        if most < self.bound() {
            let place = self.most.partition_point(|one| *one <= most);
            self.most.insert(place, most);
            self.most.pop();
        }
    }

    fn forget_far_ones(&mut self) {
        let bound = self.bound();
        self.candidates.retain(|(_, least)| !is_far(*least, bound));
    }

    /// Returns the squared distance of each candidate and its number, the nearest first.
    fn exact(&self, own: usize, rows: &[Vec<f64>]) -> Vec<(f64, usize)> {
        let candidates = self.candidates.iter();
        let mut exact: Vec<(f64, usize)> =
            candidates.map(|(other, _)| (squared(&rows[own], &rows[*other]), *other)).collect();
        exact.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        exact
    }

    /// Keeps the nearest candidates, of which there are more than enough.
    fn settle(&mut self, own: usize, rows: &[Vec<f64>]) {
        let bound = self.bound();
        let mut exact = self.exact(own, rows);
        exact.truncate(self.most.len());
        let most = exact.iter().map(|(apart, _)| (*apart as f32).next_up().min(bound));
        self.most = most.collect();
        let least = exact.into_iter().map(|(apart, row)| (row, (apart as f32).next_down()));
        self.candidates = least.collect();
    }
}
