//! Scores: what a classifier answered for each image, and the measures over all of them.
//!
//! Files: `scores.json` (the measures and their intervals), `predictions.csv`
//! (`id,group,label,predicted,p0,p1,...`: one row an image, probabilities last) and `medmnist.csv` (the same
//! probabilities as `MedMNIST`'s result files have them). Measures are computed from the answers whenever
//! they are read: what `scores.json` says of them is for others.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::files;
use crate::measure::Answers;
use crate::measure::ClassMeasures;
use crate::measure::Intervals;
use crate::measure::Measure;
use crate::measure::Measures;

const SCORES: &str = "scores.json";
const PREDICTIONS: &str = "predictions.csv";
/// `MedMNIST`'s `Evaluator.parse_and_evaluate` reads it under the name `FLAG_SPLIT@RUN.csv`.
const MEDMNIST: &str = "medmnist.csv";
const FACTS: usize = 4;

/// One image's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The image's id.
    pub id: String,
    /// The image's group (patient, eye), if known.
    pub group: Option<String>,
    /// True class.
    pub label: usize,
    /// Class with the highest probability; the lowest such class on a tie.
    pub predicted: usize,
    /// Probability of each class, 0 to 1.
    pub probabilities: Vec<f64>,
}

/// A classifier's scores on one image set.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Everything that is computed from the answers.
    pub measures: Measures,
    /// How sure the measures are; absent where nobody has resampled the images yet.
    pub intervals: Option<Intervals>,
    /// One answer an image.
    pub predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Read {
    classes: Vec<String>,
    #[serde(default)]
    intervals: Option<Intervals>,
}

#[derive(Serialize)]
struct Written<'a> {
    classes: &'a [String],
    measures: &'a Measures,
    intervals: &'a Option<Intervals>,
}

impl Scores {
    /// Returns the scores of answers, with every measure and its interval computed from them.
    pub fn of(classes: Vec<String>, predictions: Vec<Prediction>) -> Result<Self, Error> {
        let mut scores = Self::without_intervals(classes, predictions)?;
        let groups = groups(scores.predictions.iter());
        scores.intervals = Some(Intervals::of(&scores.answers(), groups.as_deref()));
        Ok(scores)
    }

    /// Returns the scores of answers, with every measure computed from them.
    pub fn without_intervals(
        classes: Vec<String>,
        predictions: Vec<Prediction>,
    ) -> Result<Self, Error> {
        if classes.is_empty() || predictions.is_empty() {
            let found = format!("{} classes and {} rows", classes.len(), predictions.len());
            return Err(Error::malformed(PREDICTIONS, format!("{found}; some are expected")));
        }
        let measures = Measures::of(&answers(classes.len(), predictions.iter()));
        Ok(Self { classes, measures, intervals: None, predictions })
    }

    /// Returns the answers, ready to be measured on any draw of the images.
    pub fn answers(&self) -> Answers {
        answers(self.classes.len(), self.predictions.iter())
    }
}

/// Returns predictions as answers, ready to be measured.
pub fn answers<'a>(classes: usize, predictions: impl Iterator<Item = &'a Prediction>) -> Answers {
    let row = |one: &'a Prediction| (one.label, one.predicted, one.probabilities.as_slice());
    Answers::of(classes, predictions.map(row))
}

/// Returns each image's group as a number from 0; nothing where an image's group is unknown.
pub fn groups<'a>(predictions: impl Iterator<Item = &'a Prediction>) -> Option<Vec<usize>> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    predictions
        .map(|answer| {
            let next = numbers.len();
            Some(*numbers.entry(answer.group.as_deref()?).or_insert(next))
        })
        .collect()
}

impl Artifact for Scores {
    const TYPE: &'static str = "scores";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let Read { classes, intervals } = tree.json(SCORES)?;
        let table = tree.read(PREDICTIONS)?;
        let mut predictions = Vec::new();
        for row in csv::Reader::from_reader(table.as_slice()).records() {
            let row = row.map_err(|error| Error::malformed(PREDICTIONS, error.to_string()))?;
            predictions.push(parse_row(&row, classes.len())?);
        }
        Ok(Self { intervals, ..Self::without_intervals(classes, predictions)? })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let Self { classes, measures, intervals, .. } = self;
        let file = serde_json::to_vec_pretty(&Written { classes, measures, intervals });
        files::write_scratch(&folder.join(SCORES), &file.expect("measures serialise"))?;
        let facts = ["id", "group", "label", "predicted"].map(str::to_owned);
        let names = (0..self.classes.len()).map(|class| format!("p{class}"));
        let rows = self.predictions.iter().map(|answer| {
            let group = answer.group.clone().unwrap_or_default();
            let numbers = [answer.label.to_string(), answer.predicted.to_string()];
            [answer.id.clone(), group]
                .into_iter()
                .chain(numbers)
                .chain(probabilities(answer))
                .collect::<Vec<String>>()
        });
        let header: Vec<String> = facts.into_iter().chain(names).collect();
        write_table(&folder.join(PREDICTIONS), std::iter::once(header).chain(rows))?;
        let indices = indices(&self.predictions);
        let rows = self.predictions.iter().zip(indices);
        let row = |(answer, index): (&Prediction, usize)| {
            let index = std::iter::once(index.to_string());
            index.chain(probabilities(answer)).collect::<Vec<String>>()
        };
        write_table(&folder.join(MEDMNIST), rows.map(row))
    }

    fn summary(&self) -> Value {
        let Measures { correct, n, majority, confusion, per_class, .. } = &self.measures;
        let of_class = |number: fn(&ClassMeasures) -> Option<f64>| -> Vec<Option<f64>> {
            per_class.iter().map(number).collect()
        };
        let mut summary = json!({
            "correct": correct, "n": n, "majority": majority, "confusion": confusion,
            "wilson_interval": self.measures.accuracy_interval,
            "precision": of_class(|class| class.precision), "recall": of_class(|class| class.recall),
            "f1": of_class(|class| class.f1), "class_auc": of_class(|class| class.auc),
        });
        for measure in Measure::ALL {
            summary[measure.name()] = json!(self.measures.get(measure));
        }
        if let Some(intervals) = &self.intervals {
            summary["intervals"] = json!(intervals);
        }
        summary
    }
}

