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

    /// Draws from the beta distribution, 0 to 1; both parameters are more than 0. What is far below 1
    /// puts nearly all draws at the ends.
    pub fn beta(&mut self, first: f64, second: f64) -> f64 {
        let (one, other) = (self.log_gamma(first), self.log_gamma(second));
        1.0 / (1.0 + (other - one).exp())
    }

    /// Draws the logarithm of a gamma variate of the given shape and scale 1 (Marsaglia and Tsang, 2000):
    /// the variate itself of a small shape may be too small for a number.
    fn log_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.log_gamma(shape + 1.0) + (1.0 - self.unit()).ln() / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return (d * v).ln();
            }
        }
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
    fn beta_draws_have_the_moments_of_their_distribution() {
        let mut stream = Seed(4).stream();
        for (a, b) in [(1.0, 1.0), (0.2, 0.2), (2.0, 5.0), (0.01, 0.01), (30.0, 30.0)] {
            let n = 20_000;
            let draws: Vec<f64> = (0..n).map(|_| stream.beta(a, b)).collect();
            assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            assert!((mean - a / (a + b)).abs() < 0.02, "{a} {b}: {mean}");
            let expected = a * b / ((a + b).powi(2) * (a + b + 1.0));
            assert!((variance / expected - 1.0).abs() < 0.05, "{a} {b}: {variance}");
        }
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
