//! Training a classifier, measured on validation images.

use tch::Device;
use tch::Tensor;

use crate::artifact::Classifier;
use crate::artifact::Head;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Network;
use crate::artifact::Variant;
use crate::ml::ClassifierSettings;
use crate::ml::Draw;
use crate::ml::Metric;
use crate::ml::average::Average;
use crate::ml::batch;
use crate::ml::batch::Images;
use crate::ml::checkpoint::State;
use crate::ml::failure::guarded;
use crate::ml::frozen;
use crate::ml::health;
use crate::ml::last_layer;
use crate::ml::layers::Mode;
use crate::ml::loss::Loss;
use crate::ml::mixing;
use crate::ml::network::Model;
use crate::ml::optimiser::Optimiser;
use crate::ml::optimiser::Rule;
use crate::ml::parameters::Parameters;
use crate::ml::passes::Passes;
use crate::ml::passes::Portion;
use crate::ml::precision;
use crate::ml::selection;
use crate::ml::selection::Selection;
use crate::ml::showing::Showing;
use crate::ml::step_size::StepSize;
use crate::ml::tally::Tally;
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
/// Name of the running average in a checkpoint.
const AVERAGE: &str = "average";

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
    /// Of the shares in which images are mixed.
    mix: Seed,
    train: Labelled,
    passes: Passes,
    loss: Loss,
    step_size: StepSize,
    showing: Option<Showing<'a>>,
    validation: Option<Labelled>,
    model: Model,
    parameters: Parameters,
    optimiser: Optimiser,
    /// What is measured and kept in the place of the network, where there is one.
    average: Option<Average>,
    selection: Selection,
}

/// What validation images say of an epoch.
#[derive(Debug)]
struct Measured {
    means: [f64; 2],
    /// The metric, where it is defined.
    value: Option<f64>,
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
    if settings.variant.head == Head::Coral && set.classes.len() < 2 {
        return Err(StageError::data("`head: coral` needs 2 or more classes"));
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
        fit.exchange()?;
        let tensors = match fit.selection.into_best() {
            Some(tensors) => tensors,
            None => fit.parameters.named()?,
        };
        Ok(Classifier {
            network: settings.network,
            variant: settings.variant,
            classes: set.classes.clone(),
            size: (set.height, set.width),
            mean: settings.mean,
            deviation: settings.deviation,
            round: settings.course.round(),
            weights: weights::to_bytes(&tensors)?,
            history,
        })
    })
}

