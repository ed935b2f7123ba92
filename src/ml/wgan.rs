//! The Wasserstein GAN (Arjovsky et al. 2017): its losses, one step of each network, an epoch.
//!
//! Steps: one critic step a batch, one generator step after each `critic_steps` of them, counted
//! across epochs. Real and generated images pass the critic apart, as its batch statistics demand.

use std::collections::BTreeMap;

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::CHANNELS;
use crate::artifact::Gan;
use crate::artifact::GanShape;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::imaging::grid;
use crate::imaging::rgb::Rgb;
use crate::ml::CriticLimit;
use crate::ml::LatentDistribution;
use crate::ml::WganSettings;
use crate::ml::batch;
use crate::ml::batch::Images;
use crate::ml::checkpoint::State;
use crate::ml::critic::Critic;
use crate::ml::failure::guarded;
use crate::ml::generator::Generator;
use crate::ml::health;
use crate::ml::layers::Mode;
use crate::ml::optimiser::Optimiser;
use crate::ml::optimiser::Rule;
use crate::ml::parameters::Parameters;
use crate::ml::precision;
use crate::ml::precision::Bits;
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
/// Epochs between two looks at how much generated images differ.
const DIVERSITY_EVERY: usize = 10;
/// How the names of sample grids start in a training's state.
const GRID: &str = "grid/";
/// Pixels 0-1 become -1 to 1: what `tanh` can give.
pub(in crate::ml) const HALF: [f64; 3] = [0.5; 3];

/// A network with its tensors and optimiser.
#[derive(Debug)]
struct Side<Net> {
    net: Net,
    parameters: Parameters,
    optimiser: Optimiser,
}

/// A WGAN that is being trained.
#[derive(Debug)]
struct Wgan<'a> {
    settings: &'a WganSettings,
    seed: Seed,
    device: Device,
    images: Images,
    /// How much real images differ from each other.
    spread: f64,
    generator: Side<Generator>,
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
    let partition = first.partition;
    guarded(cx, |device| {
        let bits = precision::settle(cx, settings.exactness, device)?;
        let mut wgan = Wgan::new(settings, cx.seed, set, (device, bits))?;
        let history = training::run(cx, &settings.course, &mut wgan)?;
        Ok(Gan {
            shape: settings.shape.clone(),
            classes: set.classes.clone(),
            partition,
            generator: weights::to_bytes(&wgan.generator.parameters.named()?)?,
            critic: weights::to_bytes(&wgan.critic.parameters.named()?)?,
            history,
            grids: wgan.grids,
        })
    })
}

/// Makes a generator; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn generator(
    shape: &GanShape,
    seed: Option<Seed>,
) -> Result<(Generator, Parameters), StageError> {
    let mut parameters = Parameters::new(seed.map(|seed| seed.named("generator")));
    Ok((Generator::new(parameters.root(), shape)?, parameters))
}

/// Makes a critic; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn critic(
    shape: &GanShape,
    seed: Option<Seed>,
) -> Result<(Critic, Parameters), StageError> {
    let mut parameters = Parameters::new(seed.map(|seed| seed.named("critic")));
    Ok((Critic::new(parameters.root(), shape)?, parameters))
}

/// Draws latent vectors `[count, length]`.
pub(in crate::ml) fn latent(
    seed: Seed,
    (count, length): (usize, usize),
    distribution: LatentDistribution,
    device: Device,
) -> Result<Tensor, StageError> {
    let mut stream = seed.stream();
    let draw = || match distribution {
        LatentDistribution::Normal => stream.normal() as f32,
        LatentDistribution::Uniform => stream.range(-1.0, 1.0) as f32,
    };
    let numbers: Vec<f32> = std::iter::repeat_with(draw).take(count * length).collect();
    let vectors = Tensor::f_from_slice(&numbers)?.f_view([count as i64, length as i64])?;
    Ok(vectors.f_to_device(device)?)
}

impl<Net> Side<Net> {
    fn new(
        (net, mut parameters): (Net, Parameters),
        settings: &WganSettings,
        (device, bits): (Device, Bits),
    ) -> Result<Self, StageError> {
        parameters.place(device, bits)?;
        let rule = Rule {
            kind: settings.optimiser,
            betas: settings.betas,
            momentum: 0.0,
            weight_decay: 0.0,
        };
        let optimiser = Optimiser::new(rule, &parameters)?;
        Ok(Self { net, parameters, optimiser })
    }

