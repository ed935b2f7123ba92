//! Training a classifier with cross-entropy, measured on validation images.

use std::collections::BTreeMap;

use tch::Device;
use tch::Kind;
use tch::Reduction;
use tch::Tensor;

use crate::artifact::Classifier;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Network;
use crate::ml::ClassifierSettings;
use crate::ml::batch;
use crate::ml::batch::Images;
use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::ml::failure::guarded;
use crate::ml::health;
use crate::ml::layers::Mode;
use crate::ml::mixing;
use crate::ml::network::Model;
use crate::ml::optimiser::Optimiser;
use crate::ml::optimiser::Rule;
use crate::ml::parameters::Parameters;
use crate::ml::precision;
use crate::ml::showing::Showing;
use crate::ml::training;
use crate::ml::training::Place;
use crate::ml::training::Progress;
use crate::ml::training::Training;
use crate::ml::weights;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::StageError;

/// Images that are measured at once.
const MEASURED: usize = 128;
const BEST: &str = "best.";
const BEST_CORRECT: &str = "best_correct";

/// A set with its labels.
#[derive(Debug)]
struct Labelled {
    images: Images,
    labels: Vec<usize>,
}

/// A classifier that is being trained.
#[derive(Debug)]
struct Fit<'a> {
    settings: &'a ClassifierSettings,
    seed: Seed,
    train: Labelled,
    showing: Option<Showing<'a>>,
    validation: Option<Labelled>,
    model: Model,
    parameters: Parameters,
    optimiser: Optimiser,
    best: Option<Best>,
}

/// The weights of the epoch that got most validation images right; the first of equals.
#[derive(Debug)]
struct Best {
    correct: i64,
    tensors: BTreeMap<String, Tensor>,
}

/// Trains a classifier, measuring it on validation images after each epoch where there are any.
pub fn train_classifier(
    cx: &Context<'_>,
    settings: &ClassifierSettings,
    set: &ImageSet,
    validation: Option<&ImageSet>,
) -> Result<Classifier, StageError> {
    if set.len() < 2 || settings.batch_size < 2 {
        let problem = format!(
            "{} training images in batches of {}: batch normalisation needs 2 or more",
            set.len(),
            settings.batch_size
        );
        return Err(StageError::data(problem));
    }
    let validation = validation.filter(|validation| !validation.is_empty());
    if let Some(other) = validation.filter(|validation| validation.classes != set.classes) {
        let (classes, others) = (&set.classes, &other.classes);
        let problem = format!("validation images of classes {others:?} beside {classes:?}");
        return Err(StageError::data(problem));
    }
    guarded(cx, |device| {
        let mut fit = Fit::new(cx, settings, set, validation, device)?;
        let history = training::run(cx, &settings.course, &mut fit)?;
        let tensors = match fit.best {
            Some(best) => best.tensors,
            None => fit.parameters.named()?,
        };
        Ok(Classifier {
            network: settings.network,
            classes: set.classes.clone(),
            size: (set.height, set.width),
            mean: settings.mean,
            deviation: settings.deviation,
            weights: weights::to_bytes(&tensors)?,
            history,
        })
    })
}

/// Makes a network; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn model(
    network: Network,
    classes: usize,
    seed: Option<Seed>,
) -> Result<(Model, Parameters), StageError> {
    let mut parameters = Parameters::new(seed);
    Ok((Model::new(parameters.root(), network, classes)?, parameters))
}

impl Labelled {
    fn new(
        set: &ImageSet,
        settings: &ClassifierSettings,
        device: Device,
    ) -> Result<Self, StageError> {
        let labels = set.labels().map_err(|id| {
            StageError::data(format!("image `{id}` has no label"))
                .help("put a `label` stage before the classifier")
        })?;
        Ok(Self { images: Images::new(set, settings.mean, settings.deviation, device)?, labels })
    }

    fn labels(&self, indices: &[usize], device: Device) -> Result<Tensor, StageError> {
        let labels: Vec<usize> = indices.iter().map(|&index| self.labels[index]).collect();
        batch::indices_on(&labels, device)
    }
}

