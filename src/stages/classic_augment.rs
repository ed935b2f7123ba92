//! `classic-augment`: adds flipped, recoloured and moved copies to image sets.
//!
//! First the originals, then one copy of each for every pass. A copy's draws depend on the seed,
//! the number of its pass and its original's id, never on threads or on the order of images.

use std::collections::BTreeSet;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::ImageSet;
use crate::artifact::Sample;
use crate::imaging::color;
use crate::imaging::color::Property;
use crate::imaging::rgb::Rgb;
use crate::imaging::transform;
use crate::imaging::transform::Affine;
use crate::seed::Stream;
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
    #[serde(default = "default_passes")]
    #[schemars(length(max = 64))]
    pub passes: Vec<Pass>,
    /// Whether the images that enter leave as well, before their copies.
    #[serde(default = "yes")]
    pub keep_originals: bool,
}

/// What one pass does to each image, in the order of these names but for the colours, whose order
/// is drawn for each image; a pair is a range to draw from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Probability of turning it upside down, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub vertical_flip: Option<f64>,
    /// Probability of mirroring it left to right, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub horizontal_flip: Option<f64>,
    /// Rotation about the centre, degrees counter-clockwise; black comes in at the corners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<[f64; 2]>,
    /// Largest shift to any side, as a share of the side's length, 0 to 1; black comes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub translation: Option<f64>,
    /// Growth about the centre, as a factor above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<[f64; 2]>,
    /// Factor of brightness, 0 or more; 1 changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brightness: Option<[f64; 2]>,
    /// Factor of contrast, 0 or more; 1 changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<[f64; 2]>,
    /// Factor of saturation, 0 or more; 1 changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<[f64; 2]>,
}

/// Returns the passes of Cheng and Ye (2021).
fn default_passes() -> Vec<Pass> {
    let faded = Some([0.7, 0.9]);
    vec![
        Pass { vertical_flip: Some(1.0), ..Pass::default() },
        Pass { horizontal_flip: Some(0.1), ..Pass::default() },
        Pass { brightness: faded, contrast: faded, saturation: faded, ..Pass::default() },
    ]
}

fn yes() -> bool {
    true
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
        for (index, pass) in params.passes.iter().enumerate() {
            problems.extend(pass.problems(index));
        }
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(params: &Params) -> bool {
        params.passes.iter().any(Pass::draws)
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
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
        let mut jobs = Vec::new();
        for (number, pass) in params.passes.iter().enumerate() {
            jobs.extend((0..originals.len()).map(|index| (number, pass, index)));
        }
        let progress = Progress::new(cx, "images", jobs.len());
        let copies: Vec<(Sample, Vec<u8>)> = cx.on_threads(|| {
            jobs.par_iter()
                .map(|(number, pass, index)| {
                    progress.advance()?;
                    Ok(copy(cx, &originals, *index, *number, pass))
                })
                .collect::<Result<_, StageError>>()
        })??;
        let mut images = if params.keep_originals { originals } else { originals.pick(&[]) };
        let mut taken: BTreeSet<String> =
            images.samples.iter().map(|sample| sample.id.clone()).collect();
        for (mut sample, pixels) in copies {
            sample.id = unique(&sample.id, &mut taken);
            images.push(sample, &pixels);
        }
        Ok(Outputs { images })
    }
}

impl Pass {
    /// Returns the names of what the pass does, joined for ids.
    fn name(&self) -> String {
        let color = [self.brightness, self.contrast, self.saturation];
        let done = [
            ("vertical-flip", self.vertical_flip.is_some()),
            ("horizontal-flip", self.horizontal_flip.is_some()),
            ("rotation", self.rotation.is_some()),
            ("translation", self.translation.is_some()),
            ("scale", self.scale.is_some()),
            ("color", color.iter().any(Option::is_some)),
        ];
        let names: Vec<&str> =
            done.iter().filter(|(_, done)| *done).map(|(name, _)| *name).collect();
        if names.is_empty() { "copy".to_owned() } else { names.join("-") }
    }

