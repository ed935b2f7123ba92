//! `evaluate-images`: measures how far generated images are from real ones.
//!
//! Nothing is chosen by what it finds, so images of any part may enter. Distances mean something beside those
//! of as many held-out real images, which are measured in the place of the generated ones too.

mod likeness;
mod params;
mod place;

use crate::artifact::Classifier;
use crate::artifact::Compared;
use crate::artifact::ImageSet;
use crate::artifact::Measured;
use crate::artifact::Nearest;
use crate::artifact::Quality;
use crate::artifact::Yardstick;
use crate::measure::Fidelity;
use crate::measure::distance::Neighbour;
use crate::measure::kid;
use crate::measure::memorisation::memorisation;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::near_copies::nearest_real;

use likeness::mean_likeness;
pub use params::Params;
use place::Placer;
use place::Rows;

/// Measures how far generated images are from real ones.
pub struct EvaluateImages;

ports! {
    /// What enters.
    inputs Inputs {
        /// Real images, usually those that the GAN was trained on.
        real: Vec<ImageSet> = Measure,
        /// Generated images.
        fake: Vec<ImageSet> = Measure,
        /// Real images that the GAN has not seen: what distances are held against.
        held_out: Option<Vec<ImageSet>> = Measure,
        /// The classifier by whose features images are compared.
        classifier: Option<Classifier> = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// Distances over all images and by class, and the nearest real image of each generated one.
        quality: Quality = Lineage::Inputs,
    }
}

impl Stage for EvaluateImages {
    const KIND: &'static str = "evaluate-images";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Measures how far generated images are from real ones.";
    const RUNNER: Runner = Runner::Torch;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        params.problems()
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        params.source().into_iter().collect()
    }

    fn program(params: &Params) -> Option<Vec<String>> {
        let script = params.features.as_ref()?.script.as_ref()?;
        Some(vec![script.file.clone()])
    }

    fn forecast(_: &Params, known: &Forecast) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let real = known.size("real");
        for port in ["fake", "held_out"] {
            if let (Some(real), Some(size)) = (real, known.size(port))
                && real != size
            {
                return Err(sizes(port, size, real));
            }
        }
        Ok(Vec::new())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let real = joined("real", inputs.real)?;
        let fake = joined("fake", inputs.fake)?;
        let held_out = inputs.held_out.map(|sets| joined("held_out", sets)).transpose()?;
        for (port, set) in [("fake", Some(&fake)), ("held_out", held_out.as_ref())] {
            let size = |set: &ImageSet| (set.height, set.width);
            if let Some(set) = set.filter(|set| size(set) != size(&real)) {
                return Err(sizes(port, size(set), size(&real)));
            }
        }
        let placer = Placer::of(cx, params, inputs.classifier.as_ref(), &real)?;
        let side = |set| Side::of(cx, &placer, set, &real);
        let held_out = held_out.as_ref().map(side).transpose()?;
        let (fake, real) = (side(&fake)?, side(&real)?);
        let comparison = Comparison { cx, params, real: &real, fake: &fake, held_out };
        let quality = Quality {
            features: placer.about(),
            all: comparison.measured(None)?,
            classes: comparison.classes()?,
            nearest: rows(fake.images, real.images, &fake.nearest),
        };
        if quality.all.whole.fidelity.fid_is_biased {
            let Fidelity { real, fake, .. } = quality.all.whole.fidelity;
            cx.observer.warn(&format!(
                "the Frechet distance of {fake} images to {real} is mostly a matter of their number: \
                 compare it with none of other numbers, and take the kernel distance"
            ));
        }
        if let Some(warning) = hidden_by_spread(&quality.all) {
            cx.observer.warn(&warning);
        }
        Ok(Outputs { quality })
    }
}

/// Returns a warning where the kernel distance of generated images is no more than its spread over subsets away from
/// that of held-out ones, or from 0 where there are none.
fn hidden_by_spread(Measured { whole, yardstick }: &Measured) -> Option<String> {
    let held_out = yardstick.as_ref().map(|yardstick| yardstick.held_out.fidelity);
    let Fidelity { kid, kid_deviation, .. } = whole.fidelity;
    let (kid, other) = (kid?, held_out.map_or(Some(0.0), |held_out| held_out.kid)?);
    let spread = kid_deviation?.max(held_out.and_then(|one| one.kid_deviation).unwrap_or(0.0));
    let to =
        if held_out.is_some() { format!("{other:.3} of held-out images") } else { "0".to_owned() };
    ((kid - other).abs() < 2.0 * spread).then(|| {
        format!(
            "the kernel distance of {kid:.3} is not farther from {to} than twice its spread over subsets, {spread:.3}: \
             so few images do not tell the difference"
        )
    })
}

/// Images, and where they lie.
struct Side<'a> {
    images: &'a ImageSet,
    rows: Rows,
    /// The real image nearest to each.
    nearest: Vec<Neighbour>,
}

