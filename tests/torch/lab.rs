//! What the tests share: a watcher that counts, contexts, and images drawn by formula.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use ablate::artifact::ImageSet;
use ablate::artifact::Partition;
use ablate::artifact::Sample;
use ablate::seed::Seed;
use ablate::stage::Context;
use ablate::stage::Device;
use ablate::stage::Observer;
use ablate::stage::Tick;

/// Remembers what it is told and asks to stop after some ticks.
#[derive(Default)]
pub(crate) struct Watcher {
    pub(crate) notes: Mutex<Vec<String>>,
    pub(crate) ticks: Mutex<Vec<Tick>>,
    /// Epochs after which to stop; 0 means never.
    pub(crate) stop_after: u64,
    clock: AtomicU64,
}

impl Watcher {
    pub(crate) fn stopping_after(epochs: u64) -> Self {
        Self { stop_after: epochs, ..Self::default() }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

impl Observer for Watcher {
    fn tick(&self, tick: &Tick) {
        self.ticks.lock().unwrap().push(tick.clone());
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }

    fn cancelled(&self) -> bool {
        let done = self.ticks.lock().unwrap().last().map_or(0, |tick| tick.done);
        self.stop_after > 0 && done >= self.stop_after
    }

    fn seconds(&self) -> f64 {
        self.clock.fetch_add(1, Ordering::Relaxed) as f64
    }
}

/// Returns a context on one thread of the CPU.
pub(crate) fn context<'a>(watcher: &'a Watcher, checkpoints: Option<&Path>) -> Context<'a> {
    Context {
        seed: Seed(2021),
        device: Device::Cpu,
        threads: 1,
        sources: BTreeMap::new(),
        folder: PathBuf::new(),
        environment: None,
        guard: None,
        checkpoints: checkpoints.map(Path::to_owned),
        observer: watcher,
    }
}

/// Returns images of two classes: a bright disc on dark, and a bright frame.
pub(crate) fn images(count: usize, size: usize) -> ImageSet {
    let mut set = ImageSet::empty(size, size, vec!["disc".into(), "frame".into()]);
    let mut stream = Seed(7).stream();
    for index in 0..count {
        let label = index % 2;
        let mut pixels = Vec::new();
        for place in 0..size * size {
            let across = (place % size) as f64 - (size as f64 - 1.0) / 2.0;
            let down = (place / size) as f64 - (size as f64 - 1.0) / 2.0;
            let inside = across.abs().max(down.abs()) < size as f64 / 4.0;
            let bright = inside == (label == 0);
            for _ in 0..3 {
                let noise = stream.range(-20.0, 20.0);
                pixels.push((if bright { 200.0 } else { 50.0 } + noise) as u8);
            }
        }
        let sample = Sample {
            id: format!("train/{index}"),
            label: Some(label),
            partition: Partition::Train,
            group: None,
            origin: "rendered".to_owned(),
        };
        set.push(sample, &pixels);
    }
    set
}