/// Makes a network; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn model(
    network: Network,
    variant: Variant,
    classes: usize,
    seed: Option<Seed>,
) -> Result<(Model, Parameters), StageError> {
    let mut parameters = Parameters::new(seed);
    Ok((Model::new(parameters.root(), network, variant, classes)?, parameters))
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
        let mut images = Images::new(set, settings.mean, settings.deviation, device)?;
        images.grey = settings.variant.greyscale;
        Ok(Self { images, labels })
    }

    fn labels(&self, indices: &[usize], device: Device) -> Result<Tensor, StageError> {
        let labels: Vec<usize> = indices.iter().map(|&index| self.labels[index]).collect();
        batch::indices_on(&labels, device)
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
        let classes = set.classes.len();
        let (model, mut parameters) =
            model(settings.network, settings.variant, classes, Some(initial))?;
        if let Some(path) = &settings.weights {
            weights::load_start(path, &mut parameters, model.last_layer())?;
        }
        if let Some(names) = &settings.freeze {
            frozen::freeze(names, &model, &mut parameters)?;
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
        let train = Labelled::new(set, settings, device)?;
        let course = &settings.course;
        let passes = Passes::new(
            &train.labels,
            settings.batch_size,
            settings.draw,
            course.round(),
            seed.named("order"),
        );
        let steps = course.epochs() * passes.steps();
        let head = settings.variant.head;
        Ok(Self {
            settings,
            mix: seed.named("mix"),
            loss: Loss::new(&settings.loss, head, &set.class_counts(), device)?,
            step_size: StepSize::new(settings.warm_up, settings.decay, steps)?,
            passes,
            showing: online.map(showing).transpose()?,
            train,
            validation: validation
                .map(|validation| Labelled::new(validation, settings, device))
                .transpose()?,
            optimiser: Optimiser::new(rule, &parameters)?,
            average: settings.ema.map(|decay| Average::new(decay, &parameters)).transpose()?,
            model,
            parameters,
            selection: Selection::new(settings.metric, settings.patience, settings.keep_best),
        })
    }

    fn device(&self) -> Device {
        self.parameters.flat().device()
    }

    /// Trains on one batch; adds the loss and the answers before the step to the tally. Where images are
    /// mixed, the answer is expected to be the label of the greater share.
    fn step(
        &mut self,
        images: &Tensor,
        indices: &[usize],
        mix: Seed,
        learning_rate: f64,
        tally: &mut Tally,
    ) -> Result<(), StageError> {
        let labels = self.train.labels(indices, self.device())?;
        let (logits, loss, labels) = if self.settings.mixing.mixes() {
            let mixed = mixing::mix(images, &self.settings.mixing, mix)?;
            let partners: Vec<usize> = mixed.partners.iter().map(|&one| indices[one]).collect();
            let others = self.train.labels(&partners, self.device())?;
            let logits = self.model.forward(&mixed.images, Mode::Train)?; // [batch, classes]
            let loss = self
                .loss
                .of(&logits, &others)?
                .f_lerp(&self.loss.of(&logits, &labels)?, mixed.share)?;
            (logits, loss, if mixed.share < 0.5 { others } else { labels })
        } else {
            let logits = self.model.forward(images, Mode::Train)?;
            let loss = self.loss.of(&logits, &labels)?;
            (logits, loss, labels)
        };
        let gradients = self.parameters.gradients(&loss)?;
        self.optimiser.step(&gradients, learning_rate)?;
        self.parameters.round()?;
        if let Some(average) = &mut self.average {
            average.follow(&self.parameters)?;
        }
        tally.add(&loss.f_detach()?, &logits.f_detach()?, &labels)
    }

    /// Trains on consecutive batches of a pass; returns the step size of the last.
    fn portion(
        &mut self,
        portion: &Portion,
        base: f64,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<f64, StageError> {
        let Portion { pass, first, steps, batches } = portion;
        let mix = self.mix.number(*pass as u64);
        let mut learning_rate = base;
        let mut step = |fit: &mut Self, number: usize, images: &Tensor| {
            let (indices, mix) = (&batches[number], mix.number((first + number) as u64));
            learning_rate = fit.step_size.at(steps + number, base);
            fit.step(images, indices, mix, learning_rate, tally)?;
            progress.batch(indices.len());
            Ok::<(), StageError>(())
        };
        // An image that is drawn twice in a pass is to look another way the second time.
        let is_once = self.settings.draw == Draw::Once;
        let draw = |number| if is_once { *pass } else { steps + number };
        match self.showing.clone() {
            Some(showing) => showing.each(draw, batches, |number, pixels| {
                let images = self.train.images.foreign(pixels)?;
                step(self, number, &images)
            })?,
            None => (0..batches.len()).try_for_each(|number| {
                let images = self.train.images.batch(&batches[number])?;
                step(self, number, &images)
            })?,
        }
        Ok(learning_rate)
    }

    /// Puts the average, where there is one, in the place of the weights, or the weights back.
    fn exchange(&mut self) -> Result<(), StageError> {
        match &mut self.average {
            Some(average) => average.exchange(&mut self.parameters),
            None => Ok(()),
        }
    }

    /// Measures the network on the validation images.
    fn measure(
        &self,
        validation: &Labelled,
        progress: &mut Progress<'_>,
    ) -> Result<Measured, StageError> {
        let _guard = tch::no_grad_guard();
        let Variant { head, .. } = self.settings.variant;
        let (loss, mut tally) = (Loss::plain(head), Tally::new(head, self.device())?);
        let mut probabilities: Vec<Vec<f64>> = Vec::new();
        let all: Vec<usize> = (0..validation.images.count).collect();
        for indices in all.chunks(MEASURED) {
            let labels = validation.labels(indices, self.device())?;
            let logits = self.model.forward(&validation.images.batch(indices)?, Mode::Use)?;
            tally.add(&loss.of(&logits, &labels)?, &logits, &labels)?;
            if selection::column(self.settings.metric).is_some() {
                let rows = last_layer::probabilities(head, &logits)?;
                probabilities.extend(Vec::<Vec<f64>>::try_from(rows)?);
            }
            progress.batch(0);
        }
        let means = tally.means()?;
        let value = match self.settings.metric {
            Metric::Accuracy => Some(means[1]),
            Metric::Loss => Some(means[0]),
            metric => selection::value(metric, &validation.labels, &probabilities),
        };
        Ok(Measured { means, value })
    }
}

impl Training for Fit<'_> {
    const COLUMNS: &'static [&'static str] =
        &["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"];

    fn columns(&self) -> Vec<&'static str> {
        let mut columns = Self::COLUMNS.to_vec();
        columns.extend(selection::column(self.settings.metric));
        columns.extend(self.step_size.varies().then_some("learning_rate"));
        columns.extend(self.settings.course.round().map(|_| "step"));
        columns
    }

    fn epoch(&mut self, place: Place, progress: &mut Progress<'_>) -> Result<Vec<f64>, StageError> {
        let mut tally = Tally::new(self.settings.variant.head, self.device())?;
        let mut learning_rate = place.learning_rate;
        for portion in self.passes.epoch(place.epoch) {
            learning_rate = self.portion(&portion, place.learning_rate, &mut tally, progress)?;
        }
        let mut row = tally.means()?.to_vec();
        let mut value = None;
        match self.validation.take() {
            None => row.extend([f64::NAN; 2]),
            Some(validation) => {
                self.exchange()?;
                let measured = self.measure(&validation, progress)?;
                value = measured.value;
                self.selection.see(place.epoch + 1, value, || self.parameters.named())?;
                self.exchange()?;
                self.validation = Some(validation);
                row.extend(measured.means);
            }
        }
        row.extend(selection::column(self.settings.metric).map(|_| value.unwrap_or(f64::NAN)));
        row.extend(self.step_size.varies().then_some(learning_rate));
        let steps = (place.epoch + 1) * self.passes.steps();
        row.extend(self.settings.course.round().map(|_| steps as f64));
        Ok(row)
    }

    fn ended(&self, history: &History) -> Option<String> {
        let is_over = self.selection.is_over(history.rows.len());
        is_over.then(|| "it no longer gets better".to_owned())
    }

    fn check(history: &History) -> Result<(), StageError> {
        health::check_loss(history, "loss")
    }

    fn save(&self) -> Result<State, StageError> {
        let mut state = State::new();
        self.parameters.save("network", &mut state)?;
        self.optimiser.save("optimiser", &mut state)?;
        if let Some(average) = &self.average {
            average.save(AVERAGE, &mut state);
        }
        self.selection.save(&mut state)?;
        Ok(state)
    }

    fn restore(&mut self, state: &State) -> Result<(), StageError> {
        self.parameters.restore("network", state)?;
        self.optimiser.restore("optimiser", state)?;
        if let Some(average) = &mut self.average {
            average.restore(AVERAGE, state)?;
        }
        let images = self.validation.as_ref().map_or(0, |validation| validation.images.count);
        self.selection.restore(state, images)
    }
}
