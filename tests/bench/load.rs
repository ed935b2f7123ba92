//! Times `load` of a folder of photographs and of a `.npz`, as `tests/bench/load.py` times Python's.
//!
//! Reads one line of JSON from stdin and writes the seconds as JSON.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use ablate::seed::Seed;
use ablate::stage::Context;
use ablate::stage::Device;
use ablate::stage::Stage;
use ablate::stage::Unwatched;
use ablate::stages::load::Inputs;
use ablate::stages::load::Load;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wish {
    /// Params of the stage.
    params: serde_json::Value,
    /// The file or folder that they name.
    source: PathBuf,
    threads: usize,
}

fn main() {
    let wish: Wish = serde_json::from_reader(std::io::stdin()).unwrap();
    let params = serde_json::from_value(wish.params).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources = Load::sources(&params).into_iter();
    let context = Context {
        seed: Seed(1),
        device: Device::Cpu,
        threads: wish.threads,
        sources: sources
            .map(|source| (source.name, wish.source.clone()))
            .collect::<BTreeMap<_, _>>(),
        folder: folder.path().to_owned(),
        environment: None,
        guard: None,
        checkpoints: None,
        observer: &Unwatched,
    };
    let start = Instant::now();
    let outputs = Load::run(&context, &params, Inputs {}).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let told = serde_json::json!({"seconds": seconds, "images": outputs.images.len()});
    serde_json::to_writer(std::io::stdout(), &told).unwrap();
}