/// Sums over images that stay on the device until they are asked for.
#[derive(Debug)]
struct Sums {
    loss: Tensor,
    correct: Tensor,
    images: usize,
}

impl Sums {
    fn new(device: Device) -> Result<Self, StageError> {
        Ok(Self {
            loss: Tensor::f_zeros([0_i64; 0], (Kind::Double, device))?,
            correct: Tensor::f_zeros([0_i64; 0], (Kind::Int64, device))?,
            images: 0,
        })
    }

    /// Adds a batch with its mean loss.
    fn add(&mut self, loss: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        let images = labels.size()[0];
        let total = loss.f_to_kind(Kind::Double)?.f_mul_scalar(images as f64)?;
        let right = logits.f_argmax(1, false)?.f_eq_tensor(labels)?;
        let _ = self.loss.f_add_(&total)?;
        let _ = self.correct.f_add_(&right.f_sum(Kind::Int64)?)?;
        self.images += images as usize;
        Ok(())
    }

    fn correct(&self) -> Result<i64, StageError> {
        Ok(self.correct.f_int64_value(&[])?)
    }

    /// Returns mean loss and accuracy.
    fn means(&self) -> Result<[f64; 2], StageError> {
        let images = self.images as f64;
        Ok([self.loss.f_double_value(&[])? / images, self.correct()? as f64 / images])
    }
}

impl<'a> Fit<'a> {
    fn new(
        cx: &Context<'_>,
        settings: &'a ClassifierSettings,
        set: &'a ImageSet,
        validation: Option<&ImageSet>,
        device: Device,
    ) -> Result<Self, StageError> {
        let seed = cx.seed;
        let initial = seed.named("initial weights");
        let (model, mut parameters) = model(settings.network, set.classes.len(), Some(initial))?;
        if let Some(path) = &settings.weights {
            weights::load_start(path, &mut parameters, model.last_layer())?;
        }
        parameters.place(device, precision::settle(cx, settings.exactness, device)?)?;
        let rule = Rule {
            kind: settings.optimiser,
            betas: settings.betas,
            momentum: settings.momentum,
            weight_decay: settings.weight_decay,
        };
        let online = settings.online.as_ref();
        let showing = |online| Showing::new(set, online, seed.named("online"), cx.threads);
        Ok(Self {
            settings,
            seed,
            showing: online.map(showing).transpose()?,
            train: Labelled::new(set, settings, device)?,
            validation: validation
                .map(|validation| Labelled::new(validation, settings, device))
                .transpose()?,
            optimiser: Optimiser::new(rule, &parameters)?,
            model,
            parameters,
            best: None,
        })
    }

    fn device(&self) -> Device {
        self.parameters.flat().device()
    }

    /// Trains on one batch; adds the loss and the answers before the step to the sums. Where images are
    /// mixed, the answer is expected to be the label of the greater share.
    fn step(
        &mut self,
        images: &Tensor,
        indices: &[usize],
        mix: Seed,
        learning_rate: f64,
        sums: &mut Sums,
    ) -> Result<(), StageError> {
        let labels = self.train.labels(indices, self.device())?;
        let (logits, loss, labels) = if self.settings.mixing.mixes() {
            let mixed = mixing::mix(images, &self.settings.mixing, mix)?;
            let partners: Vec<usize> = mixed.partners.iter().map(|&one| indices[one]).collect();
            let others = self.train.labels(&partners, self.device())?;
            let logits = self.model.forward(&mixed.images, Mode::Train)?; // [batch, classes]
            let loss = cross_entropy(&logits, &others)?
                .f_lerp(&cross_entropy(&logits, &labels)?, mixed.share)?;
            (logits, loss, if mixed.share < 0.5 { others } else { labels })
        } else {
            let logits = self.model.forward(images, Mode::Train)?;
            let loss = cross_entropy(&logits, &labels)?;
            (logits, loss, labels)
        };
        let gradients = self.parameters.gradients(&loss)?;
        self.optimiser.step(&gradients, learning_rate)?;
        self.parameters.round()?;
        sums.add(&loss.f_detach()?, &logits.f_detach()?, &labels)
    }