    /// Moves the network down the slope of a loss, to numbers within a bound where there is one.
    fn descend(
        &mut self,
        loss: &Tensor,
        learning_rate: f64,
        bound: Option<f64>,
    ) -> Result<(), StageError> {
        let gradients = self.parameters.gradients(loss)?;
        self.optimiser.step(&gradients, learning_rate)?;
        if let Some(bound) = bound {
            let _guard = tch::no_grad_guard();
            let _ = self.parameters.flat().f_clamp_(-bound, bound)?;
        }
        self.parameters.round()
    }
}

impl<'a> Wgan<'a> {
    fn new(
        settings: &'a WganSettings,
        seed: Seed,
        set: &ImageSet,
        (device, bits): (Device, Bits),
    ) -> Result<Self, StageError> {
        let weights = Some(seed.named("initial weights"));
        let images = Images::new(set, HALF, HALF, device)?;
        let first = images.stretch(0, set.len().min(GRID_SIDE * GRID_SIDE))?;
        Ok(Self {
            settings,
            seed,
            device,
            images,
            spread: spread(&first)?,
            generator: Side::new(generator(&settings.shape, weights)?, settings, (device, bits))?,
            critic: Side::new(critic(&settings.shape, weights)?, settings, (device, bits))?,
            grids: BTreeMap::new(),
        })
    }

    fn latent(&self, seed: Seed, count: usize) -> Result<Tensor, StageError> {
        latent(seed, (count, self.settings.shape.latent), self.settings.latent, self.device)
    }

    /// Trains the critic on one batch and returns its loss, `E[D(fake)] - E[D(real)]` and the
    /// penalty where there is one, and its estimate of the distance, `E[D(real)] - E[D(fake)]`.
    fn critic_step(
        &mut self,
        real: &Tensor,
        seed: Seed,
        learning_rate: f64,
    ) -> Result<(Tensor, Tensor), StageError> {
        let count = real.size()[0] as usize;
        let fake = {
            let _guard = tch::no_grad_guard();
            let z = self.latent(seed.named("latent"), count)?;
            self.generator.net.forward(&z, Mode::Train)?
        };
        let on_real = self.critic.net.forward(real, Mode::Train)?.f_mean(None)?;
        let on_fake = self.critic.net.forward(&fake, Mode::Train)?.f_mean(None)?;
        let mut loss = on_fake.f_sub(&on_real)?;
        let distance = loss.f_detach()?.f_neg()?;
        if let CriticLimit::GradientPenalty(lambda) = self.settings.limit {
            let penalty = self.penalty(real, &fake, seed.named("mix"))?;
            loss = loss.f_add(&penalty.f_mul_scalar(lambda)?)?;
        }
        let bound = match self.settings.limit {
            CriticLimit::Clip(bound) => Some(bound),
            CriticLimit::GradientPenalty(_) => None,
        };
        self.critic.descend(&loss, learning_rate, bound)?;
        Ok((loss.f_detach()?, distance))
    }

    /// `E[(||grad D(x)|| - 1)^2]` at points between real and generated images
    /// (Gulrajani et al. 2017).
    fn penalty(&self, real: &Tensor, fake: &Tensor, seed: Seed) -> Result<Tensor, StageError> {
        let count = real.size()[0];
        let mut stream = seed.stream();
        let shares: Vec<f32> = (0..count).map(|_| stream.unit() as f32).collect();
        let share = Tensor::f_from_slice(&shares)?.f_view([count, 1, 1, 1])?;
        let share = share.f_to_device(self.device)?;
        let mixed = fake.f_add(&real.f_sub(fake)?.f_mul(&share)?)?.f_set_requires_grad(true)?;
        let score = self.critic.net.forward(&mixed, Mode::Train)?.f_sum(None)?;
        let slope = Tensor::f_run_backward(&[&score], &[&mixed], true, true)?;
        let squares = slope[0].f_square()?.f_flatten(1, -1)?;
        let length = squares.f_sum_dim_intlist([1].as_slice(), false, None)?.f_sqrt()?;
        Ok(length.f_sub_scalar(1.0)?.f_square()?.f_mean(None)?)
    }

