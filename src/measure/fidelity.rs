//! Fidelity: all distances between the features of real and of generated images at once.

use serde::Deserialize;
use serde::Serialize;

use crate::measure::frechet::ENOUGH;
use crate::measure::frechet::frechet;
use crate::measure::kid::Subset;
use crate::measure::kid::kid;
use crate::measure::manifold::manifold;

/// Distances between the features of real and of generated images; what too few images say nothing of is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Real images.
    pub real: usize,
    /// Generated images.
    pub fake: usize,
    /// Kernel distance, mean over subsets; see [`kid`](crate::measure::kid::kid).
    pub kid: Option<f64>,
    /// Its standard deviation over subsets; see [`Kid`](crate::measure::kid::Kid).
    pub kid_deviation: Option<f64>,
    /// Frechet distance; see [`frechet`](crate::measure::frechet::frechet).
    pub fid: Option<f64>,
    /// Whether either side has too few images for the Frechet distance to be compared with that of others.
    pub fid_is_biased: bool,
    /// See [`Manifold`](crate::measure::manifold::Manifold).
    pub precision: Option<f64>,
    /// See [`Manifold`](crate::measure::manifold::Manifold).
    pub recall: Option<f64>,
    /// See [`Manifold`](crate::measure::manifold::Manifold).
    pub density: Option<f64>,
    /// See [`Manifold`](crate::measure::manifold::Manifold).
    pub coverage: Option<f64>,
}

impl Fidelity {
    /// Returns the distances that nobody knows.
    pub fn none(real: usize, fake: usize) -> Self {
        Self {
            real,
            fake,
            kid: None,
            kid_deviation: None,
            fid: None,
            fid_is_biased: real.min(fake) < ENOUGH,
            precision: None,
            recall: None,
            density: None,
            coverage: None,
        }
    }

    /// Measures features, a row an image: the kernel distance on subsets, the reach of a row by `k` neighbours.
    pub fn of(real: &[Vec<f64>], fake: &[Vec<f64>], subsets: &[Subset], k: usize) -> Self {
        let (kid, manifold) = (kid(real, fake, subsets), manifold(real, fake, k));
        Self {
            kid: kid.map(|kid| kid.mean),
            kid_deviation: kid.and_then(|kid| kid.deviation),
            fid: frechet(real, fake),
            precision: manifold.map(|found| found.precision),
            recall: manifold.map(|found| found.recall),
            density: manifold.map(|found| found.density),
            coverage: manifold.map(|found| found.coverage),
            ..Self::none(real.len(), fake.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fidelity;
    use crate::measure::kid::subsets;
    use crate::measure::noise::rows;
    use crate::seed::Seed;

    #[test]
    fn too_few_images_say_nothing_rather_than_something_wrong() {
        let of = |real, fake| {
            let drawn = subsets(real, fake, 3, 9, Seed(1));
            Fidelity::of(&rows(real, 2, 0.0, 1), &rows(fake, 2, 0.0, 2), &drawn, 5)
        };
        assert_eq!(of(1, 0), Fidelity::none(1, 0));
        let few = of(4, 5);
        assert!(few.kid.is_some() && few.fid.is_some() && few.recall.is_none());
        let enough = of(6, 7);
        assert!(enough.coverage.is_some() && enough.fid_is_biased);
    }
}