    fn draws(&self) -> bool {
        let chances = [self.vertical_flip, self.horizontal_flip];
        let certain = |chance: &f64| *chance == 0.0 || *chance == 1.0;
        let ranges = [self.rotation, self.scale, self.brightness, self.contrast, self.saturation];
        chances.iter().flatten().any(|chance| !certain(chance))
            || self.translation.is_some_and(|share| share > 0.0)
            || ranges.iter().flatten().any(|[low, high]| low != high)
            || ranges[2..].iter().flatten().count() > 1
    }

    fn problems(&self, index: usize) -> Vec<ParamProblem> {
        let ranges = [
            ("rotation", self.rotation, -360.0),
            ("scale", self.scale, 0.01),
            ("brightness", self.brightness, 0.0),
            ("contrast", self.contrast, 0.0),
            ("saturation", self.saturation, 0.0),
        ];
        let mut problems = Vec::new();
        for (name, range, least) in ranges {
            let Some([low, high]) = range else { continue };
            let wrong = if low > high {
                format!("the range runs from {low} down to {high}; the lower end comes first")
            } else if low < least {
                format!("the range begins at {low}, expected at least {least}")
            } else {
                continue;
            };
            let path = vec!["passes".to_owned(), index.to_string(), name.to_owned()];
            problems.push(ParamProblem { path, problem: wrong, help: None });
        }
        problems
    }

    /// Makes the copy of an image, drawing from its own stream.
    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        if self.vertical_flip.is_some_and(|chance| stream.chance(chance)) {
            transform::flip_vertically(image);
        }
        if self.horizontal_flip.is_some_and(|chance| stream.chance(chance)) {
            transform::flip_horizontally(image);
        }
        let motion = self.motion(image, stream);
        if motion != Affine::IDENTITY {
            *image = transform::affine(image, motion);
        }
        let mut order = Property::ALL;
        stream.shuffle(&mut order);
        for property in order {
            let range = match property {
                Property::Brightness => self.brightness,
                Property::Contrast => self.contrast,
                Property::Saturation => self.saturation,
            };
            if let Some([low, high]) = range {
                color::adjust(image, property, stream.range(low, high));
            }
        }
    }

    fn motion(&self, image: &Rgb, stream: &mut Stream) -> Affine {
        let mut within = |range: Option<[f64; 2]>, otherwise| {
            range.map_or(otherwise, |[low, high]| stream.range(low, high))
        };
        let rotation = within(self.rotation, Affine::IDENTITY.rotation);
        let scale = within(self.scale, Affine::IDENTITY.scale);
        let share = self.translation.map(|share| [-share, share]);
        let right = within(share, 0.0) * image.width as f64;
        let down = within(share, 0.0) * image.height as f64;
        Affine { rotation, scale, right, down }
    }
}

/// Returns an id that no image has: the wanted one, or that with a number behind it.
fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{wanted}-{number}"));
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    let id = candidates.find(|id| !taken.contains(id)).expect("there are endless candidates");
    taken.insert(id.clone());
    id
}

/// Returns one copy. Copies of generated images keep `gan` visible: their origin is `gan+classic`.
fn copy(
    cx: &Context<'_>,
    originals: &ImageSet,
    index: usize,
    number: usize,
    pass: &Pass,
) -> (Sample, Vec<u8>) {
    let original = &originals.samples[index];
    let seed = cx.seed.named("pass").number(number as u64).named(&original.id);
    let mut image = Rgb::new(originals.height, originals.width, originals.image(index).to_vec());
    pass.apply(&mut image, &mut seed.stream());
    let origin = match original.origin.as_str() {
        "gan" | "gan+classic" => "gan+classic",
        _ => "classic",
    };
    let id = format!("{}+{}", original.id, pass.name());
    (Sample { id, origin: origin.to_owned(), ..original.clone() }, image.pixels)
}

#[cfg(test)]
mod tests;
