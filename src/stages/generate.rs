//! `generate`: draws images from a trained GAN.
//!
//! Image `i` is made from its own latent vector. A GAN that is told classes makes images of those that are asked for, one
//! of a single class makes images of that; those of any other have no label.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::digest::is_default;
use crate::ml;
use crate::ml::LatentDistribution;
use crate::ml::Sampling;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

/// Most images that may be asked for.
const MOST_IMAGES: usize = 10_000_000;

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
    /// Number of images of each class, in the order of classes, in the place of `count`; of a conditional GAN. Absent:
    /// each image draws its class, as likely as it is among the images that the GAN was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub counts: Option<Vec<usize>>,
    /// Whether all classes that a conditional GAN was trained on get as many images, or one more than others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance: bool,
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
        /// The images, with labels where the GAN makes images of given classes.
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

    fn check(params: &Params) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        let Some(counts) = &params.counts else { return problems };
        if params.balance {
            let problem = "`counts` say how many images each class gets, and so does `balance`";
            problems.push(ParamProblem::at("balance", problem).help("leave one of them out"));
        }
        match sum(counts) {
            0 => problems
                .push(ParamProblem::at("counts", "they sum to 0; expected an image or more")),
            sum if sum > MOST_IMAGES => {
                let problem = format!("they sum to {sum}, expected at most {MOST_IMAGES}");
                problems.push(ParamProblem::at("counts", problem).help("ask for fewer images"));
            }
            _ => {}
        }
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn forecast(params: &Params, _: &Forecast) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let count = params.counts.as_deref().map_or(params.count, sum);
        Ok(vec![("images", Counts::of(Partition::Train, count))])
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let gan = &inputs.gan;
        let labels = labels(params, gan, cx.seed)?;
        let sampling = Sampling {
            count: if labels.is_empty() { params.count } else { labels.len() },
            classes: if gan.shape.conditions > 0 { labels.clone() } else { Vec::new() },
            latent: params.latent_distribution,
            batch_size: params.batch_size,
        };
        let pixels = ml::generate(cx, gan, &sampling)?;
        Ok(Outputs { images: collect(gan, &labels, pixels) })
    }
}

/// Returns how many images there are in all, or the largest number where that is more.
fn sum(counts: &[usize]) -> usize {
    counts.iter().fold(0_usize, |sum, count| sum.saturating_add(*count))
}

/// Returns the class of each image, or nothing where the GAN knows none.
fn labels(params: &Params, gan: &Gan, seed: Seed) -> Result<Vec<usize>, StageError> {
    let known: Vec<usize> = (0..gan.counts.len()).filter(|&class| gan.counts[class] > 0).collect();
    if known.is_empty() && (params.counts.is_some() || params.balance) {
        let name = if params.balance { "balance" } else { "counts" };
        let problem = format!("`{name}` asks for images of classes, but the GAN knows none");
        return Err(StageError::data(problem)
            .help("train it with `conditional: true`, or ask for a `count`"));
    }
    let Some(counts) = &params.counts else {
        let class = |index: usize| match known.len() {
            1 => known[0],
            _ if params.balance => known[index % known.len()],
            _ => drawn(&gan.counts, seed.named("class").number(index as u64)),
        };
        return Ok(if known.is_empty() { known } else { (0..params.count).map(class).collect() });
    };
    if counts.len() != gan.classes.len() {
        let (asked, classes) = (counts.len(), gan.classes.len());
        let problem = format!("`counts` are for {asked} classes, but the GAN's are {classes}");
        return Err(StageError::data(problem).help("give a number for each, in their order"));
    }
    if let Some(class) = (0..counts.len()).find(|&at| counts[at] > 0 && gan.counts[at] == 0) {
        let (count, name) = (counts[class], &gan.classes[class]);
        let problem =
            format!("`counts` ask for {count} images of `{name}`, but the GAN was trained on none");
        return Err(StageError::data(problem).help("write 0 in its place"));
    }
    let each = counts.iter().enumerate();
    Ok(each.flat_map(|(class, &count)| std::iter::repeat_n(class, count)).collect())
}

/// Draws a class, as likely as its share of the counts.
fn drawn(counts: &[usize], seed: Seed) -> usize {
    let place = seed.stream().below(sum(counts));
    let ends = counts.iter().scan(0_usize, |end, count| {
        *end = end.saturating_add(*count);
        Some(*end)
    });
    ends.take_while(|end| *end <= place).count()
}