fn probabilities(answer: &Prediction) -> impl Iterator<Item = String> {
    answer.probabilities.iter().map(f64::to_string)
}

/// Returns each image's number in its part, which ends the ids of a `.npz`; the number of the row where
/// these do not tell the images apart.
fn indices(predictions: &[Prediction]) -> Vec<usize> {
    let number = |answer: &Prediction| answer.id.rsplit_once('/')?.1.parse().ok();
    let numbers: Option<Vec<usize>> = predictions.iter().map(number).collect();
    let apart =
        |numbers: &Vec<usize>| numbers.iter().collect::<BTreeSet<_>>().len() == predictions.len();
    numbers.filter(apart).unwrap_or_else(|| (0..predictions.len()).collect())
}

fn write_table(path: &Path, rows: impl Iterator<Item = Vec<String>>) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let malformed = |error: String| Error::malformed(&name, error);
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table.write_record(row).map_err(|error| malformed(error.to_string()))?;
    }
    let table = table.into_inner().map_err(|error| malformed(error.to_string()))?;
    Ok(files::write_scratch(path, &table)?)
}

fn parse_row(row: &csv::StringRecord, classes: usize) -> Result<Prediction, Error> {
    let field = |index: usize| row.get(index).unwrap_or_default();
    let malformed = |index| {
        Error::malformed(PREDICTIONS, format!("`{}` in the row of `{}`", field(index), field(0)))
    };
    let class = |index: usize| match field(index).parse() {
        Ok(class) if class < classes => Ok(class),
        _ => Err(malformed(index)),
    };
    let probabilities = (FACTS..FACTS + classes)
        .map(|index| field(index).parse().map_err(|_| malformed(index)))
        .collect::<Result<_, _>>()?;
    Ok(Prediction {
        id: field(0).to_owned(),
        group: Some(field(1).to_owned()).filter(|group| !group.is_empty()),
        label: class(2)?,
        predicted: class(3)?,
        probabilities,
    })
}

#[cfg(test)]
mod tests {
    use super::Artifact;
    use super::MEDMNIST;
    use super::Prediction;
    use super::SCORES;
    use super::Scores;
    use super::Tree;
    use crate::files;

    fn scores() -> Scores {
        let answer = |(id, group, label, rows): (&str, &str, usize, [f64; 2])| Prediction {
            id: id.to_owned(),
            group: Some(group.to_owned()),
            label,
            predicted: usize::from(rows[1] > rows[0]),
            probabilities: rows.to_vec(),
        };
        let answers = [
            ("test/7", "a", 0, [0.75, 0.25]),
            ("test/2", "a", 1, [0.1, 0.9]),
            ("test/5", "b", 1, [0.5, 0.5]),
        ];
        let classes = ["healthy", "ill"].map(str::to_owned).to_vec();
        Scores::of(classes, answers.map(answer).to_vec()).unwrap()
    }

    #[test]
    fn scores_survive_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        scores().write(folder.path()).unwrap();
        let tree = Tree::of_folder(folder.path()).unwrap();
        assert_eq!(Scores::read(&tree).unwrap(), scores());
        let file = String::from_utf8(tree.read(MEDMNIST).unwrap()).unwrap();
        assert_eq!(file, "7,0.75,0.25\n2,0.1,0.9\n5,0.5,0.5\n");
    }

    #[test]
    fn no_measure_that_a_file_claims_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        scores().write(folder.path()).unwrap();
        let path = folder.path().join(SCORES);
        let tree = Tree::of_folder(folder.path()).unwrap();
        // As it was written when there were fewer measures, and as a liar would.
        for claim in [serde_json::json!({"accuracy": 1.0}), serde_json::json!([]), ().into()] {
            let file = serde_json::json!({"classes": ["healthy", "ill"], "measures": claim});
            files::write(&path, file.to_string().as_bytes()).unwrap();
            let read = Scores::read(&tree).unwrap();
            assert_eq!((read.measures, read.intervals), (scores().measures, None));
        }
    }
}
