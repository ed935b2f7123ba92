//! Made-up features for tests of measures.

use crate::seed::Seed;

/// Returns rows of normal noise around a centre.
pub(super) fn rows(count: usize, width: usize, centre: f64, seed: u64) -> Vec<Vec<f64>> {
    let mut stream = Seed(seed).stream();
    (0..count).map(|_| (0..width).map(|_| centre + stream.normal()).collect()).collect()
}