/// Returns generated pixels as an image set: ids `gan/0`, `gan/1`, ..., or with its class, `gan/ill/0`, where the GAN
/// is of one alone, so that sets of several such GANs can be joined.
fn collect(gan: &Gan, labels: &[usize], pixels: Vec<u8>) -> ImageSet {
    let images = ImageSet::empty(gan.shape.size, gan.shape.size, gan.classes.clone());
    let count = pixels.len() / images.bytes_per_image();
    let is_of_one = gan.shape.conditions == 0;
    let sample = |index| {
        let label = labels.get(index).copied();
        let id = match label.filter(|_| is_of_one) {
            Some(class) => format!("gan/{}/{index}", gan.classes[class]),
            None => format!("gan/{index}"),
        };
        Sample { id, label, partition: gan.partition, group: None, origin: "gan".to_owned() }
    };
    images.filled((0..count).map(sample).collect(), pixels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;
    use serde_json::json;

    use super::Gan;
    use super::Generate;
    use super::Partition;
    use super::Seed;
    use super::collect;
    use super::labels;
    use crate::artifact::GanShape;
    use crate::artifact::History;
    use crate::stage::Counts;
    use crate::stage::Forecast;
    use crate::stage::StageKind;
    use crate::stages::trial::told;

    #[test]
    fn two_thousand_images_are_foreseen() {
        let kind = StageKind::of::<Generate>();
        let params = kind.resolve(&json!({})).unwrap();
        let foreseen = (kind.forecast)(&params, &Forecast::default()).unwrap();
        assert_eq!(foreseen, [("images", Counts::of(Partition::Train, 2000))]);
    }

    fn gan(conditions: usize, counts: &[usize]) -> Gan {
        Gan {
            shape: GanShape { size: 8, conditions, ..GanShape::default() },
            classes: vec!["a".into(), "b".into(), "c".into()],
            counts: counts.to_vec(),
            partition: Partition::Train,
            generator: Vec::new(),
            critic: Vec::new(),
            history: History::default(),
            grids: BTreeMap::new(),
        }
    }

    fn labelled(gan: &Gan, params: &Value) -> Result<Vec<usize>, String> {
        let params = StageKind::of::<Generate>().resolve(params).unwrap();
        let params = serde_json::from_value(params).unwrap();
        labels(&params, gan, Seed(3)).map_err(|error| told(&error))
    }

    #[test]
    fn images_of_a_gan_that_knows_no_class_have_no_label() {
        let gan = gan(0, &[]);
        assert_eq!(labelled(&gan, &json!({"count": 4})), Ok(vec![]));
        let images = collect(&gan, &[], vec![9; 2 * 8 * 8 * 3]);
        assert_eq!((images.len(), &images.classes), (2, &gan.classes));
        let last = &images.samples[1];
        assert_eq!((last.id.as_str(), last.label, last.origin.as_str()), ("gan/1", None, "gan"));
        let all = [json!({"balance": true}), json!({"counts": [1, 2, 3]})];
        let all = all.map(|params| labelled(&gan, &params).unwrap_err());
        insta::assert_snapshot!(all.join("\n"), @"
        `balance` asks for images of classes, but the GAN knows none; train it with `conditional: true`, or ask for a `count`
        `counts` asks for images of classes, but the GAN knows none; train it with `conditional: true`, or ask for a `count`
        ");
    }

    #[test]
    fn images_of_a_gan_of_one_class_are_of_that_class() {
        let gan = gan(0, &[0, 7, 0]);
        assert_eq!(labelled(&gan, &json!({"count": 3})), Ok(vec![1; 3]));
        let images = collect(&gan, &[1, 1], vec![9; 2 * 8 * 8 * 3]);
        let last = &images.samples[1];
        assert_eq!((last.id.as_str(), last.label), ("gan/b/1", Some(1)));
    }

    #[test]
    fn classes_are_counted_take_turns_or_are_drawn_as_likely_as_in_training() {
        let gan = gan(3, &[30, 0, 10]);
        assert_eq!(labelled(&gan, &json!({"counts": [1, 0, 2]})), Ok(vec![0, 2, 2]));
        assert_eq!(labelled(&gan, &json!({"balance": true, "count": 5})), Ok(vec![0, 2, 0, 2, 0]));
        let drawn = labelled(&gan, &json!({"count": 4000})).unwrap();
        let third = drawn.iter().filter(|class| **class == 2).count();
        assert_eq!(drawn.iter().filter(|class| **class == 1).count(), 0);
        assert!((900..1100).contains(&third), "{third}");
        assert_eq!(labelled(&gan, &json!({"count": 9})).unwrap(), drawn[..9]);
        assert_eq!(collect(&gan, &[2], vec![9; 8 * 8 * 3]).samples[0].id, "gan/0");
        let all = [json!({"counts": [1, 2]}), json!({"counts": [1, 2, 3]})];
        let all = all.map(|params| labelled(&gan, &params).unwrap_err());
        insta::assert_snapshot!(all.join("\n"), @"
        `counts` are for 2 classes, but the GAN's are 3; give a number for each, in their order
        `counts` ask for 2 images of `b`, but the GAN was trained on none; write 0 in its place
        ");
    }

    #[test]
    fn counts_that_make_no_sense_are_problems_and_others_are_foreseen() {
        let kind = StageKind::of::<Generate>();
        let problems = |params: &Value| {
            let found = kind.resolve(params).unwrap_err();
            found.iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect::<Vec<_>>()
        };
        let wrong = json!({"counts": [0, 0], "balance": true});
        insta::assert_snapshot!(problems(&wrong).join("\n"), @"
        balance: `counts` say how many images each class gets, and so does `balance`
        counts: they sum to 0; expected an image or more
        ");
        let params = kind.resolve(&json!({"counts": [3, 4]})).unwrap();
        let foreseen = (kind.forecast)(&params, &Forecast::default()).unwrap();
        assert_eq!(foreseen, [("images", Counts::of(Partition::Train, 7))]);
    }
}
