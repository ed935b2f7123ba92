//! `label`: gives images their classes, by a classifier, by real neighbours or by a person.
//!
//! Under quotas, the classes are filled so that the summed confidence is greatest. Every image's
//! label, confidence and fate go into a table.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Table;
use crate::files;
use crate::measure::accuracy::most_likely;
use crate::measure::distance;
use crate::measure::distance::Neighbour;
use crate::ml;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceKind;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::verdict;
use crate::stages::verdict::Opinion;

/// Most images that quotas may ask for: as many as a filter may keep.
const MOST_IMAGES: usize = 10_000_000;

/// Gives images their classes, by a classifier, by real neighbours or by a person.
pub struct Label;

/// How images get their classes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Who says which class an image is of.
    #[serde(default)]
    pub by: By,
    /// Images whose most likely class is less likely than this, 0 to 1, are dropped.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Number of images of each class, in the order of classes; all others are dropped. Absent:
    /// every image gets its most likely class.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub quotas: Option<Vec<usize>>,
    /// Real images that vote with `by: neighbours`; a class's confidence is its share of votes, and
    /// the nearest decides a draw.
    #[serde(default = "default_neighbours")]
    #[schemars(range(min = 1, max = 10_000))]
    pub neighbours: usize,
    /// File of `by: csv` with the columns `id` and `label`, a class's name or number; an image
    /// without a label there is dropped.
    #[serde(default)]
    pub csv: Option<String>,
}

/// Who says which class an image is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A classifier; needs the port `classifier`.
    #[default]
    Classifier,
    /// The nearest labelled real images, in a classifier's features where the port `classifier` is
    /// connected, else pixel by pixel; needs the port `reference`.
    Neighbours,
    /// A person, in a CSV file.
    Csv,
}

impl By {
    /// Returns the port that it needs, if any.
    fn port(self) -> Option<&'static str> {
        match self {
            Self::Classifier => Some("classifier"),
            Self::Neighbours => Some("reference"),
            Self::Csv => None,
        }
    }
}

fn default_neighbours() -> usize {
    5
}

ports! {
    /// What enters.
    inputs Inputs {
        /// Images to label; labels that they have are replaced.
        images: ImageSet = Pass,
        /// The classifier that labels, or in whose features neighbours are near.
        classifier: Option<Classifier> = Pass,
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
    }
}

impl Stage for Label {
    const KIND: &'static str = "label";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Gives images their classes, by a classifier, by real neighbours or by a person.";
    const RUNNER: Runner = Runner::Torch;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        match (params.by, &params.csv) {
            (By::Csv, None) => problems.push(
                ParamProblem::at("csv", "`by: csv` reads labels from a file, but none is named")
                    .help("write `csv: labels.csv`"),
            ),
            (By::Classifier | By::Neighbours, Some(_)) => problems.push(
                ParamProblem::at("csv", "only `by: csv` reads a file").help("write `by: csv`"),
            ),
            _ => {}
        }
        if params.by == By::Csv && (params.quotas.is_some() || params.confidence > 0.0) {
            let problem = "a person's labels have no confidence, so `quotas` and `confidence` do not go with `by: csv`";
            problems.push(ParamProblem::at("by", problem));
        }
        match params.quotas.as_deref().map(sum) {
            Some(0) => {
                problems.push(ParamProblem::at("quotas", "they sum to 0; no image would be left"));
            }
            Some(sum) if sum > MOST_IMAGES => {
                let problem = format!("they sum to {sum}, expected at most {MOST_IMAGES}");
                problems.push(ParamProblem::at("quotas", problem).help("ask for fewer images"));
            }
            _ => {}
        }
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(_: &Params) -> bool {
        false
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        let source = |name: &String| SourceRef {
            name: name.clone(),
            kind: SourceKind::File,
            param: "csv".to_owned(),
            pin: None,
            md5: None,
            remote: None,
        };
        params.csv.iter().map(source).collect()
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
            let all_stay = params.by != By::Csv && params.confidence == 0.0;
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
        let classifier = inputs.classifier.as_ref();
        let images = inputs.images;
        let quotas = params.quotas.as_deref();
        let decide =
            |opinions: Vec<Opinion>| verdict::decide(params.confidence, quotas, &images, &opinions);
        let verdicts = match (params.by, &params.csv) {
            (By::Csv, Some(name)) => verdict::read(name, &files::read(cx.source(name)?)?, &images)?,
            (By::Neighbours, _) => {
                decide(by_neighbours(cx, params, classifier, inputs.reference, &images)?)?
            }
            _ => decide(by_classifier(cx, classifier, &images)?)?,
        };
        let kept = verdict::labelled(&images, &verdicts);
        cx.observer.note(&format!("{} of {} images got a label", kept.len(), images.len()));
        Ok(Outputs { decisions: verdict::table(&images, &verdicts), images: kept })
    }
}

