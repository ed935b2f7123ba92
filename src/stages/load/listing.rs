//! A listing: which images a table means, and what it says of them.
//!
//! What reads a table makes one; what becomes of it is the same for all tables.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::dataset::Dataset;
use crate::stages::load::dataset::Match;
use crate::stages::load::gathered;
use crate::stages::load::gathered::Entry;
use crate::stages::several::listed;

/// Largest number that is believed to be one of a class.
const MOST_CLASSES: usize = 10_000;

/// One image as a table tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// What the image is called from now on.
    pub(super) id: String,
    /// Its file.
    pub(super) file: Match,
    /// Its class's name or number; empty where nobody has labelled it.
    pub(super) label: String,
    pub(super) partition: Partition,
    pub(super) group: Option<String>,
}

/// What the tables of a data set say.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What they are called, for errors.
    pub(super) tables: String,
    pub(super) rows: Vec<Row>,
    /// What a reader of the log should know.
    pub(super) notes: Vec<String>,
}

impl Listing {
    /// Counts images by part.
    pub(super) fn counts(&self) -> Counts {
        let count = |counts: Counts, row: &Row| counts.plus(&Counts::of(row.partition, 1));
        self.rows.iter().fold(Counts::default(), count)
    }

    /// Reads every row's image.
    pub(super) fn load(
        self,
        cx: &Context<'_>,
        dataset: &Dataset,
        params: &Params,
    ) -> Result<ImageSet, StageError> {
        let classes = self.classes(params)?;
        let mut entries = Vec::new();
        let mut missing = Vec::new();
        let (mut seen, mut files) = (BTreeSet::new(), BTreeMap::new());
        let total = self.rows.len();
        for row in self.rows {
            if !seen.insert(row.id.clone()) {
                let problem = format!("`{}` names `{}` twice", self.tables, row.id);
                return Err(StageError::data(problem).help("leave one row for each image"));
            }
            let member = match row.file {
                Match::One(member) => member,
                Match::None => {
                    missing.push(format!("`{}`", row.id));
                    continue;
                }
                Match::Several => {
                    missing.push(format!("`{}` (several files may be meant)", row.id));
                    continue;
                }
            };
            if let Some(other) = files.insert(member, row.id.clone()) {
                let (tables, id) = (&self.tables, row.id);
                let problem = format!("`{tables}` has two rows for one file: `{other}` and `{id}`");
                return Err(StageError::data(problem).help("leave one row for each image"));
            }
            let label = class_index(&classes, &row.label, params);
            let Row { id, partition, group, .. } = row;
            let sample = Sample { id, label, partition, group, origin: "file".to_owned() };
            entries.push(Entry { member, sample });
        }
        if !missing.is_empty() {
            let (count, list) = (missing.len(), listed(&missing));
            let place = dataset.place();
            let problem = format!("`{place}` lacks {count} of {total} images of the table: {list}");
            return Err(StageError::data(problem)
                .help("check the folder of the images, `image_column` and `extension`"));
        }
        self.notes.iter().for_each(|note| cx.observer.note(note));
        gathered::read(cx, params, dataset, classes, entries)
    }

    fn classes(&self, params: &Params) -> Result<Vec<String>, StageError> {
        let labels: BTreeSet<&String> =
            self.rows.iter().map(|row| &row.label).filter(|label| !label.is_empty()).collect();
        let Some(wanted) = &params.classes else {
            let mut classes: Vec<String> = labels.into_iter().cloned().collect();
            gathered::sort_classes(&mut classes);
            // Numbered classes keep their numbers: without class 1, class 2 must not become 1.
            let largest = classes.last().and_then(|last| last.parse::<usize>().ok());
            let numbered = largest.filter(|largest| *largest < MOST_CLASSES);
            let all = classes.iter().all(|class| class.parse::<usize>().is_ok());
            return Ok(match numbered {
                Some(largest) if all => (0..=largest).map(|class| class.to_string()).collect(),
                _ => classes,
            });
        };
        match labels.into_iter().find(|label| class_index(wanted, label, params).is_none()) {
            Some(stray) => {
                let problem =
                    format!("`{}` has a label `{stray}` that `classes` lacks", self.tables);
                Err(StageError::data(problem)
                    .help("name every class, or use their numbers, which begin at 0"))
            }
            None => Ok(wanted.clone()),
        }
    }
}

/// Returns the index of a label: a class's name, or its number where `classes` are given.
fn class_index(classes: &[String], label: &str, params: &Params) -> Option<usize> {
    classes.iter().position(|class| class == label).or_else(|| {
        let number = label.parse().ok().filter(|number| *number < classes.len());
        number.filter(|_| params.classes.is_some())
    })
}
