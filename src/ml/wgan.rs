//! The Wasserstein GAN (Arjovsky et al. 2017): its losses, one step of each network, an epoch.
//!
//! Steps: one critic step a batch, one generator step after each `critic_steps` of them, counted
//! across epochs; a warm-up asks for more of them. Real and generated images pass the critic apart, as its batch
//! statistics demand. Where both networks are told classes, those of a generated batch are the classes of the real one beside it.

use std::collections::BTreeMap;

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::CHANNELS;
use crate::artifact::Gan;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::imaging::grid;
use crate::imaging::rgb::Rgb;
use crate::ml::CriticLimit;
use crate::ml::WganSettings;
use crate::ml::average::Average;
use crate::ml::batch;
use crate::ml::batch::Images;
use crate::ml::checkpoint::State;
use crate::ml::critic::Critic;
use crate::ml::diff_augment;
use crate::ml::failure::guarded;
use crate::ml::gan;
use crate::ml::generator::Generator;
use crate::ml::health;
use crate::ml::layers::Mode;
use crate::ml::pace::Pace;
use crate::ml::penalty::penalty;
use crate::ml::precision;
use crate::ml::precision::Bits;
use crate::ml::side::Side;
use crate::ml::training;
use crate::ml::training::Place;
use crate::ml::training::Progress;
use crate::ml::training::Training;
use crate::ml::weights;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::StageError;

/// Images in a row of a sample grid, and rows.
const GRID_SIDE: usize = 8;
/// Pixels between the images of a sample grid.
const GRID_GAP: usize = 2;
const METRICS: [&str; 4] = WganSettings::METRICS;
/// How the names of sample grids start in a training's state.
const GRID: &str = "grid/";
/// What the generator's average is called there.
const AVERAGE: &str = "generator_average";

/// A WGAN that is being trained.
#[derive(Debug)]
struct Wgan<'a> {
    settings: &'a WganSettings,
    seed: Seed,
    device: Device,
    images: Images,
    /// The class of each image, where networks are told it; else nothing.
    labels: Vec<usize>,
    /// The classes that have images, where networks are told them; else nothing.
    known: Vec<usize>,
    /// How much real images differ from each other.
    spread: f64,
    generator: Side<Generator>,
    /// What stands for the generator's weights in the end.
    average: Option<Average>,
    critic: Side<Critic>,
    grids: BTreeMap<String, Vec<u8>>,
}

/// Trains generator and critic on an image set.
pub fn train_wgan(
    cx: &Context<'_>,
    settings: &WganSettings,
    set: &ImageSet,
) -> Result<Gan, StageError> {
    let size = settings.shape.size;
    if (set.height, set.width) != (size, size) {
        let (height, width) = (set.height, set.width);
        let problem = format!("images of {width} x {height} pixels for a GAN of {size} x {size}");
        return Err(StageError::data(problem));
    }
    let Some(first) = set.samples.first() else {
        return Err(StageError::data("there is no image to train a GAN on"));
    };
    if set.len() < 2 {
        return Err(StageError::data("there is one image to train a GAN on, expected 2 or more"));
    }
    let partition = first.partition;
    let counts = if settings.shape.conditions > 0 { set.class_counts() } else { Vec::new() };
    guarded(cx, |device| {
        let bits = precision::settle(cx, settings.exactness, device)?;
        let mut wgan = Wgan::new(settings, cx.seed, set, (device, bits))?;
        let history = training::run(cx, &settings.course, &mut wgan)?;
        wgan.exchange()?;
        Ok(Gan {
            shape: settings.shape.clone(),
            classes: set.classes.clone(),
            counts,
            partition,
            generator: weights::to_bytes(&wgan.generator.parameters.named()?)?,
            critic: weights::to_bytes(&wgan.critic.parameters.named()?)?,
            history,
            grids: wgan.grids,
        })
    })
}

impl<'a> Wgan<'a> {
    fn new(
        settings: &'a WganSettings,
        seed: Seed,
        set: &ImageSet,
        (device, bits): (Device, Bits),
    ) -> Result<Self, StageError> {
        let weights = Some(seed.named("initial weights"));
        let images = Images::new(set, gan::HALF, gan::HALF, device)?;
        let first = images.stretch(0, set.len().min(GRID_SIDE * GRID_SIDE))?;
        let shape = &settings.shape;
        let generator = Side::new(gan::generator(shape, weights)?, settings, (device, bits))?;
        let labels = gan::labels(shape, set)?;
        let known = (0..shape.conditions).filter(|class| labels.contains(class)).collect();
        let average = settings.average.map(|decay| Average::new(decay, &generator.parameters));
        Ok(Self {
            settings,
            seed,
            device,
            images,
            labels,
            known,
            spread: spread(&first)?,
            generator,
            average: average.transpose()?,
            critic: Side::new(gan::critic(shape, weights)?, settings, (device, bits))?,
            grids: BTreeMap::new(),
        })
    }