    /// Measures the network on the validation images.
    fn measure(
        &self,
        validation: &Labelled,
        progress: &mut Progress<'_>,
    ) -> Result<Sums, StageError> {
        let _guard = tch::no_grad_guard();
        let mut sums = Sums::new(self.device())?;
        let all: Vec<usize> = (0..validation.images.count).collect();
        for indices in all.chunks(MEASURED) {
            let labels = validation.labels(indices, self.device())?;
            let logits = self.model.forward(&validation.images.batch(indices)?, Mode::Use)?;
            sums.add(&cross_entropy(&logits, &labels)?, &logits, &labels)?;
            progress.batch(0);
        }
        Ok(sums)
    }

    fn remember(&mut self, correct: i64) -> Result<(), StageError> {
        if self.best.as_ref().is_none_or(|best| correct > best.correct) {
            let _guard = tch::no_grad_guard();
            let mut tensors = self.parameters.named()?;
            for tensor in tensors.values_mut() {
                *tensor = tensor.f_detach_copy()?;
            }
            self.best = Some(Best { correct, tensors });
        }
        Ok(())
    }
}

impl Training for Fit<'_> {
    const COLUMNS: &'static [&'static str] =
        &["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"];

    fn epoch(&mut self, place: Place, progress: &mut Progress<'_>) -> Result<Vec<f64>, StageError> {
        let order = self.seed.named("order").number(place.epoch as u64);
        let batches = batch::batches(self.train.images.count, self.settings.batch_size, order);
        let mut sums = Sums::new(self.device())?;
        let mix = self.seed.named("mix").number(place.epoch as u64);
        let mut step = |fit: &mut Self, number: usize, images: &Tensor| {
            let (indices, mix) = (&batches[number], mix.number(number as u64));
            fit.step(images, indices, mix, place.learning_rate, &mut sums)?;
            progress.batch(indices.len());
            Ok::<(), StageError>(())
        };
        match self.showing.clone() {
            Some(showing) => showing.each(place.epoch, &batches, |number, pixels| {
                let images = self.train.images.foreign(pixels)?;
                step(self, number, &images)
            })?,
            None => (0..batches.len()).try_for_each(|number| {
                let images = self.train.images.batch(&batches[number])?;
                step(self, number, &images)
            })?,
        }
        let mut row = sums.means()?.to_vec();
        let measured = match &self.validation {
            Some(validation) => Some(self.measure(validation, progress)?),
            None => None,
        };
        let Some(measured) = measured else {
            row.extend([f64::NAN; 2]);
            return Ok(row);
        };
        row.extend(measured.means()?);
        if self.settings.keep_best {
            self.remember(measured.correct()?)?;
        }
        Ok(row)
    }

    fn check(history: &History) -> Result<(), StageError> {
        health::check_loss(history, "loss")
    }

    fn save(&self) -> Result<State, StageError> {
        let mut state = State::new();
        self.parameters.save("network", &mut state)?;
        self.optimiser.save("optimiser", &mut state)?;
        if let Some(best) = &self.best {
            state.insert(BEST_CORRECT.to_owned(), Tensor::f_from_slice(&[best.correct])?);
            let tensors = best.tensors.iter();
            state.extend(tensors.map(|(name, t)| (format!("{BEST}{name}"), t.shallow_clone())));
        }
        Ok(state)
    }

    fn restore(&mut self, state: &State) -> Result<(), StageError> {
        self.parameters.restore("network", state)?;
        self.optimiser.restore("optimiser", state)?;
        if state.contains_key(BEST_CORRECT) {
            let correct = checkpoint::part(state, BEST_CORRECT)?.f_int64_value(&[0])?;
            let named = |(name, tensor): (&String, &Tensor)| {
                Some((name.strip_prefix(BEST)?.to_owned(), tensor.shallow_clone()))
            };
            self.best = Some(Best { correct, tensors: state.iter().filter_map(named).collect() });
        }
        Ok(())
    }
}

/// Mean over the batch of `-log softmax(logits)[label]`.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor, StageError> {
    Ok(logits.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?)
}
