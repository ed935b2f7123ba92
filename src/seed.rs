//! Seeds, and the named random streams drawn from them.
//!
//! A stream depends on its seed and on the names that led to it, never on threads, on the order of
//! calls or on other streams. Knows nothing of what is drawn for.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;
use serde::Serialize;

/// Decides every draw below it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// Returns the seed of one named use, say `shuffle` or `initial weights`.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// Returns the seed of one numbered use, say an epoch or an image.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.named(&format!("#{number}"))
    }

    /// Returns the random stream of this seed, at its start.
    pub fn stream(self) -> Stream {
        Stream(ChaCha8Rng::seed_from_u64(self.0))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:016x})", self.0)
    }
}

/// A stream of draws; the same seed gives the same draws on every machine.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Draws a whole number from all of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws from `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws uniformly from `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Draws a whole number below `bound` (Lemire's multiplication; its bias is below `bound / 2^64`).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Answers yes with the given probability, 0 to 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws from the standard normal distribution (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Shuffles a slice (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn streams_are_told_apart_by_name_and_number() {
        let seed = Seed(7);
        let draws = [seed, seed.named("a"), seed.named("b"), seed.number(1), Seed(8)];
        let firsts = draws.map(|seed| seed.stream().next_u64());
        let mut unique = firsts.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), firsts.len());
        assert_eq!(seed.named("a").stream().next_u64(), firsts[1]);
    }

    #[test]
    fn draws_never_change_between_versions() {
        let mut stream = Seed(2021).named("golden").stream();
        let drawn = [stream.next_u64(), stream.next_u64(), stream.below(1000) as u64];
        insta::assert_debug_snapshot!(drawn, @"
        [
            9349041353808658664,
            2120330614758666900,
            422,
        ]
        ");
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let mut stream = Seed(1).stream();
        let n = 20_000;
        let normals: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        let mean = (0..n).map(|_| stream.range(2.0, 4.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 3.0).abs() < 0.03, "{mean}");
        assert!((0..n).all(|_| stream.below(5) < 5));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Seed(3).stream().shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