    /// Returns the classes of some images, where networks are told them.
    fn classes(&self, indices: &[usize]) -> Result<Option<Tensor>, StageError> {
        let label = |&index: &usize| self.labels.get(index).copied();
        gan::told(&indices.iter().filter_map(label).collect::<Vec<_>>(), self.device)
    }

    /// Changes images as the critic gets to see them.
    fn augmented(&self, images: &Tensor, seed: Seed) -> Result<Tensor, StageError> {
        diff_augment::augment(images, &self.settings.diff_augment, seed)
    }

    fn latent(&self, seed: Seed, count: usize) -> Result<Tensor, StageError> {
        gan::latent(seed, (count, self.settings.shape.latent), self.settings.latent, self.device)
    }

    /// Trains the critic on one batch and returns its loss, `E[D(fake)] - E[D(real)]` and the
    /// penalty where there is one, and its estimate of the distance, `E[D(real)] - E[D(fake)]`.
    fn critic_step(
        &mut self,
        indices: &[usize],
        seed: Seed,
        learning_rate: f64,
    ) -> Result<(Tensor, Tensor), StageError> {
        let classes = self.classes(indices)?;
        let classes = classes.as_ref();
        let real = self.augmented(&self.images.batch(indices)?, seed.named("augment real"))?;
        let fake = {
            let _guard = tch::no_grad_guard();
            let z = self.latent(seed.named("latent"), indices.len())?;
            let fake = self.generator.net.forward(&z, classes, Mode::Train)?;
            self.augmented(&fake, seed.named("augment fake"))?
        };
        let critic = &self.critic.net;
        let on_real = critic.forward(&real, classes, Mode::Train)?.f_mean(None)?;
        let on_fake = critic.forward(&fake, classes, Mode::Train)?.f_mean(None)?;
        let mut loss = on_fake.f_sub(&on_real)?;
        let distance = loss.f_detach()?.f_neg()?;
        let mut bound = None;
        match self.settings.limit {
            CriticLimit::Clip(most) => bound = Some(most),
            CriticLimit::GradientPenalty(lambda) => {
                let penalty = penalty(critic, (&real, &fake), classes, seed.named("mix"))?;
                loss = loss.f_add(&penalty.f_mul_scalar(lambda)?)?;
            }
            CriticLimit::SpectralNorm => {}
        }
        self.critic.descend(&loss, learning_rate, bound)?;
        Ok((loss.f_detach()?, distance))
    }

    /// Trains the generator on as many images of the same classes and returns its loss, `-E[D(fake)]`.
    fn generator_step(
        &mut self,
        indices: &[usize],
        seed: Seed,
        learning_rate: f64,
    ) -> Result<Tensor, StageError> {
        let classes = self.classes(indices)?;
        let z = self.latent(seed.named("generator latent"), indices.len())?;
        let fake = self.generator.net.forward(&z, classes.as_ref(), Mode::Train)?;
        let fake = self.augmented(&fake, seed.named("augment generated"))?;
        let score = self.critic.net.forward(&fake, classes.as_ref(), Mode::Train)?;
        let loss = score.f_mean(None)?.f_neg()?;
        self.generator.descend(&loss, learning_rate, None)?;
        if let Some(average) = &mut self.average {
            average.follow(&self.generator.parameters)?;
        }
        Ok(loss.f_detach()?)
    }

    /// Puts the average into the generator, or takes it out again.
    fn exchange(&mut self) -> Result<(), StageError> {
        match &mut self.average {
            Some(average) => average.exchange(&mut self.generator.parameters),
            None => Ok(()),
        }
    }

    /// Draws images of the same latent vectors each time, of classes that take turns by `stretch` images, from what
    /// stands for the generator.
    fn samples(&mut self, name: &str, count: usize, stretch: usize) -> Result<Tensor, StageError> {
        let _guard = tch::no_grad_guard();
        let z = self.latent(self.seed.named(name), count)?;
        let class = |index: usize| {
            (index / stretch).checked_rem(self.known.len()).map(|place| self.known[place])
        };
        let classes = gan::told(&(0..count).filter_map(class).collect::<Vec<_>>(), self.device)?;
        self.exchange()?;
        let images = self.generator.net.forward(&z, classes.as_ref(), Mode::Use)?;
        self.exchange()?;
        Ok(images)
    }