    /// Trains the generator on one batch and returns its loss, `-E[D(fake)]`.
    fn generator_step(
        &mut self,
        count: usize,
        seed: Seed,
        learning_rate: f64,
    ) -> Result<Tensor, StageError> {
        let z = self.latent(seed.named("generator latent"), count)?;
        let fake = self.generator.net.forward(&z, Mode::Train)?;
        let loss = self.critic.net.forward(&fake, Mode::Train)?.f_mean(None)?.f_neg()?;
        self.generator.descend(&loss, learning_rate, None)?;
        Ok(loss.f_detach()?)
    }

    /// Returns how much images of the same latent vectors each time differ from each other, as a share of how
    /// much real ones do.
    fn diversity(&self) -> Result<f64, StageError> {
        let _guard = tch::no_grad_guard();
        let z = self.latent(self.seed.named("diversity"), GRID_SIDE * 2)?;
        Ok(spread(&self.generator.net.forward(&z, Mode::Use)?)? / self.spread)
    }

    fn keep_grid(&mut self, epochs: usize) -> Result<(), StageError> {
        self.grids.insert(format!("epoch-{epochs:04}.png"), self.grid()?);
        Ok(())
    }

    /// Draws the same latent vectors each time, side by side as a PNG file.
    fn grid(&self) -> Result<Vec<u8>, StageError> {
        let _guard = tch::no_grad_guard();
        let z = self.latent(self.seed.named("grid"), GRID_SIDE * GRID_SIDE)?;
        let bytes = to_bytes(&self.generator.net.forward(&z, Mode::Use)?)?;
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
        &["epoch", "critic_loss", "generator_loss", "wasserstein", "diversity"];

    fn epoch(&mut self, place: Place, progress: &mut Progress<'_>) -> Result<Vec<f64>, StageError> {
        let Place { epoch, learning_rate, .. } = place;
        let order = self.seed.named("order").number(epoch as u64);
        let batches = batch::batches(self.images.count, self.settings.batch_size, order);
        let mut means = [Mean::default(), Mean::default(), Mean::default()];
        let before = epoch * batches.len();
        for (index, indices) in batches.iter().enumerate() {
            let seed = self.seed.named("steps").number((before + index) as u64);
            let real = self.images.batch(indices)?;
            let (loss, distance) = self.critic_step(&real, seed, learning_rate)?;
            means[0].add(loss)?;
            means[2].add(distance)?;
            if (before + index + 1).is_multiple_of(self.settings.critic_steps.max(1)) {
                means[1].add(self.generator_step(indices.len(), seed, learning_rate)?)?;
            }
            progress.batch(indices.len());
        }
        if place.is_due(self.settings.grid_every) {
            self.keep_grid(epoch + 1)?;
        }
        let mut row = means.iter().map(Mean::value).collect::<Result<Vec<_>, _>>()?;
        row.push(if place.is_due(DIVERSITY_EVERY) { self.diversity()? } else { f64::NAN });
        Ok(row)
    }

    fn finish(&mut self, epochs: usize) -> Result<(), StageError> {
        self.keep_grid(epochs)
    }

    fn check(history: &History) -> Result<(), StageError> {
        health::check_gan(history)
    }

    fn save(&self) -> Result<State, StageError> {
        let mut state = State::new();
        self.generator.parameters.save("generator", &mut state)?;
        self.generator.optimiser.save("generator_optimiser", &mut state)?;
        self.critic.parameters.save("critic", &mut state)?;
        self.critic.optimiser.save("critic_optimiser", &mut state)?;
        for (name, png) in &self.grids {
            state.insert(format!("{GRID}{name}"), Tensor::f_from_slice(png)?);
        }
        Ok(state)
    }

    fn restore(&mut self, state: &State) -> Result<(), StageError> {
        self.generator.parameters.restore("generator", state)?;
        self.generator.optimiser.restore("generator_optimiser", state)?;
        self.critic.parameters.restore("critic", state)?;
        self.critic.optimiser.restore("critic_optimiser", state)?;
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

/// Returns images `[n, 3, size, size]` from -1 to 1 as bytes `[n, size, size, 3]`, rounded.
pub(in crate::ml) fn to_bytes(images: &Tensor) -> Result<Vec<u8>, StageError> {
    let scaled = images.f_permute([0, 2, 3, 1])?.f_add_scalar(1.0)?.f_mul_scalar(127.5)?;
    let bytes = scaled.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?;
    let bytes = bytes.f_contiguous()?.f_view([-1])?.f_to_device(Device::Cpu)?;
    Ok(Vec::<u8>::try_from(bytes)?)
}
