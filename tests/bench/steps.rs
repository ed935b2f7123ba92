//! Times the worker's training steps, as `tests/bench/steps.py` times PyTorch's.
//!
//! Reads one line of JSON from stdin and writes the seconds of each epoch and the peak of memory as JSON. An epoch
//! is one step unless `epoch` says how many, so the times are all that a user waits for.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use ablate::artifact::CriticNorm;
use ablate::artifact::GanShape;
use ablate::artifact::ImageSet;
use ablate::artifact::Partition;
use ablate::artifact::Sample;
use ablate::ml;
use ablate::ml::ClassifierSettings;
use ablate::ml::Precision;
use ablate::ml::WganSettings;
use ablate::seed::Seed;
use ablate::stage::Context;
use ablate::stage::Course;
use ablate::stage::Device;
use ablate::stage::Observer;
use ablate::stage::Tick;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wish {
    case: String,
    steps: usize,
    threads: usize,
    #[serde(default = "cpu")]
    device: Device,
    #[serde(default)]
    precision: Precision,
    /// Images in a batch of the WGAN.
    #[serde(default = "eight")]
    batch: usize,
    /// Steps in an epoch; five of the critic and one of the generator count as one.
    #[serde(default = "one")]
    epoch: usize,
}

fn one() -> usize {
    1
}

fn eight() -> usize {
    8
}

fn cpu() -> Device {
    Device::Cpu
}

/// Notes when each epoch ends. Its time stands still for the training, so that nothing is told within an epoch.
struct StopWatch {
    start: Instant,
    laps: Mutex<Vec<(u64, f64)>>,
}

impl Observer for StopWatch {
    fn tick(&self, tick: &Tick) {
        let now = self.start.elapsed().as_secs_f64();
        let mut laps = self.laps.lock().unwrap();
        if laps.last().map_or(0, |lap| lap.0) < tick.done {
            laps.push((tick.done, now));
        }
    }
}

fn images(count: usize) -> ImageSet {
    let classes = (0..5).map(|class| class.to_string()).collect();
    let mut set = ImageSet::empty(64, 64, classes);
    let mut stream = Seed(1).stream();
    for index in 0..count {
        let pixels: Vec<u8> = (0..64 * 64 * 3).map(|_| stream.below(256) as u8).collect();
        let sample = Sample {
            id: index.to_string(),
            label: Some(index % 5),
            partition: Partition::Train,
            group: None,
            origin: "rendered".to_owned(),
        };
        set.push(sample, &pixels);
    }
    set
}

fn classifier(cx: &Context<'_>, wish: &Wish, steps: usize) {
    let network = serde_json::from_value(wish.case.as_str().into()).unwrap();
    let mut settings = ClassifierSettings::new(network, 64, Course::single(steps, 1e-4));
    settings.exactness.precision = wish.precision;
    ml::train_classifier(cx, &settings, &images(64 * wish.epoch), None).unwrap();
}

fn wgan(cx: &Context<'_>, wish: &Wish, steps: usize) {
    let shape = GanShape {
        size: 64,
        latent: 100,
        generator_width: 1024,
        critic_width: 64,
        critic_norm: CriticNorm::Batch,
        ..GanShape::default()
    };
    let mut settings = WganSettings::new(shape, wish.batch, Course::single(steps, 1e-4));
    settings.exactness.precision = wish.precision;
    ml::train_wgan(cx, &settings, &images(5 * wish.batch * wish.epoch)).unwrap();
}

/// Returns the most memory that this process has had, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let wish: Wish = serde_json::from_str(&line).unwrap();
    let watch = StopWatch { start: Instant::now(), laps: Mutex::default() };
    let cx = Context {
        seed: Seed(1),
        device: wish.device,
        threads: wish.threads,
        sources: BTreeMap::new(),
        folder: PathBuf::new(),
        environment: None,
        guard: None,
        checkpoints: None,
        observer: &watch,
    };
    // One epoch more: what comes before the first one ends is preparation.
    match wish.case.as_str() {
        "wgan" => wgan(&cx, &wish, wish.steps + 1),
        _ => classifier(&cx, &wish, wish.steps + 1),
    }
    let laps = watch.laps.lock().unwrap();
    let seconds: Vec<f64> = laps.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    let told = serde_json::json!({"seconds": seconds, "peak_kib": peak_kib()});
    let text = told.to_string();
    std::io::stdout().write_all((text + "\n").as_bytes()).unwrap();
}