    /// Returns how much images of the same latent vectors each time differ from each other, as a share of how
    /// much real ones do.
    fn diversity(&mut self) -> Result<f64, StageError> {
        Ok(spread(&self.samples("diversity", GRID_SIDE * 2, 1)?)? / self.spread)
    }

    fn keep_grid(&mut self, epochs: usize) -> Result<(), StageError> {
        let grid = self.grid()?;
        self.grids.insert(format!("epoch-{epochs:04}.png"), grid);
        Ok(())
    }

    /// Draws the same latent vectors each time, side by side as a PNG file, with a class in each row.
    fn grid(&mut self) -> Result<Vec<u8>, StageError> {
        let bytes = gan::to_bytes(&self.samples("grid", GRID_SIDE * GRID_SIDE, GRID_SIDE)?)?;
        let size = self.settings.shape.size;
        let images: Vec<Rgb> = bytes
            .chunks_exact(size * size * CHANNELS)
            .map(|image| Rgb::new(size, size, image.to_vec()))
            .collect();
        Ok(grid::png(&grid::tile(&images, GRID_SIDE, GRID_GAP)))
    }
}

impl Training for Wgan<'_> {
    const COLUMNS: &'static [&'static str] =
        &["epoch", METRICS[0], METRICS[1], METRICS[2], METRICS[3]];

    fn epoch(&mut self, place: Place, progress: &mut Progress<'_>) -> Result<Vec<f64>, StageError> {
        let Place { epoch, learning_rate, .. } = place;
        let order = self.seed.named("order").number(epoch as u64);
        let batches = batch::batches(self.images.count, self.settings.batch_size, order);
        let mut means = [Mean::default(), Mean::default(), Mean::default()];
        let before = epoch * batches.len();
        let WganSettings { critic_steps, warm_up, .. } = *self.settings;
        let mut pace = Pace::after(before, critic_steps, warm_up);
        for (index, indices) in batches.iter().enumerate() {
            let seed = self.seed.named("steps").number((before + index) as u64);
            let (loss, distance) = self.critic_step(indices, seed, learning_rate)?;
            means[0].add(loss)?;
            means[2].add(distance)?;
            if pace.is_generators_turn() {
                means[1].add(self.generator_step(indices, seed, learning_rate)?)?;
            }
            progress.batch(indices.len());
        }
        if place.is_due(self.settings.grid_every) {
            self.keep_grid(epoch + 1)?;
        }
        let mut row = means.iter().map(Mean::value).collect::<Result<Vec<_>, _>>()?;
        row.push(if place.is_due(WganSettings::DIVERSITY_EVERY) {
            self.diversity()?
        } else {
            f64::NAN
        });
        Ok(row)
    }

    fn finish(&mut self, epochs: usize) -> Result<(), StageError> {
        self.keep_grid(epochs)
    }

    fn ended(&self, history: &History) -> Option<String> {
        self.settings.stop_when.as_ref()?.reached(history)
    }

    fn check(history: &History) -> Result<(), StageError> {
        health::check_gan(history)
    }

    fn save(&self) -> Result<State, StageError> {
        let mut state = State::new();
        self.generator.save("generator", &mut state)?;
        self.critic.save("critic", &mut state)?;
        if let Some(average) = &self.average {
            average.save(AVERAGE, &mut state);
        }
        for (name, png) in &self.grids {
            state.insert(format!("{GRID}{name}"), Tensor::f_from_slice(png)?);
        }
        Ok(state)
    }

    fn restore(&mut self, state: &State) -> Result<(), StageError> {
        self.generator.restore("generator", state)?;
        self.critic.restore("critic", state)?;
        if let Some(average) = &mut self.average {
            average.restore(AVERAGE, state)?;
        }
        for (name, png) in state {
            if let Some(name) = name.strip_prefix(GRID) {
                self.grids.insert(name.to_owned(), Vec::<u8>::try_from(png)?);
            }
        }
        Ok(())
    }
}

/// Returns the deviation of images `[n, 3, size, size]` at a pixel, as a mean over pixels.
fn spread(images: &Tensor) -> Result<f64, StageError> {
    let deviation = images.f_std_dim([0].as_slice(), false, false)?;
    Ok(deviation.f_mean(Kind::Double)?.f_double_value(&[])?)
}

/// A mean that stays on the device until it is asked for.
#[derive(Debug, Default)]
struct Mean {
    sum: Option<Tensor>,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: Tensor) -> Result<(), StageError> {
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum.f_add(&value)?,
            None => value,
        });
        self.count += 1;
        Ok(())
    }

    fn value(&self) -> Result<f64, StageError> {
        match &self.sum {
            Some(sum) => Ok(sum.f_double_value(&[])? / self.count as f64),
            None => Ok(f64::NAN),
        }
    }
}
