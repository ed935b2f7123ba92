//! Times the passes of the published study, as `tests/bench/augment.py` times torchvision's.
//!
//! Reads one line of JSON from stdin and writes the seconds as JSON: from images in memory to copies
//! in memory, as `torchvision` is timed, and the whole stage, from images in memory to files.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ablate::artifact::ImageSet;
use ablate::artifact::Partition;
use ablate::artifact::Sample;
use ablate::augment::Pass;
use ablate::imaging::rgb::Rgb;
use ablate::seed::Seed;
use ablate::stage::Context;
use ablate::stage::Device;
use ablate::stage::Stage;
use ablate::stage::Unwatched;
use ablate::stages::classic_augment::ClassicAugment;
use ablate::stages::classic_augment::Inputs;
use ablate::stages::classic_augment::Params;
use rayon::iter::IndexedParallelIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wish {
    images: usize,
    size: usize,
    threads: usize,
}

fn images(wish: &Wish) -> ImageSet {
    let mut set = ImageSet::empty(wish.size, wish.size, vec!["0".to_owned()]);
    let mut stream = Seed(1).stream();
    // The same thousand again and again: to draw all takes longer than to augment them.
    let bytes = set.bytes_per_image();
    let some: Vec<Vec<u8>> = (0..1000)
        .map(|_| (0..bytes.div_ceil(8)).flat_map(|_| stream.next_u64().to_le_bytes()).collect())
        .collect();
    for index in 0..wish.images {
        let sample = Sample {
            id: format!("train/{index}"),
            label: Some(0),
            partition: Partition::Train,
            group: None,
            origin: "file".to_owned(),
        };
        set.push(sample, &some[index % some.len()][..bytes]);
    }
    set
}

/// Makes every copy, in memory that was written to before, and returns the seconds.
fn in_memory(set: &ImageSet, passes: &[Pass], threads: usize) -> f64 {
    let bytes = set.bytes_per_image();
    let mut copies = vec![1_u8; passes.len() * set.len() * bytes];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let start = Instant::now();
    pool.install(|| {
        copies.par_chunks_exact_mut(bytes).enumerate().for_each(|(number, to)| {
            let (pass, index) = (number / set.len(), number % set.len());
            let seed = Seed(1).named("pass").number(pass as u64).named(&set.samples[index].id);
            let mut image = Rgb::new(set.height, set.width, set.image(index).to_vec());
            passes[pass].apply(&mut image, seed);
            to.copy_from_slice(&image.pixels);
        });
    });
    start.elapsed().as_secs_f64()
}

/// Runs the stage and returns the seconds.
fn stage(set: ImageSet, params: &Params, threads: usize, folder: &Path) -> f64 {
    let context = Context {
        seed: Seed(1),
        device: Device::Cpu,
        threads,
        sources: BTreeMap::new(),
        folder: folder.to_owned(),
        environment: None,
        guard: None,
        checkpoints: None,
        observer: &Unwatched,
    };
    let start = Instant::now();
    let outputs = ClassicAugment::run(&context, params, Inputs { images: vec![set] }).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(!outputs.images.is_empty());
    seconds
}

fn main() {
    let wish: Wish = serde_json::from_reader(std::io::stdin()).unwrap();
    let params: Params = serde_json::from_str("{}").unwrap();
    let set = images(&wish);
    let passes = in_memory(&set, &params.passes, wish.threads);
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(set, &params, wish.threads, folder.path());
    let told = serde_json::json!({"passes": passes, "stage": stage});
    serde_json::to_writer(std::io::stdout(), &told).unwrap();
}
