//! The rows that may be among the `k` nearest of one, found among bounds on distances.
//!
//! Knows distances by what they are not below and not above; where too many rows may be near, and in the end, by the
//! exact ones.

use std::cmp::Ordering;

/// Candidates that are worth waiting with before the far ones are forgotten.
const SOME: usize = 16;
/// For each of the nearest, those that may be left then before their distances decide.
const MANY: usize = 64;

/// The rows that may be among the nearest of one.
pub(super) struct Nearest {
    k: usize,
    /// A distance that those of the nearest do not exceed.
    bound: f64,
    candidates: Vec<Candidate>,
    /// So many candidates are too many.
    enough: usize,
}

/// A row that may be near.
struct Candidate {
    row: usize,
    /// Its distance is not below this.
    least: f64,
    /// Nor above this.
    most: f64,
}

impl Nearest {
    /// Returns the `k` nearest of which nothing is known but that none is farther than a bound.
    pub(super) fn of(k: usize, bound: f64) -> Self {
        Self { k, bound, candidates: Vec::new(), enough: SOME.max(2 * k) }
    }

    /// Returns the same number of nearest rows, of which nothing is known but the bound.
    pub(super) fn bounded(&self) -> Self {
        Self::of(self.k, self.bound)
    }

    /// Returns a distance that those of the nearest do not exceed.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// Takes note of a distance that those of the nearest do not exceed.
    pub(super) fn tighten(&mut self, bound: f64) {
        self.bound = self.bound.min(bound);
    }

    /// Takes note of a row, of which it is known what its distance is not below and not above; `squared` is the exact
    /// one of a row.
    pub(super) fn see(
        &mut self,
        row: usize,
        [least, most]: [f64; 2],
        squared: impl Fn(usize) -> f64,
    ) {
        if least <= self.bound {
            if self.candidates.is_empty() {
                self.candidates.reserve(SOME);
            }
            self.candidates.push(Candidate { row, least, most });
            if self.candidates.len() >= self.enough {
                self.forget_far_ones(squared);
            }
        }
    }

    /// Keeps those that may be among the nearest. Where these are very many, as where all are alike, their distances
    /// decide.
    fn forget_far_ones(&mut self, squared: impl Fn(usize) -> f64) {
        self.lower_the_bound();
        self.candidates.retain(|one| one.least <= self.bound);
        if self.candidates.len() > MANY * self.k {
            let rows = self.candidates.iter().map(|one| one.row);
            let mut exact: Vec<(f64, usize)> = rows.map(|row| (squared(row), row)).collect();
            exact.select_nth_unstable_by(self.k - 1, in_order);
            exact.truncate(self.k);
            let candidate = |(squared, row): (f64, usize)| {
                let apart = squared.sqrt();
                // The greater and the lesser of a number and none is the number.
                let (least, most) =
                    (apart.next_down().max(0.0), apart.next_up().min(f64::INFINITY));
                Candidate { row, least, most }
            };
            self.candidates = exact.into_iter().map(candidate).collect();
            self.lower_the_bound();
        }
        self.enough = SOME.max(2 * self.k).max(2 * self.candidates.len());
    }

    /// Lowers the bound to the distance that so many candidates do not exceed, and puts these first.
    fn lower_the_bound(&mut self) {
        if self.candidates.len() >= self.k {
            let by_most = |a: &Candidate, b: &Candidate| a.most.total_cmp(&b.most);
            let (_, kth, _) = self.candidates.select_nth_unstable_by(self.k - 1, by_most);
            self.bound = self.bound.min(kth.most);
        }
    }
}

/// Returns the squared distances and numbers of the `k` nearest among what was found in several places, or of all if
/// there are fewer, in order; `squared` is the exact distance of a row.
pub(super) fn exact<'a>(
    k: usize,
    parts: impl Iterator<Item = &'a Nearest> + Clone,
    squared: impl Fn(usize) -> f64,
) -> Vec<(f64, usize)> {
    let bound = parts.clone().map(Nearest::bound).fold(f64::INFINITY, f64::min);
    let candidates = parts.flat_map(|part| &part.candidates).filter(|one| one.least <= bound);
    let mut candidates: Vec<&Candidate> = candidates.collect();
    candidates.sort_unstable_by(|a, b| a.least.total_cmp(&b.least));
    let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(k + 1);
    for one in candidates {
        if nearest.len() == k && one.least * one.least > nearest[k - 1].0 {
            break;
        }
        let found = (squared(one.row), one.row);
        let place = nearest.partition_point(|near| in_order(near, &found).is_le());
        nearest.insert(place, found);
        nearest.truncate(k);
    }
    nearest
}

/// Compares two rows by their distances, and equally far ones by their numbers.
fn in_order(a: &(f64, usize), b: &(f64, usize)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}
