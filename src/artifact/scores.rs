//! Scores: what a classifier answered for each image, and the measures over all of them.
//!
//! Files: `scores.json` (the measures) and `predictions.csv`
//! (`id,group,label,predicted,p0,p1,...`: one row an image, probabilities last).

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::files;
use crate::measure::Measures;

const SCORES: &str = "scores.json";
const PREDICTIONS: &str = "predictions.csv";
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
    /// One answer an image.
    pub predictions: Vec<Prediction>,
}

#[derive(Serialize, Deserialize)]
struct File {
    classes: Vec<String>,
    /// Whoever leaves them out has them computed.
    measures: Option<Measures>,
}

impl Scores {
    /// Returns the scores of answers, with every measure computed from them.
    pub fn of(classes: Vec<String>, predictions: Vec<Prediction>) -> Result<Self, Error> {
        if classes.is_empty() || predictions.is_empty() {
            let found = format!("{} classes and {} rows", classes.len(), predictions.len());
            return Err(Error::malformed(PREDICTIONS, format!("{found}; some are expected")));
        }
        let column = |class: fn(&Prediction) -> usize| predictions.iter().map(class).collect();
        let (labels, predicted): (Vec<usize>, Vec<usize>) =
            (column(|answer| answer.label), column(|answer| answer.predicted));
        let rows: Vec<Vec<f64>> =
            predictions.iter().map(|answer| answer.probabilities.clone()).collect();
        let measures = Measures::of(&labels, &predicted, &rows, classes.len());
        Ok(Self { classes, measures, predictions })
    }
}

impl Artifact for Scores {
    const TYPE: &'static str = "scores";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let File { classes, measures } = tree.json(SCORES)?;
        let table = tree.read(PREDICTIONS)?;
        let mut predictions = Vec::new();
        for row in csv::Reader::from_reader(table.as_slice()).records() {
            let row = row.map_err(|error| Error::malformed(PREDICTIONS, error.to_string()))?;
            predictions.push(parse_row(&row, classes.len())?);
        }
        let Some(measures) = measures else { return Self::of(classes, predictions) };
        check(&classes, &measures, predictions.len())?;
        Ok(Self { classes, measures, predictions })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let file = File { classes: self.classes.clone(), measures: Some(self.measures.clone()) };
        let file = serde_json::to_vec_pretty(&file).expect("measures serialise");
        files::write_scratch(&folder.join(SCORES), &file)?;
        let malformed = |error: csv::Error| Error::malformed(PREDICTIONS, error.to_string());
        let mut table = csv::Writer::from_writer(Vec::new());
        let facts = ["id", "group", "label", "predicted"].map(str::to_owned);
        let names = (0..self.classes.len()).map(|class| format!("p{class}"));
        table.write_record(facts.into_iter().chain(names)).map_err(malformed)?;
        for answer in &self.predictions {
            let group = answer.group.clone().unwrap_or_default();
            let numbers = [answer.label.to_string(), answer.predicted.to_string()];
            let facts = [answer.id.clone(), group].into_iter().chain(numbers);
            let probabilities = answer.probabilities.iter().map(f64::to_string);
            table.write_record(facts.chain(probabilities)).map_err(malformed)?;
        }
        let table =
            table.into_inner().map_err(|error| Error::malformed(PREDICTIONS, error.to_string()))?;
        Ok(files::write_scratch(&folder.join(PREDICTIONS), &table)?)
    }

    fn summary(&self) -> serde_json::Value {
        let Measures { correct, n, accuracy, .. } = &self.measures;
        json!({"correct": correct, "n": n, "accuracy": accuracy})
    }
}

/// Refuses measures that are not of these classes and as many images: tables are made of them.
fn check(classes: &[String], measures: &Measures, images: usize) -> Result<(), Error> {
    let rows = &measures.confusion;
    let square = rows.len() == classes.len() && rows.iter().all(|row| row.len() == classes.len());
    if !square || measures.per_class.len() != classes.len() {
        let problem = format!("its measures are not of {} classes", classes.len());
        return Err(Error::malformed(SCORES, problem));
    }
    let counted = rows.iter().flatten().try_fold(0_usize, |sum, count| sum.checked_add(*count));
    if counted != Some(images) || measures.n != images || measures.correct > images {
        return Err(Error::malformed(SCORES, format!("its measures are not of {images} images")));
    }
    let supports = measures.per_class.iter().map(|class| class.support);
    if !supports.eq(rows.iter().map(|row| row.iter().sum::<usize>())) {
        return Err(Error::malformed(SCORES, "the images of its classes do not add up"));
    }
    Ok(())
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
    use super::Measures;
    use super::Prediction;
    use super::SCORES;
    use super::Scores;
    use super::Tree;
    use crate::files;

    #[test]
    fn measures_of_other_classes_or_images_are_refused() {
        let probabilities = vec![0.75, 0.25];
        let measures = Measures::of(&[0], &[0], std::slice::from_ref(&probabilities), 2);
        let (id, group) = ("a".to_owned(), None);
        let answer = Prediction { id, group, label: 0, predicted: 0, probabilities };
        let classes = vec!["healthy".to_owned(), "ill".to_owned()];
        let scores = Scores { classes, measures, predictions: vec![answer] };
        let read = |change: fn(&mut serde_json::Value)| {
            let folder = tempfile::tempdir().unwrap();
            scores.write(folder.path()).unwrap();
            let tree = Tree::of_folder(folder.path()).unwrap();
            let mut file: serde_json::Value = tree.json(SCORES).unwrap();
            change(&mut file["measures"]);
            files::write(&folder.path().join(SCORES), file.to_string().as_bytes()).unwrap();
            Scores::read(&tree).map_err(|error| error.to_string())
        };
        assert_eq!(read(|_| {}), Ok(scores.clone()));
        let refused = |change| read(change).unwrap_err();
        insta::assert_snapshot!(refused(|measures| measures["confusion"] = serde_json::json!([[1]])), @"`scores.json` is malformed: its measures are not of 2 classes");
        insta::assert_snapshot!(refused(|measures| measures["confusion"][0][0] = u64::MAX.into()), @"`scores.json` is malformed: its measures are not of 1 images");
        insta::assert_snapshot!(refused(|measures| measures["per_class"][1]["support"] = 5.into()), @"`scores.json` is malformed: the images of its classes do not add up");
    }
}