/// Returns how many images quotas ask for, or the largest number where that is more.
fn sum(quotas: &[usize]) -> usize {
    quotas.iter().fold(0_usize, |sum, quota| sum.saturating_add(*quota))
}

/// Returns the error for images that nobody can label.
fn unconnected(by: By) -> StageError {
    match by {
        By::Neighbours => {
            StageError::data("`by: neighbours` compares with real images, but there are none")
                .help("connect labelled training images to the port `reference`")
        }
        _ => StageError::data("`by: classifier` asks a classifier, but there is none")
            .help("connect the port `classifier`, or write `by: neighbours`"),
    }
}

fn by_classifier(
    cx: &Context<'_>,
    classifier: Option<&Classifier>,
    images: &ImageSet,
) -> Result<Vec<Opinion>, StageError> {
    let classifier = classifier.ok_or_else(|| unconnected(By::Classifier))?;
    classifier.suits(images).map_err(StageError::data)?;
    let opinion = |confidences: Vec<f64>| Opinion { class: most_likely(&confidences), confidences };
    Ok(ml::classify(cx, classifier, images)?.into_iter().map(opinion).collect())
}

fn by_neighbours(
    cx: &Context<'_>,
    params: &Params,
    classifier: Option<&Classifier>,
    reference: Option<Vec<ImageSet>>,
    images: &ImageSet,
) -> Result<Vec<Opinion>, StageError> {
    let reference = reference.ok_or_else(|| unconnected(By::Neighbours))?;
    let reference = ImageSet::join(reference).map_err(|problem| {
        StageError::data(format!("`by: neighbours` compares with real images: {problem}"))
            .help("connect labelled training images to the port `reference`")
    })?;
    let facts = |set: &ImageSet| (set.height, set.width, set.classes.clone());
    if reference.is_empty() || facts(&reference) != facts(images) {
        let problem = "the images in `reference` are none, or of another size or other classes";
        return Err(StageError::data(problem));
    }
    let labels = reference.labels().map_err(|id| {
        StageError::data(format!("image `{id}` in `reference` has no label, so it cannot vote"))
    })?;
    let (queries, voters) = (images.len(), reference.len());
    let nearest = match classifier {
        None => distance::nearest_of_each(queries, voters, params.neighbours, |image, other| {
            distance::root_mean_square(images.image(image), reference.image(other))
        }),
        Some(classifier) => {
            classifier.suits(images).map_err(StageError::data)?;
            let made = ml::features(cx, classifier, images)?;
            let real = ml::features(cx, classifier, &reference)?;
            distance::nearest_of_each(queries, voters, params.neighbours, |image, other| {
                distance::squared(made.row(image), real.row(other))
            })
        }
    };
    Ok(nearest.iter().map(|found| vote(found, &labels, images.classes.len())).collect())
}