impl<'a> Side<'a> {
    fn of(
        cx: &Context<'_>,
        placer: &Placer<'_>,
        images: &'a ImageSet,
        real: &ImageSet,
    ) -> Result<Self, StageError> {
        let is_real = std::ptr::eq(images, real);
        let nearest = if is_real { Vec::new() } else { nearest_real(images, real)? };
        Ok(Self { images, rows: placer.rows(cx, images)?, nearest })
    }

    /// Returns the images of a class, or all.
    fn members(&self, class: Option<usize>) -> Vec<usize> {
        let is_of = |index: &usize| class.is_none() || self.images.samples[*index].label == class;
        (0..self.images.len()).filter(is_of).collect()
    }

    /// Returns how far each of some images is from the nearest real one.
    fn apart(&self, members: &[usize]) -> Vec<f64> {
        members.iter().map(|&index| self.nearest[index].distance).collect()
    }
}

/// What is compared with what.
struct Comparison<'a> {
    cx: &'a Context<'a>,
    params: &'a Params,
    real: &'a Side<'a>,
    fake: &'a Side<'a>,
    held_out: Option<Side<'a>>,
}

impl Comparison<'_> {
    /// Compares generated images of a class, or all, with the real ones, and with as many held-out ones.
    fn measured(&self, class: Option<usize>) -> Result<Measured, StageError> {
        let members = self.fake.members(class);
        let mut whole = self.compared(class, self.fake, &members)?;
        let Some(held_out) = &self.held_out else {
            return Ok(Measured { whole, yardstick: None });
        };
        let unseen = held_out.members(class);
        whole.memorisation = memorisation(&self.fake.apart(&members), &held_out.apart(&unseen));
        let count = members.len().min(unseen.len());
        let is_all = count == members.len();
        let drawn = |name: &str, mut members: Vec<usize>| {
            self.seed(class).named(name).stream().shuffle(&mut members);
            members.truncate(count);
            members.sort_unstable();
            members
        };
        let unseen = self.compared(class, held_out, &drawn("held out", unseen))?;
        let members = drawn("generated", members);
        let generated = || self.compared(class, self.fake, &members);
        let generated = (!is_all).then(generated).transpose()?;
        Ok(Measured { whole, yardstick: Some(Yardstick { held_out: unseen, generated }) })
    }

    /// Compares some images with the real ones of a class, or all.
    fn compared(
        &self,
        class: Option<usize>,
        side: &Side<'_>,
        members: &[usize],
    ) -> Result<Compared, StageError> {
        self.cx.keep_going()?;
        let ours = self.real.members(class);
        let pick = |side: &Side<'_>, members: &[usize]| -> Rows {
            members.iter().map(|&index| side.rows[index].clone()).collect()
        };
        let Params { subsets, subset, neighbours, pairs, .. } = *self.params;
        let seed = self.seed(class);
        let drawn = kid::subsets(ours.len(), members.len(), subsets, subset, seed);
        let (real, other) = (pick(self.real, &ours), pick(side, members));
        let likeness = |name: &str, images: &ImageSet, members: &[usize]| {
            mean_likeness(images, members, pairs, seed.named(name))
        };
        Ok(Compared {
            fidelity: Fidelity::of(&real, &other, &drawn, neighbours),
            likeness: likeness("pairs", side.images, members),
            real_likeness: likeness("real pairs", self.real.images, &ours),
            memorisation: None,
        })
    }

    /// Compares the images of each class, where all sides are labelled with the same.
    fn classes(&self) -> Result<Vec<(String, Measured)>, StageError> {
        let names = &self.real.images.classes;
        let sides = [self.real, self.fake].into_iter().chain(&self.held_out);
        let labelled =
            |side: &Side<'_>| side.images.classes == *names && side.images.labels().is_ok();
        if names.len() < 2 || !sides.into_iter().all(labelled) {
            return Ok(Vec::new());
        }
        let one = |(class, name): (usize, &String)| Ok((name.clone(), self.measured(Some(class))?));
        names.iter().enumerate().map(one).collect()
    }

    fn seed(&self, class: Option<usize>) -> Seed {
        class.map_or(self.cx.seed, |class| self.cx.seed.number(class as u64))
    }
}

fn joined(port: &str, sets: Vec<ImageSet>) -> Result<ImageSet, StageError> {
    let set = ImageSet::join(sets).map_err(StageError::data)?;
    if set.is_empty() {
        return Err(StageError::data(format!("there is no image in `{port}` to measure")));
    }
    Ok(set)
}

fn sizes(port: &str, size: (usize, usize), real: (usize, usize)) -> StageError {
    let problem = format!(
        "images of {} x {} pixels in `{port}` beside real ones of {} x {}",
        size.1, size.0, real.1, real.0
    );
    StageError::data(problem).help("load and generate images of one size")
}

fn rows(fake: &ImageSet, real: &ImageSet, nearest: &[Neighbour]) -> Vec<Nearest> {
    let row = |(sample, found): (&crate::artifact::Sample, &Neighbour)| Nearest {
        id: sample.id.clone(),
        nearest_real: real.samples[found.index].id.clone(),
        distance: found.distance,
    };
    fake.samples.iter().zip(nearest).map(row).collect()
}

#[cfg(test)]
mod tests;
