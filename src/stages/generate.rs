//! `generate`: draws images from a trained GAN.
//!
//! Image `i` is made from its own latent vector; the images have no label.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::ml;
use crate::ml::LatentDistribution;
use crate::ml::Sampling;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

/// Draws images from a trained GAN.
pub struct Generate;

/// What is drawn.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Number of images.
    #[serde(default = "default_count")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub count: usize,
    /// Distribution of latent vectors.
    #[serde(default = "default_latent_distribution")]
    pub latent_distribution: LatentDistribution,
    /// Images made at once; decides memory and speed, and the rounding of a product of matrices.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1, max = 65536))]
    pub batch_size: usize,
}

fn default_count() -> usize {
    2000
}

fn default_latent_distribution() -> LatentDistribution {
    LatentDistribution::Normal
}

fn default_batch_size() -> usize {
    100
}

ports! {
    /// What enters.
    inputs Inputs {
        /// The GAN to draw from.
        gan: Gan = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The images, without labels.
        images: ImageSet = Lineage::Inputs,
    }
}

impl Stage for Generate {
    const KIND: &'static str = "generate";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Draws images from a trained GAN.";
    const RUNNER: Runner = Runner::Torch;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn forecast(params: &Params, _: &Forecast) -> Result<Vec<(&'static str, Counts)>, StageError> {
        Ok(vec![("images", Counts::of(Partition::Train, params.count))])
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let sampling = Sampling {
            count: params.count,
            latent: params.latent_distribution,
            batch_size: params.batch_size,
        };
        let pixels = ml::generate(cx, &inputs.gan, &sampling)?;
        Ok(Outputs { images: collect(&inputs.gan, pixels) })
    }
}

/// Returns generated pixels as an image set: ids `gan/0`, `gan/1`, ... and no labels.
fn collect(gan: &Gan, pixels: Vec<u8>) -> ImageSet {
    let images = ImageSet::empty(gan.shape.size, gan.shape.size, gan.classes.clone());
    let count = pixels.len() / images.bytes_per_image();
    let sample = |index| Sample {
        id: format!("gan/{index}"),
        label: None,
        partition: gan.partition,
        group: None,
        origin: "gan".to_owned(),
    };
    images.filled((0..count).map(sample).collect(), pixels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::Gan;
    use super::Generate;
    use super::Partition;
    use super::collect;
    use crate::artifact::CriticNorm;
    use crate::artifact::GanShape;
    use crate::artifact::History;
    use crate::stage::Counts;
    use crate::stage::Forecast;
    use crate::stage::StageKind;

    #[test]
    fn two_thousand_images_are_foreseen() {
        let kind = StageKind::of::<Generate>();
        let params = kind.resolve(&json!({})).unwrap();
        let foreseen = (kind.forecast)(&params, &Forecast::default()).unwrap();
        assert_eq!(foreseen, [("images", Counts::of(Partition::Train, 2000))]);
    }

    #[test]
    fn generated_images_have_ids_but_no_labels() {
        let gan = Gan {
            shape: GanShape {
                size: 8,
                latent: 2,
                generator_width: 2,
                critic_width: 1,
                critic_norm: CriticNorm::None,
            },
            classes: vec!["a".into(), "b".into()],
            partition: Partition::Train,
            generator: Vec::new(),
            critic: Vec::new(),
            history: History::default(),
            grids: BTreeMap::new(),
        };
        let images = collect(&gan, vec![9; 2 * 8 * 8 * 3]);
        assert_eq!(images.len(), 2);
        assert_eq!(images.classes, gan.classes);
        let last = &images.samples[1];
        assert_eq!((last.id.as_str(), last.label, last.origin.as_str()), ("gan/1", None, "gan"));
    }
}
