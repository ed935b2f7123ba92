//! A pass: what is done to an image, operation by operation, and to the images of which classes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Chance;
use crate::augment::Operation;
use crate::augment::Range;
use crate::augment::autocontrast::Autocontrast;
use crate::augment::blur::Blur;
use crate::augment::crop::Crop;
use crate::augment::cutout::Cutout;
use crate::augment::elastic::Elastic;
use crate::augment::equalize::Equalize;
use crate::augment::gamma::Gamma;
use crate::augment::noise::Noise;
use crate::augment::posterize::Posterize;
use crate::augment::sample::Sample;
use crate::augment::sharpness::Sharpness;
use crate::augment::solarize::Solarize;
use crate::imaging::affine::Affine;
use crate::imaging::affine::Resampling;
use crate::imaging::affine::affine;
use crate::imaging::color;
use crate::imaging::color::Property;
use crate::imaging::flip;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::seed::Stream;
use crate::stage::ParamProblem;
use crate::stage::StageError;

/// Declares [`Pass`]: flips, motion and colours, which share one stream and one resampling, then the
/// operations of the list, each with a stream of its own, named after it.
macro_rules! operations {
    ($($(#[doc = $about:literal])+ $name:ident: $operation:ident,)+) => {
        /// What one pass does to each image, in the order of these names, but for the four colours,
        /// whose order is drawn for each image; a pair is a range to draw from.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Pass {
            /// Names of the classes whose images it is for; absent: all images.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(min = 1))]
            pub classes: Option<Vec<String>>,
            /// Probability of turning it upside down, 0 to 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub vertical_flip: Option<Chance>,
            /// Probability of mirroring it left to right, 0 to 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub horizontal_flip: Option<Chance>,
            /// Rotation about the centre, degrees counter-clockwise; black comes in at the corners.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub rotation: Option<Range>,
            /// Largest shift to any side, as a share of the side's length, 0 to 1; black comes in.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0.0, max = 1.0))]
            pub translation: Option<f64>,
            /// Growth about the centre, as a factor above 0.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub scale: Option<Range>,
            /// Degrees, -89 to 89, by which upright lines lean, their upper ends to the right.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub shear: Option<Range>,
            /// How rotation, translation, scale and shear, which are one motion, make up pixels
            /// between pixels; absent: `soft`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub resampling: Option<Resampling>,
            /// Factor of brightness, 0 or more; 1 changes nothing.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub brightness: Option<Range>,
            /// Factor of contrast, 0 or more; 1 changes nothing.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub contrast: Option<Range>,
            /// Factor of saturation, 0 or more; 1 changes nothing.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub saturation: Option<Range>,
            /// Turn of the hue, as a share of the whole circle, -0.5 to 0.5; 0 keeps it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub hue: Option<Range>,
            $(
                $(#[doc = $about])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$operation>,
            )+
        }

        impl Pass {
            /// Returns the operations of the list that the pass has, by name.
            fn operations(&self) -> impl Iterator<Item = (&'static str, &dyn Operation)> {
                let all = [$(
                    (stringify!($name), self.$name.as_ref().map(|one| one as &dyn Operation)),
                )+];
                all.into_iter().filter_map(|(name, operation)| Some((name, operation?)))
            }
        }
    };
}

operations! {
    /// A part of the image, grown to its size.
    crop: Crop,
    /// Content strays like on rubber; black comes in at the rim.
    elastic: Elastic,
    /// Power of the levels, 0 or more; 1 changes nothing, less brightens.
    gamma: Gamma,
    /// Leading bits of each level that are kept, whole numbers of 1 to 8.
    posterize: Posterize,
    /// Level from which on levels are inverted, whole numbers of 0 to 256.
    solarize: Solarize,
    /// Probability of stretching each channel to all levels, 0 to 1.
    autocontrast: Autocontrast,
    /// Probability of making each channel's levels equally frequent, 0 to 1.
    equalize: Equalize,
    /// Factor of sharpness, 0 or more; 1 changes nothing, less smooths.
    sharpness: Sharpness,
    /// Deviation of a Gaussian blur, pixels, 0.01 to 1,000.
    blur: Blur,
    /// Deviation of Gaussian noise, levels, 0 to 255.
    noise: Noise,
    /// A part of the image turns black.
    cutout: Cutout,
    /// Some passes out of a list, drawn for each image.
    sample: Sample,
}

/// Returns the passes of Cheng and Ye (2021).
pub fn of_the_study() -> Vec<Pass> {
    let faded = Some(Range([0.7, 0.9]));
    vec![
        Pass { vertical_flip: Some(Chance(1.0)), ..Pass::default() },
        Pass { horizontal_flip: Some(Chance(0.1)), ..Pass::default() },
        Pass { brightness: faded, contrast: faded, saturation: faded, ..Pass::default() },
    ]
}

/// Returns what is wrong with a list of passes that is named so.
pub fn problems(name: &str, passes: &[Pass]) -> Vec<ParamProblem> {
    let of = |(index, pass): (usize, &Pass)| {
        let below = move |found: ParamProblem| {
            let place = [name.to_owned(), index.to_string()];
            ParamProblem { path: place.into_iter().chain(found.path).collect(), ..found }
        };
        pass.problems().into_iter().map(below)
    };
    passes.iter().enumerate().flat_map(of).collect()
}

/// Refuses passes for classes that the images do not have.
pub fn known(passes: &[Pass], classes: &[String]) -> Result<(), StageError> {
    let wanted = passes.iter().flat_map(|pass| pass.classes.iter().flatten());
    match wanted.into_iter().find(|name| !classes.contains(name)) {
        None => Ok(()),
        Some(name) => Err(StageError::data(format!(
            "a pass is for the class `{name}`, but the classes are {}",
            classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(", ")
        ))
        .help("name classes as `load` does; `ablate show` prints them")),
    }
}

impl Pass {
    /// Returns the names of what the pass does, joined for ids.
    pub fn name(&self) -> String {
        let color = [self.brightness, self.contrast, self.saturation, self.hue];
        let done = [
            ("vertical-flip", self.vertical_flip.is_some()),
            ("horizontal-flip", self.horizontal_flip.is_some()),
            ("rotation", self.rotation.is_some()),
            ("translation", self.translation.is_some()),
            ("scale", self.scale.is_some()),
            ("shear", self.shear.is_some()),
            ("color", color.iter().any(Option::is_some)),
        ];
        let done = done.iter().filter(|(_, done)| *done).map(|(name, _)| (*name).to_owned());
        let others = self.operations().map(|(name, _)| name.to_owned());
        let names: Vec<String> = done.chain(others).collect();
        if names.is_empty() { "copy".to_owned() } else { names.join("-") }
    }

    /// Returns whether it is for images of a class, given the names of the classes.
    pub fn takes(&self, label: Option<usize>, classes: &[String]) -> bool {
        let Some(wanted) = &self.classes else { return true };
        label.is_some_and(|label| wanted.contains(&classes[label]))
    }

    /// Returns whether anything is drawn.
    pub fn draws(&self) -> bool {
        let chances = [self.vertical_flip, self.horizontal_flip];
        let colors = [self.brightness, self.contrast, self.saturation, self.hue];
        let motions = [self.rotation, self.scale, self.shear];
        chances.into_iter().flatten().any(Chance::draws)
            || self.translation.is_some_and(|share| share > 0.0)
            || motions.into_iter().chain(colors).flatten().any(Range::draws)
            || colors.iter().flatten().count() > 1
            || self.operations().any(|(_, operation)| operation.draws())
    }

    /// Returns what is wrong with its numbers, each with the way to it from the pass.
    fn problems(&self) -> Vec<ParamProblem> {
        const NO_END: f64 = f64::INFINITY;
        let ranges = [
            ("rotation", self.rotation, -360.0, NO_END),
            ("scale", self.scale, 0.01, NO_END),
            ("shear", self.shear, -89.0, 89.0),
            ("brightness", self.brightness, 0.0, NO_END),
            ("contrast", self.contrast, 0.0, NO_END),
            ("saturation", self.saturation, 0.0, NO_END),
            ("hue", self.hue, -0.5, 0.5),
        ];
        let of = |(name, range, least, most): (&str, Option<Range>, f64, f64)| {
            range.map(|range| range.problem(name, least, most)).unwrap_or_default()
        };
        let mut problems: Vec<ParamProblem> = ranges.into_iter().flat_map(of).collect();
        let moved = [self.rotation, self.scale, self.shear].iter().any(Option::is_some)
            || self.translation.is_some();
        if self.resampling.is_some() && !moved {
            let problem = "there is no motion to resample for";
            let help = "add `rotation`, `translation`, `scale` or `shear`, or leave it out";
            problems.push(ParamProblem::at("resampling", problem).help(help));
        }
        for (name, operation) in self.operations() {
            for mut problem in operation.problems() {
                problem.path.insert(0, name.to_owned());
                problems.push(problem);
            }
        }
        problems
    }

    /// Changes an image as its seed draws it.
    pub fn apply(&self, image: &mut Rgb, seed: Seed) {
        let stream = &mut seed.stream();
        if self.vertical_flip.is_some_and(|chance| chance.draw(stream)) {
            flip::flip_vertically(image);
        }
        if self.horizontal_flip.is_some_and(|chance| chance.draw(stream)) {
            flip::flip_horizontally(image);
        }
        let motion = self.motion(image, stream);
        if motion != Affine::IDENTITY {
            *image = affine(image, motion, self.resampling.unwrap_or(Resampling::Soft));
        }
        self.color(image, stream);
        for (name, operation) in self.operations() {
            operation.apply(image, &mut seed.named(name).stream());
        }
    }

    fn motion(&self, image: &Rgb, stream: &mut Stream) -> Affine {
        let mut within =
            |range: Option<Range>, otherwise| range.map_or(otherwise, |range| range.draw(stream));
        let rotation = within(self.rotation, Affine::IDENTITY.rotation);
        let scale = within(self.scale, Affine::IDENTITY.scale);
        let share = self.translation.map(|share| Range([-share, share]));
        let right = within(share, 0.0) * image.width as f64;
        let down = within(share, 0.0) * image.height as f64;
        let shear = within(self.shear, Affine::IDENTITY.shear);
        Affine { rotation, scale, shear, right, down }
    }

    fn color(&self, image: &mut Rgb, stream: &mut Stream) {
        let mut order = Property::ALL;
        // The hue takes part in the order only where it is turned.
        let turned = order.len() - usize::from(self.hue.is_none());
        stream.shuffle(&mut order[..turned]);
        for property in order {
            let range = match property {
                Property::Brightness => self.brightness,
                Property::Contrast => self.contrast,
                Property::Saturation => self.saturation,
                Property::Hue => self.hue,
            };
            if let Some(range) = range {
                color::adjust(image, property, range.draw(stream));
            }
        }
    }
}
