//! What each criterion of `filter` says of every image.

use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::files;
use crate::measure::accuracy::most_likely;
use crate::measure::distance::Neighbour;
use crate::measure::manifold;
use crate::measure::neighbours::neighbours;
use crate::ml;
use crate::ml::Features;
use crate::stage::Context;
use crate::stage::StageError;
use crate::stages::by_image::by_image;

use super::params::By;
use super::params::Params;
use super::params::Step;

/// What images are scored with.
pub(super) struct Judges<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) params: &'a Params,
    pub(super) images: &'a ImageSet,
    pub(super) reference: &'a ImageSet,
    pub(super) gan: Option<&'a Gan>,
    pub(super) classifier: Option<&'a Classifier>,
}

/// Where generated and real images lie.
pub(super) struct Space {
    pub(super) made: Features,
    real: Features,
}

impl Judges<'_> {
    /// Returns where images lie, if any step looks at that.
    pub(super) fn space(&self, steps: &[Step]) -> Result<Option<Space>, StageError> {
        let looks = |step: &Step| {
            step.diverse || matches!(step.by, By::Realism | By::Density | By::Diversity)
        };
        if !steps.iter().any(looks) {
            return Ok(None);
        }
        let Some(classifier) = self.classifier else {
            let (made, real) =
                (Features::of_pixels(self.images), Features::of_pixels(self.reference));
            return Ok(Some(Space { made, real }));
        };
        classifier.suits(self.images).map_err(StageError::data)?;
        classifier.suits(self.reference).map_err(StageError::data)?;
        let made = ml::features(self.cx, classifier, self.images)?;
        let real = ml::features(self.cx, classifier, self.reference)?;
        Ok(Some(Space { made, real }))
    }

    /// Returns the score of each image by a criterion, the higher the better; none by `diversity`, which depends
    /// on what else is kept.
    pub(super) fn scores(
        &self,
        by: By,
        space: Option<&Space>,
    ) -> Result<Vec<Option<f64>>, StageError> {
        let scores = match (by, space) {
            (By::Critic, _) => self.critic()?,
            (By::Confidence, _) => self.confidence()?,
            (By::Review, _) => self.review()?,
            (By::Realism, Some(space)) => self.realism(space),
            (By::Density, Some(space)) => self.density(space)?,
            (By::Diversity, _) | (_, None) => return Ok(vec![None; self.images.len()]),
        };
        if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
            let id = &self.images.samples[index].id;
            return Err(StageError::data(format!("the score of `{id}` is no number"))
                .help("the network's training diverged: lower its `learning_rate`"));
        }
        Ok(scores.into_iter().map(Some).collect())
    }

    fn critic(&self) -> Result<Vec<f64>, StageError> {
        let gan = self.gan.ok_or_else(|| unconnected(By::Critic))?;
        gan.suits(self.images).map_err(StageError::data)?;
        ml::critic_scores(self.cx, gan, self.images)
    }

    fn confidence(&self) -> Result<Vec<f64>, StageError> {
        let classifier = self.classifier.ok_or_else(|| unconnected(By::Confidence))?;
        classifier.suits(self.images).map_err(StageError::data)?;
        let answers = ml::classify(self.cx, classifier, self.images)?;
        let of = |(row, label): (Vec<f64>, Option<usize>)| row[label.unwrap_or(most_likely(&row))];
        let labels = self.images.samples.iter().map(|sample| sample.label);
        Ok(answers.into_iter().zip(labels).map(of).collect())
    }

    /// Returns minus the mean distance of each image to its nearest real images.
    fn realism(&self, space: &Space) -> Vec<f64> {
        let (made, real) = (space.made.rows(), space.real.rows());
        let nearest = neighbours(&made, &real, self.params.neighbours);
        let mean = |found: Vec<Neighbour>| {
            found.iter().map(|neighbour| neighbour.distance).sum::<f64>() / found.len() as f64
        };
        nearest.into_iter().map(|found| -mean(found)).collect()
    }

    fn density(&self, space: &Space) -> Result<Vec<f64>, StageError> {
        let neighbours = self.params.neighbours;
        let found = manifold::densities(&space.real.rows(), &space.made.rows(), neighbours);
        found.ok_or_else(|| {
            let real = self.reference.len();
            let problem =
                format!("`by: density` looks at {neighbours} neighbours of {real} real images");
            StageError::data(problem)
                .help("lower `neighbours`, or connect more images to `reference`")
        })
    }

    fn review(&self) -> Result<Vec<f64>, StageError> {
        let name = self.params.csv.as_deref().unwrap_or_default();
        read(name, &files::read(self.cx.source(name)?)?, self.images)
    }
}

/// Reads a person's scores: a table with the columns `id` and `score`; 0 for images without a row. `name` is the
/// file, for errors.
pub(super) fn read(name: &str, text: &[u8], images: &ImageSet) -> Result<Vec<f64>, StageError> {
    let said = |score: &str| match score {
        "yes" => Ok(1.0),
        "no" => Ok(0.0),
        number => {
            number.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
                (format!("found the score `{score}`"), "write a number, `yes` or `no`")
            })
        }
    };
    let scores = by_image(name, text, "score", images, said)?;
    Ok(scores.into_iter().map(Option::unwrap_or_default).collect())
}

/// Returns the error for images that nothing can score.
pub(super) fn unconnected(by: By) -> StageError {
    let (what, other) = match by {
        By::Critic => ("scores by a GAN's critic", By::Realism),
        By::Confidence => ("asks a classifier", By::Critic),
        _ => ("compares a classifier's features", By::Critic),
    };
    let (name, other, port) = (by.name(), other.name(), by.port().unwrap_or_default());
    StageError::data(format!("`by: {name}` {what}, but there is none"))
        .help(format!("connect the port `{port}`, or write `by: {other}`"))
}
