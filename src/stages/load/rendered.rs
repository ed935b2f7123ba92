//! Rendered photographs of the retina: the source that needs no file.

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::imaging::fundus;
use crate::imaging::fundus::GRADES;
use crate::imaging::fundus::Settings;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::ParamProblem;
use crate::stage::Progress;
use crate::stage::StageError;
use crate::stages::load::Params;

/// Side of the images where the params give none, pixels.
pub(super) const DEFAULT_SIZE: usize = 64;

/// What to render.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fundus {
    /// Training images.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: usize,
    /// Validation images.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub validation: usize,
    /// Test images.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub test: usize,
    /// Shares of the grades 0 to 4; they need not sum to 1. The default is that of `RetinaMNIST`.
    pub balance: [f64; GRADES],
    /// Standard deviation of how ill an eye looks about its grade, in grades: 0 makes the grades
    /// nearly plain, 1 nearly hopeless.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub overlap: f64,
    /// Size of lesions against life: at 32 pixels, lesions of life's size are smaller than a pixel.
    #[schemars(range(min = 1.0, max = 5.0))]
    pub lesions: f64,
    /// Standard deviation of the sensor's noise, as a share of white.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise: f64,
}

impl Default for Fundus {
    fn default() -> Self {
        Self {
            train: 240,
            validation: 60,
            test: 120,
            balance: [0.45, 0.12, 0.19, 0.18, 0.06],
            overlap: 0.45,
            lesions: 1.0,
            noise: 0.02,
        }
    }
}

impl Fundus {
    fn parts(&self) -> [(Partition, usize); 3] {
        [
            (Partition::Train, self.train),
            (Partition::Validation, self.validation),
            (Partition::Test, self.test),
        ]
    }

    pub(super) fn counts(&self) -> Counts {
        let parts = self.parts().into_iter().filter(|(_, images)| *images > 0);
        Counts { partitions: parts.collect(), ..Counts::default() }
    }

    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let fine = |share: &f64| *share >= 0.0 && share.is_finite();
        if self.balance.iter().all(fine) && self.balance.iter().sum::<f64>() > 0.0 {
            return Vec::new();
        }
        let problem = "shares of 0 or more are expected, not all of them 0".to_owned();
        let path = vec!["fundus".to_owned(), "balance".to_owned()];
        vec![ParamProblem { path, problem, help: None }]
    }
}

/// Renders every part from a seed of its own.
pub(super) fn render(
    cx: &Context<'_>,
    fundus: &Fundus,
    params: &Params,
) -> Result<ImageSet, StageError> {
    let size = params.size.unwrap_or(DEFAULT_SIZE);
    let Fundus { balance, overlap, lesions, noise, .. } = *fundus;
    let settings = Settings { size, balance, overlap, lesions, noise };
    let names = || (0..GRADES).map(|grade| grade.to_string()).collect();
    let mut images = ImageSet::empty(size, size, params.classes.clone().unwrap_or_else(names));
    let total = fundus.counts().total();
    let progress = Progress::new(cx, "images", total);
    for (part, count) in fundus.parts() {
        let seed = cx.seed.named(part.name());
        let rendered: Vec<fundus::Photograph> = cx.on_threads(|| {
            (0..count)
                .into_par_iter()
                .map(|number| {
                    progress.advance()?;
                    Ok(fundus::photograph(seed, number, &settings))
                })
                .collect::<Result<_, StageError>>()
        })??;
        for (number, photograph) in rendered.into_iter().enumerate() {
            let sample = Sample {
                id: format!("{part}/{number}"),
                label: Some(photograph.grade),
                partition: part,
                group: Some(format!("{part}/patient-{}", photograph.patient)),
                origin: "rendered".to_owned(),
            };
            images.push(sample, &photograph.image.pixels);
        }
    }
    Ok(images)
}
