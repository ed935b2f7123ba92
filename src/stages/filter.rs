//! `filter`: keeps the best of generated images, and drops near copies of real ones and of each other.
//!
//! Every image's scores, rank, fate and nearest real image go into a table.

mod choice;
mod criteria;
mod params;

use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Table;
use crate::measure::distance::Neighbour;
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
use crate::stages::near_copies::copies_of_better;
use crate::stages::near_copies::nearest_real;

use choice::Choice;
use choice::Fate;
use choice::too_few;
use criteria::Judges;
use criteria::unconnected;
use params::By;
use params::Keep;
pub use params::Params;
use params::Step;

/// Keeps the best of generated images, and drops near copies.
pub struct Filter;

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to choose from.
        images: ImageSet = Pass,
        /// Real images: what realism, density and near copies are measured against.
        reference: Vec<ImageSet> = Fit,
        /// The GAN whose critic scores.
        gan: Option<Gan> = Pass,
        /// The classifier that is asked for confidence, and in whose features images are near or far.
        classifier: Option<Classifier> = Pass,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The images that were kept, in the order in which they came.
        images: ImageSet = Lineage::Inputs,
        /// One row an image: its score by each step, rank, fate, nearest real image and the distance to it in grey levels.
        decisions: Table = Lineage::Inputs,
    }
}

impl Stage for Filter {
    const KIND: &'static str = "filter";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "Keeps the best of generated images, and drops near copies of real ones and of each other.";
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

    fn draws(_: &Params) -> bool {
        false
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        params.csv.iter().map(|name| SourceRef::file(name, "csv")).collect()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let steps = params.steps();
        let lacks = |by: &By| by.port().is_some_and(|port| !known.connected.contains(port));
        if let Some(by) = steps.iter().map(|step| step.by).find(lacks) {
            return Err(unconnected(by));
        }
        let images = known.inputs.get("images");
        let wanted = |step: &Step| match &step.keep {
            Keep::Count(count) if !step.per_class => Some(*count),
            Keep::Counts(counts) => {
                Some(counts.iter().fold(0, |sum: usize, count| sum.saturating_add(*count)))
            }
            Keep::Count(_) | Keep::Bound(_) => None,
        };
        let mut left = images.map(Counts::total);
        for wanted in steps.iter().filter_map(wanted) {
            if let Some(left) = left.filter(|left| *left < wanted) {
                return Err(too_few(wanted, left, "", 0));
            }
            left = Some(wanted);
        }
        let partition = images.and_then(|counts| counts.partitions.keys().next().copied());
        let partition = partition.unwrap_or(Partition::Train);
        let size = known.size("images");
        let kept = steps.last().and_then(wanted);
        Ok(kept
            .map(|kept| ("images", Counts::of(partition, kept).sized(size)))
            .into_iter()
            .collect())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let reference = ImageSet::join(inputs.reference).map_err(StageError::data)?;
        let images = inputs.images;
        let steps = params.steps();
        let judges = Judges {
            cx,
            params,
            images: &images,
            reference: &reference,
            gan: inputs.gan.as_ref(),
            classifier: inputs.classifier.as_ref(),
        };
        let nearest = nearest_real(&images, &reference)?;
        let space = judges.space(&steps)?;
        let scores = steps
            .iter()
            .map(|step| judges.scores(step.by, space.as_ref()))
            .collect::<Result<_, _>>()?;
        let places = space.as_ref().map(|space| &space.made);
        let mut choice = Choice::new(&images, &steps, scores, places);
        drop_copies(params, &mut choice, &nearest);
        note_copies(cx, &choice.fates);
        choice.go()?;
        let table = table(&choice, &reference, &nearest);
        Ok(Outputs { images: images.pick(&choice.kept()), decisions: table })
    }
}

/// Drops images that nearly copy a real one, and then those that nearly copy a better one.
fn drop_copies(params: &Params, choice: &mut Choice<'_>, nearest: &[Neighbour]) {
    let near = params.near_copies;
    if !near.drop {
        return;
    }
    for (fate, nearest) in choice.fates.iter_mut().zip(nearest) {
        if nearest.distance <= near.threshold {
            *fate = Fate::CopyOfReal;
        }
    }
    if near.each_other {
        let order = choice.ranked(0, choice.kept());
        let copied = copies_of_better(choice.images, &order, near.threshold);
        for (index, better) in copied.into_iter().enumerate() {
            if let Some(better) = better {
                choice.fates[index] = Fate::CopyOf(better);
            }
        }
    }
}

fn note_copies(cx: &Context<'_>, fates: &[Fate]) {
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    let (all, real) = (fates.len(), count(|fate| *fate == Fate::CopyOfReal));
    let each_other = count(|fate| matches!(fate, Fate::CopyOf(_)));
    if real > 0 {
        cx.observer.note(&format!("{real} of {all} images nearly copy a real one"));
    }
    if each_other > 0 {
        cx.observer.note(&format!("{each_other} of {all} images nearly copy a better one"));
    }
}

/// Returns one row an image: `id`, its score by each step, `rank,kept,reason,nearest_real,distance`.
fn table(choice: &Choice<'_>, reference: &ImageSet, nearest: &[Neighbour]) -> Table {
    let scores = choice.steps.iter().map(|step| step.by.name());
    let rest = ["rank", "kept", "reason", "nearest_real", "distance"];
    let columns: Vec<&str> = ["id"].into_iter().chain(scores).chain(rest).collect();
    let mut table = Table::new(&columns);
    let cell = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    for (index, sample) in choice.images.samples.iter().enumerate() {
        let fate = choice.fates[index];
        let rank = Some(choice.ranks[index]).filter(|rank| *rank > 0);
        let mut row = vec![sample.id.clone()];
        row.extend(choice.scores.iter().map(|scores| cell(scores[index])));
        row.extend([
            rank.map(|rank| rank.to_string()).unwrap_or_default(),
            if fate == Fate::Kept { "yes" } else { "no" }.to_owned(),
            reason(choice, fate),
            reference.samples[nearest[index].index].id.clone(),
            nearest[index].distance.to_string(),
        ]);
        table.push(row);
    }
    table
}

fn reason(choice: &Choice<'_>, fate: Fate) -> String {
    match fate {
        Fate::Kept => "best".to_owned(),
        Fate::CopyOfReal => "near copy of a real image".to_owned(),
        Fate::CopyOf(other) => format!("near copy of {}", choice.images.samples[other].id),
        Fate::Lower(by) => format!("lower {}", by.name()),
        Fate::Crowded => "like a better one".to_owned(),
    }
}

#[cfg(test)]
mod tests;
