//! `label`: gives images their classes, by classifiers, by real neighbours, by a person, or by what they were
//! made to be.
//!
//! Under quotas, the classes are filled so that the summed confidence is greatest. Every image's
//! label, confidence and fate go into a table, and how far those who could be asked agree into another.

mod agreement;
mod opinion;
mod params;
mod verdict;

use crate::artifact::Agreement;
use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Table;
use crate::files;
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

use agreement::Rater;
use agreement::agreement;
use opinion::Opinion;
use opinion::by_classifiers;
use opinion::by_neighbours;
use params::By;
pub use params::Params;
use params::sum;
use verdict::Verdict;

/// Gives images their classes, by classifiers, by real neighbours, by a person or by what they were made to be.
pub struct Label;

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to label; labels that they have are replaced.
        images: ImageSet = Pass,
        /// Classifiers that label together, or in the first of whose features neighbours are near.
        classifier: Option<Vec<Classifier>> = Pass,
        /// Labelled real images that vote as neighbours.
        reference: Option<Vec<ImageSet>> = Fit,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The images that got a label, in the order in which they came.
        images: ImageSet = Lineage::Inputs,
        /// One row an image: label, confidence, whether it was kept and why.
        decisions: Table = Lineage::Inputs,
        /// Each two of those who could be asked: how many images both labelled, how many alike, and kappa.
        agreement: Agreement = Lineage::Inputs,
    }
}

impl Stage for Label {
    const KIND: &'static str = "label";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "Gives images their classes, by classifiers, by real neighbours, by a person or by what they were made to be.";
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
        if params.by.port().is_some_and(|port| !known.connected.contains(port)) {
            return Err(unconnected(params.by));
        }
        let images = known.inputs.get("images");
        let Some(quotas) = &params.quotas else {
            let all_stay =
                matches!(params.by, By::Classifier | By::Neighbours) && params.confidence == 0.0;
            let all = images.filter(|_| all_stay);
            return Ok(all.map(|all| ("images", all.clone())).into_iter().collect());
        };
        let sum = sum(quotas);
        if let Some(total) = images.map(Counts::total).filter(|total| *total < sum) {
            let problem = format!("`quotas` ask for {sum} of {total} images");
            return Err(StageError::data(problem)
                .help("lower them, or raise `count` in the stage that generates the images"));
        }
        let partition = images.and_then(|counts| counts.partitions.keys().next().copied());
        let counts = Counts::of(partition.unwrap_or(Partition::Train), sum);
        Ok(vec![("images", counts.sized(known.size("images")))])
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let images = &inputs.images;
        let said = Said::of(cx, params, &inputs)?;
        let verdicts = said.verdicts(params, images)?;
        let agreement = agreement(&said.raters(images), images.classes.len());
        for pair in &agreement.pairs {
            let kappa = pair.kappa.map_or("n/a".to_owned(), |kappa| format!("{kappa:.2}"));
            let (one, other, same, both) = (&pair.one, &pair.other, pair.same, pair.images);
            let note = format!("{one} and {other} agree on {same} of {both} images, kappa {kappa}");
            cx.observer.note(&note);
        }
        let kept = verdict::labelled(images, &verdicts);
        cx.observer.note(&format!("{} of {} images got a label", kept.len(), images.len()));
        Ok(Outputs { decisions: verdict::table(images, &verdicts), images: kept, agreement })
    }
}

/// What each of those says who can be asked.
struct Said {
    classifiers: Option<Vec<Opinion>>,
    neighbours: Option<Vec<Opinion>>,
    person: Option<Vec<Verdict>>,
}

impl Said {
    fn of(cx: &Context<'_>, params: &Params, inputs: &Inputs) -> Result<Self, StageError> {
        let images = &inputs.images;
        let classifiers = inputs.classifier.as_deref().unwrap_or_default();
        let person = match &params.csv {
            None => None,
            Some(name) => Some(verdict::read(name, &files::read(cx.source(name)?)?, images)?),
        };
        let vote = |sets: &Vec<ImageSet>| {
            let reference = ImageSet::join(sets.clone()).map_err(|problem| {
                StageError::data(format!("`by: neighbours` compares with real images: {problem}"))
                    .help("connect labelled training images to the port `reference`")
            })?;
            by_neighbours(cx, params.neighbours, classifiers.first(), &reference, images)
        };
        let neighbours = match inputs.reference.as_ref().map(vote) {
            // Images that cannot vote are no problem where nobody counts on their votes.
            Some(Err(StageError::Data { problem, .. })) if params.by != By::Neighbours => {
                cx.observer.note(&format!("neighbours are not asked: {problem}"));
                None
            }
            other => other.transpose()?,
        };
        let classifiers = match classifiers {
            [] => None,
            some => Some(by_classifiers(cx, some, images)?),
        };
        Ok(Self { classifiers, neighbours, person })
    }

    /// Returns what becomes of each image by what the one says who decides.
    fn verdicts(&self, params: &Params, images: &ImageSet) -> Result<Vec<Verdict>, StageError> {
        let decide = |opinions: &Option<Vec<Opinion>>| {
            let opinions = opinions.as_deref().ok_or_else(|| unconnected(params.by))?;
            verdict::decide(params.confidence, params.quotas.as_deref(), images, opinions)
        };
        match params.by {
            By::Classifier => decide(&self.classifiers),
            By::Neighbours => decide(&self.neighbours),
            By::Own => Ok(verdict::own(images)),
            By::Csv => self.person.clone().ok_or_else(|| unconnected(params.by)),
        }
    }

    /// Returns everybody who said something, in the order in which manifests list them.
    fn raters(&self, images: &ImageSet) -> Vec<Rater> {
        let opinions = |by: By, opinions: &Option<Vec<Opinion>>| {
            let opinions = opinions.as_ref()?;
            let classes = opinions.iter().map(|opinion| Some(opinion.class)).collect();
            Some(Rater { name: by.name(), classes })
        };
        let verdicts = |by: By, verdicts: Vec<Verdict>| {
            let classes: Vec<_> = verdicts.iter().map(|verdict| verdict.label).collect();
            let says = classes.iter().any(Option::is_some);
            says.then_some(Rater { name: by.name(), classes })
        };
        [
            opinions(By::Classifier, &self.classifiers),
            opinions(By::Neighbours, &self.neighbours),
            verdicts(By::Own, verdict::own(images)),
            self.person.clone().and_then(|person| verdicts(By::Csv, person)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Returns the error for images that nobody can label.
fn unconnected(by: By) -> StageError {
    match by {
        By::Neighbours => {
            StageError::data("`by: neighbours` compares with real images, but there are none")
                .help("connect labelled training images to the port `reference`")
        }
        By::Csv => StageError::data("`by: csv` reads labels from a file, but none is named")
            .help("write `csv: labels.csv`"),
        By::Classifier | By::Own => {
            StageError::data("`by: classifier` asks a classifier, but there is none")
                .help("connect the port `classifier`, or write `by: neighbours`")
        }
    }
}

#[cfg(test)]
mod tests;
