//! A WGAN's training with all that it draws: order of images, latent vectors, shares of the penalty.
//!
//! The draws are made anew from the seed, by the names that `src/ml/wgan.rs` gives them.

use std::path::PathBuf;

use ablate::artifact::CriticNorm;
use ablate::artifact::Gan;
use ablate::artifact::GanShape;
use ablate::ml;
use ablate::ml::CriticLimit;
use ablate::ml::Optimiser;
use ablate::ml::WganSettings;
use ablate::seed::Seed;
use ablate::stage::Course;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::Pictures;
use crate::context;

/// What to train. An epoch is one iteration: all its critic steps, then one step of the generator.
#[derive(Deserialize)]
pub(crate) struct Job {
    images: Pictures,
    shape: Shape,
    batch: usize,
    epochs: usize,
    learning_rate: f64,
    /// Weight of the gradient penalty; without one the critic is clipped to 0.01.
    penalty: Option<f64>,
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Shape {
    latent: usize,
    generator_width: usize,
    critic_width: usize,
}

impl Job {
    fn settings(&self, images: usize, epochs: usize) -> WganSettings {
        let shape = GanShape {
            size: self.images.side,
            latent: self.shape.latent,
            generator_width: self.shape.generator_width,
            critic_width: self.shape.critic_width,
            critic_norm: match self.penalty {
                Some(_) => CriticNorm::Layer,
                None => CriticNorm::Batch,
            },
            ..GanShape::default()
        };
        let plain =
            WganSettings::new(shape, self.batch, Course::single(epochs, self.learning_rate));
        let plain = WganSettings { critic_steps: images / self.batch, ..plain };
        match self.penalty {
            Some(weight) => WganSettings {
                limit: CriticLimit::GradientPenalty(weight),
                optimiser: Optimiser::Adam,
                ..plain
            },
            None => plain,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        ablate::files::write(&self.folder.join(name), bytes).unwrap();
    }

    fn write_networks(&self, when: &str, gan: &Gan) {
        self.write(&format!("{when}-generator.safetensors"), &gan.generator);
        self.write(&format!("{when}-critic.safetensors"), &gan.critic);
    }

    /// Writes what the steps draw.
    fn write_draws(&self, seed: Seed, images: usize) {
        let mut order: Vec<i64> = Vec::new();
        let mut latent: Vec<f32> = Vec::new();
        let mut generator_latent: Vec<f32> = Vec::new();
        let mut shares: Vec<f32> = Vec::new();
        let steps = images / self.batch;
        let numbers = self.batch * self.shape.latent;
        let uniform = |seed: Seed| {
            let mut stream = seed.stream();
            (0..numbers).map(move |_| stream.range(-1.0, 1.0) as f32)
        };
        for epoch in 0..self.epochs {
            let mut places: Vec<i64> = (0..images as i64).collect();
            seed.named("order").number(epoch as u64).stream().shuffle(&mut places);
            order.extend(places);
            for step in epoch * steps..(epoch + 1) * steps {
                let seed = seed.named("steps").number(step as u64);
                latent.extend(uniform(seed.named("latent")));
                let mut stream = seed.named("mix").stream();
                shares.extend((0..self.batch).map(|_| stream.unit() as f32));
                if (step + 1).is_multiple_of(steps) {
                    generator_latent.extend(uniform(seed.named("generator latent")));
                }
            }
        }
        let floats = |numbers: &[f32]| -> Vec<u8> {
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
        };
        let order: Vec<u8> = order.iter().flat_map(|place| place.to_le_bytes()).collect();
        let (latent, shares) = (floats(&latent), floats(&shares));
        let generator_latent = floats(&generator_latent);
        let (all, each) = (self.epochs * steps, self.shape.latent);
        let view =
            |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
        let order = TensorView::new(Dtype::I64, vec![self.epochs, images], &order).unwrap();
        let drawn = [
            ("order", order),
            ("latent", view(&[all, self.batch, each], &latent)),
            ("shares", view(&[all, self.batch], &shares)),
            ("generator_latent", view(&[self.epochs, self.batch, each], &generator_latent)),
        ];
        self.write("drawn.safetensors", &safetensors::serialize(drawn, None).unwrap());
    }
}

/// Trains, and tells the losses of each iteration: the critic's mean, the generator's.
pub(crate) fn train(job: &Job) -> Value {
    let set = job.images.set();
    assert!(set.len().is_multiple_of(job.batch), "batches are full");
    let cx = context(None);
    let train = |epochs| ml::train_wgan(&cx, &job.settings(set.len(), epochs), &set).unwrap();
    job.write_draws(cx.seed, set.len());
    job.write_networks("start", &train(0));
    let gan = train(job.epochs);
    job.write_networks("end", &gan);
    let column = |name| gan.history.column(name).unwrap();
    json!({"critic": column("critic_loss"), "generator": column("generator_loss")})
}