/// Returns what the nearest real images, nearest first, say; the nearest decides a draw.
fn vote(nearest: &[Neighbour], labels: &[usize], classes: usize) -> Opinion {
    let mut votes = vec![0_usize; classes];
    for neighbour in nearest {
        votes[labels[neighbour.index]] += 1;
    }
    let most = votes.iter().copied().max().unwrap_or_default();
    let mut voters = nearest.iter().map(|neighbour| labels[neighbour.index]);
    let class = voters.find(|&class| votes[class] == most).unwrap_or_default();
    let share = |votes: usize| votes as f64 / nearest.len().max(1) as f64;
    Opinion { class, confidences: votes.into_iter().map(share).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Label;
    use super::Neighbour;
    use super::vote;
    use crate::artifact::Partition;
    use crate::stage::Counts;
    use crate::stage::Forecast;
    use crate::stage::StageKind;
    use crate::stages::trial::told;

    const KIND: StageKind = StageKind::of::<Label>();

    fn foreseen(params: &Value, images: usize) -> Result<Vec<(&'static str, Counts)>, String> {
        let mut known = Forecast::default();
        known.connected.insert("classifier".into());
        known.inputs.insert("images".into(), Counts::of(Partition::Train, images));
        (KIND.forecast)(&KIND.resolve(params).unwrap(), &known).map_err(|error| told(&error))
    }

    #[test]
    fn params_that_contradict_each_other_are_said() {
        let problems = |value: Value| {
            let found = KIND.resolve(&value).unwrap_err();
            let line =
                |p: &crate::stage::ParamProblem| format!("{}: {}", p.path.join("."), p.problem);
            found.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(problems(json!({"by": "csv", "quotas": [0, 0]})), @"
        csv: `by: csv` reads labels from a file, but none is named
        by: a person's labels have no confidence, so `quotas` and `confidence` do not go with `by: csv`
        quotas: they sum to 0; no image would be left
        ");
        insta::assert_snapshot!(problems(json!({"csv": "labels.csv"})), @"csv: only `by: csv` reads a file");
        insta::assert_snapshot!(problems(json!({"quotas": [u64::MAX, 5, 0]})), @"quotas: they sum to 18446744073709551615, expected at most 10000000");
    }

    #[test]
    fn quotas_decide_how_many_images_leave() {
        let quotas = json!({"quotas": [101, 96, 84, 80, 82]});
        let all = |images| vec![("images", Counts::of(Partition::Train, images))];
        assert_eq!(foreseen(&quotas, 2000), Ok(all(443)));
        assert_eq!(foreseen(&json!({}), 2000), Ok(all(2000)));
        assert_eq!(foreseen(&json!({"confidence": 0.5}), 2000), Ok(vec![]));
        insta::assert_snapshot!(foreseen(&quotas, 200).unwrap_err(), @"`quotas` ask for 443 of 200 images; lower them, or raise `count` in the stage that generates the images");
    }

    #[test]
    fn whoever_labels_must_be_connected() {
        let answer = |value: &Value| {
            let params = KIND.resolve(value).unwrap();
            (KIND.forecast)(&params, &Forecast::default()).map_err(|error| told(&error))
        };
        insta::assert_snapshot!(answer(&json!({})).unwrap_err(), @"`by: classifier` asks a classifier, but there is none; connect the port `classifier`, or write `by: neighbours`");
        insta::assert_snapshot!(answer(&json!({"by": "neighbours"})).unwrap_err(), @"`by: neighbours` compares with real images, but there are none; connect labelled training images to the port `reference`");
        assert_eq!(answer(&json!({"by": "csv", "csv": "labels.csv"})), Ok(vec![]));
    }

    #[test]
    fn a_file_of_labels_is_a_source() {
        let params = KIND.resolve(&json!({"by": "csv", "csv": "labels.csv"})).unwrap();
        let sources = (KIND.sources)(&params);
        assert_eq!((sources[0].name.as_str(), sources[0].param.as_str()), ("labels.csv", "csv"));
    }

    #[test]
    fn the_nearest_neighbour_decides_a_draw() {
        let near = |index| Neighbour { index, distance: index as f64 };
        let opinion = vote(&[0, 1, 2, 3].map(near), &[2, 0, 0, 2], 3);
        assert_eq!((opinion.class, opinion.confidences), (2, vec![0.5, 0.0, 0.5]));
        assert_eq!(vote(&[0, 1, 2].map(near), &[2, 0, 0], 3).class, 0);
    }
}
