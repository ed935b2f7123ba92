//! Where images lie: a row of numbers each, by which `evaluate-images` compares them.

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::measure::components::Components;
use crate::ml;
use crate::ml::NamedNetwork;
use crate::ml::NetworkFile;
use crate::stage::Context;
use crate::stage::StageError;

use super::params::Params;
use super::params::Pixels;
use super::params::Script;
use super::params::Space;
use super::params::Weights;

/// One row an image.
pub(super) type Rows = Vec<Vec<f64>>;

/// What makes rows of images.
pub(super) enum Placer<'a> {
    Classifier(&'a Classifier),
    Named(NamedNetwork, String),
    Pixels(Components),
}

impl<'a> Placer<'a> {
    /// Returns what params and connected ports ask for; directions of pixels are those of the real images.
    pub(super) fn of(
        cx: &Context<'_>,
        params: &Params,
        classifier: Option<&'a Classifier>,
        real: &ImageSet,
    ) -> Result<Self, StageError> {
        let Some(Space { pixels, weights, script }) = &params.features else {
            let by_pixels = || Self::of_pixels(Pixels::default(), real);
            return classifier.map_or_else(by_pixels, |found| Ok(Self::Classifier(found)));
        };
        if let Some(Weights { network, file, mean, deviation }) = weights {
            let (network, path) = (*network, cx.source(file)?.to_owned());
            let source = NetworkFile::Weights { network, path };
            let named = NamedNetwork { file: source, mean: *mean, deviation: *deviation };
            return Ok(Self::Named(named, format!("{network} of {file}")));
        }
        if let Some(Script { file, mean, deviation }) = script {
            let source = NetworkFile::Script { path: cx.source(file)?.to_owned() };
            let named = NamedNetwork { file: source, mean: *mean, deviation: *deviation };
            return Ok(Self::Named(named, file.clone()));
        }
        Self::of_pixels(pixels.unwrap_or_default(), real)
    }

    fn of_pixels(Pixels { components }: Pixels, real: &ImageSet) -> Result<Self, StageError> {
        let found = Components::of(&scaled(real), components);
        if found.directions.is_empty() {
            return Err(StageError::data("the real images do not differ, so no pixels of them do")
                .help("connect two different images or more to `real`"));
        }
        Ok(Self::Pixels(found))
    }

    /// Returns what the rows are, in a few words.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Classifier(classifier) => format!("the study's {}", classifier.network),
            Self::Named(_, about) => about.clone(),
            Self::Pixels(components) => {
                format!("pixels along {} components", components.directions.len())
            }
        }
    }

    /// Returns where each image lies.
    pub(super) fn rows(&self, cx: &Context<'_>, images: &ImageSet) -> Result<Rows, StageError> {
        match self {
            Self::Classifier(classifier) => {
                classifier.suits(images).map_err(StageError::data)?;
                Ok(ml::features(cx, classifier, images)?.rows())
            }
            Self::Named(named, _) => Ok(ml::named_features(cx, named, images)?.rows()),
            Self::Pixels(components) => Ok(components.places(&scaled(images))),
        }
    }
}

/// Returns pixels, scaled to 0-1.
fn scaled(images: &ImageSet) -> Rows {
    let row = |index: usize| images.image(index).iter().map(|&level| f64::from(level) / 255.0);
    (0..images.len()).map(|index| row(index).collect()).collect()
}
