//! `classic-augment`: adds flipped, recoloured, moved and otherwise changed copies to image sets.
//!
//! First the originals, then one copy of each for every pass, or as many as make classes even. A copy's
//! draws depend on the seed, the number of its pass and its original's id, never on threads, on other
//! images or on their order.

mod balance;

use std::collections::BTreeSet;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::ImageSet;
use crate::artifact::Sample;
use crate::artifact::Spill;
use crate::augment;
use crate::augment::Pass;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Progress;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

/// Adds flipped, recoloured and moved copies to image sets.
pub struct ClassicAugment;

/// How to make the copies.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// One copy of every image for each pass. The default has three passes: all flipped
    /// vertically, a tenth flipped horizontally, colours faded by 10 to 30 %.
    #[serde(default = "augment::of_the_study")]
    #[schemars(length(max = 64))]
    pub passes: Vec<Pass>,
    /// Whether the images that enter leave as well, before their copies.
    #[serde(default = "yes")]
    pub keep_originals: bool,
    /// Makes copies only until each class has as many images as the largest. A class goes through its
    /// images in an order of its own, again and again; each time round an image gets its copy from
    /// another of its passes, in an order that the image draws, until it had all of them.
    #[serde(default, skip_serializing_if = "is_no")]
    pub balance: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_no(said: &bool) -> bool {
    !said
}

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to copy.
        images: Vec<ImageSet> = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The images and their copies.
        images: ImageSet = Lineage::Inputs,
    }
}

impl Stage for ClassicAugment {
    const KIND: &'static str = "classic-augment";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "Adds flipped, recoloured and moved copies to image sets.";
    const RUNNER: Runner = Runner::Inline;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if params.passes.is_empty() && !params.keep_originals {
            problems
                .push(ParamProblem::at("passes", "without passes and originals nothing leaves"));
        }
        if params.balance {
            let problem = match (params.passes.is_empty(), params.keep_originals) {
                (true, _) => Some("without passes there are no copies to balance with"),
                (_, false) => Some("without originals there is nothing to fill up"),
                _ => None,
            };
            problems.extend(problem.map(|problem| ParamProblem::at("balance", problem)));
        }
        problems.extend(augment::problems("passes", &params.passes));
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(params: &Params) -> bool {
        params.balance || params.passes.iter().any(Pass::draws)
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        if params.balance || params.passes.iter().any(|pass| pass.classes.is_some()) {
            return Ok(Vec::new()); // the classes of the images are not known yet
        }
        let copies = params.passes.len() + usize::from(params.keep_originals);
        let images = known.inputs.get("images");
        Ok(images
            .map(|images| ("images", images.clone().map(|n| n * copies)))
            .into_iter()
            .collect())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let mut originals = ImageSet::join(inputs.images).map_err(|problem| {
            StageError::data(format!("the input sets do not fit together: {problem}"))
                .help("give `load` one `size`, and the sets the same classes")
        })?;
        // A split that comes later must not tear copies from their original.
        for sample in &mut originals.samples {
            sample.group.get_or_insert_with(|| sample.id.clone());
        }
        augment::known(&params.passes, &originals.classes)?;
        let copies = if params.balance {
            balance::copies(cx.seed, &params.passes, &originals)?
        } else {
            one_of_each(&params.passes, &originals)
        };
        let kept = if params.keep_originals { originals.len() } else { 0 };
        let mut samples = originals.samples[..kept].to_vec();
        let mut taken: BTreeSet<String> = samples.iter().map(|one| one.id.clone()).collect();
        for copy in &copies {
            let sample = copy.sample(&params.passes, &originals);
            samples.push(Sample { id: unique(&sample.id, &mut taken), ..sample });
        }
        let size = [originals.height, originals.width];
        let spill = Spill::new(&cx.folder, samples.len(), size);
        let progress = Progress::new(cx, "images", samples.len());
        cx.on_threads(|| {
            (0..samples.len()).into_par_iter().try_for_each(|index| {
                progress.advance()?;
                match index.checked_sub(kept) {
                    None => spill.put(index, originals.image(index))?,
                    Some(number) => {
                        let image = copies[number].image(cx.seed, &params.passes, &originals);
                        spill.put(index, &image.pixels)?;
                    }
                }
                Ok::<(), StageError>(())
            })
        })??;
        let images = spill.finish(originals.classes, samples.into_iter().enumerate().collect())?;
        Ok(Outputs { images })
    }
}

/// A copy to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Copy {
    /// Number of the original.
    original: usize,
    /// Number of the pass.
    pass: usize,
    /// How often that pass has made a copy of that original before.
    round: usize,
}

impl Copy {
    /// Returns the facts about it; its id may be another's. Copies of generated images keep `gan`
    /// visible: their origin is `gan+classic`.
    fn sample(&self, passes: &[Pass], originals: &ImageSet) -> Sample {
        let original = &originals.samples[self.original];
        let origin = match original.origin.as_str() {
            "gan" | "gan+classic" => "gan+classic",
            _ => "classic",
        };
        let id = format!("{}+{}", original.id, passes[self.pass].name());
        Sample { id, origin: origin.to_owned(), ..original.clone() }
    }

    fn image(&self, seed: Seed, passes: &[Pass], originals: &ImageSet) -> Rgb {
        let id = &originals.samples[self.original].id;
        let mut seed = seed.named("pass").number(self.pass as u64).named(id);
        if self.round > 0 {
            seed = seed.number(self.round as u64);
        }
        let pixels = originals.image(self.original).to_vec();
        let mut image = Rgb::new(originals.height, originals.width, pixels);
        passes[self.pass].apply(&mut image, seed);
        image
    }
}

/// Returns one copy by each pass of each image that it takes.
fn one_of_each(passes: &[Pass], originals: &ImageSet) -> Vec<Copy> {
    let by = |(number, pass): (usize, &Pass)| {
        let takes = |index: &usize| pass.takes(originals.samples[*index].label, &originals.classes);
        let taken: Vec<usize> = (0..originals.len()).filter(takes).collect();
        taken.into_iter().map(move |original| Copy { original, pass: number, round: 0 })
    };
    passes.iter().enumerate().flat_map(by).collect()
}

/// Returns an id that no image has: the wanted one, or that with a number behind it.
fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{wanted}-{number}"));
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    let id = candidates.find(|id| !taken.contains(id)).expect("there are endless candidates");
    taken.insert(id.clone());
    id
}

#[cfg(test)]
mod tests;
