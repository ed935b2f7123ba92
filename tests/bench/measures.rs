//! Times the measures of generated images, as `tests/bench/measures.py` times those of Python libraries.
//!
//! Reads one line of JSON from stdin, features as little-endian doubles from the two files that it names, and
//! writes seconds and numbers as JSON.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use ablate::measure::components::Components;
use ablate::measure::frechet::frechet;
use ablate::measure::kid;
use ablate::measure::kid::Subset;
use ablate::measure::manifold::manifold;
use ablate::measure::neighbours::neighbours;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Wish {
    real: PathBuf,
    fake: PathBuf,
    width: usize,
    threads: usize,
    neighbours: usize,
    subsets: Vec<Subset>,
    components: usize,
}

fn rows(path: &Path, width: usize) -> Vec<Vec<f64>> {
    let bytes = ablate::files::read(path).unwrap();
    let numbers: Vec<f64> =
        bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    numbers.chunks_exact(width).map(<[f64]>::to_vec).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let made = work();
    (start.elapsed().as_secs_f64(), made)
}

fn main() {
    let wish: Wish = serde_json::from_reader(std::io::stdin()).unwrap();
    let (real, fake) = (rows(&wish.real, wish.width), rows(&wish.fake, wish.width));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(wish.threads).build().unwrap();
    let told = pool.install(|| {
        // As the others do, so that no time goes into the first use of anything.
        manifold(&real[..50], &fake[..50], wish.neighbours).unwrap();
        let (prdc, found) = timed(|| manifold(&real, &fake, wish.neighbours).unwrap());
        let (near, found_near) = timed(|| neighbours(&fake, &real, wish.neighbours));
        let apart: f64 = found_near.iter().flatten().map(|near| near.distance).sum();
        let (kid, kernel) = timed(|| kid::kid(&real, &fake, &wish.subsets).unwrap());
        let (fid, distance) = timed(|| frechet(&real, &fake).unwrap());
        let (pca, components) = timed(|| Components::of(&real, wish.components));
        json!({
            "seconds": {"prdc": prdc, "near": near, "kid": kid, "fid": fid, "pca": pca},
            "numbers": {
                "precision": found.precision,
                "recall": found.recall,
                "density": found.density,
                "coverage": found.coverage,
                "apart": apart / (fake.len() * wish.neighbours) as f64,
                "kid": kernel.mean,
                "fid": distance,
                "variance": components.variances[0],
            },
        })
    });
    serde_json::to_writer(std::io::stdout(), &told).unwrap();
}
