//! A table beside a folder of images: one row an image.
//!
//! Forgives what published tables have: blanks round headers, a byte order mark, empty trailing
//! columns, backslashes in paths, endings in other case.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::files;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::StageError;
use crate::stages::load::Params;
use crate::stages::load::gathered;
use crate::stages::load::gathered::Entry;
use crate::stages::load::part_name;

/// One row: an image's name and what is said of it.
struct Row {
    image: String,
    label: String,
    partition: Partition,
    group: Option<String>,
}

/// Counts rows by part.
pub(super) fn counts(path: &Path, params: &Params) -> Result<Counts, StageError> {
    let count = |counts: Counts, row: &Row| counts.plus(&Counts::of(row.partition, 1));
    Ok(rows(path, params)?.iter().fold(Counts::default(), count))
}

/// Reads every row's image.
pub(super) fn load(cx: &Context<'_>, path: &Path, params: &Params) -> Result<ImageSet, StageError> {
    let rows = rows(path, params)?;
    let classes = classes(path, params, &rows)?;
    let name = params.images.as_deref().unwrap_or_default();
    let files = ImageFiles::below(cx.source(name)?)?;
    let mut entries = Vec::new();
    let mut missing = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        if !seen.insert(row.image.clone()) {
            let problem = format!("`{}` names `{}` twice", path.display(), row.image);
            return Err(StageError::data(problem).help("leave one row for each image"));
        }
        let Some(path) = files.find(&row.image) else {
            missing.push(format!("`{}`", row.image));
            continue;
        };
        let sample = Sample {
            id: row.image,
            label: class_index(&classes, &row.label, params),
            partition: row.partition,
            group: row.group,
            origin: "file".to_owned(),
        };
        entries.push(Entry { path, sample });
    }
    if !missing.is_empty() {
        let (count, of) = (missing.len(), missing.len() + entries.len());
        let list = gathered::listed(&missing);
        let problem = format!("`{name}` lacks {count} of {of} images of the table: {list}");
        return Err(
            StageError::data(problem).help("check `images`, `image_column` and `extension`")
        );
    }
    gathered::read(cx, params, classes, entries)
}

fn rows(path: &Path, params: &Params) -> Result<Vec<Row>, StageError> {
    let bytes = files::read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let broken = |error: csv::Error| {
        StageError::data(format!("`{}` is no table: {error}", path.display()))
            .help("save it as comma-separated values in UTF-8")
    };
    let headers = reader.headers().map_err(broken)?.clone();
    let place = |name: &str| {
        headers.iter().position(|header| header == name).ok_or_else(|| {
            let known: Vec<String> = headers
                .iter()
                .filter(|header| !header.is_empty())
                .map(|header| format!("`{header}`"))
                .collect();
            let known = known.join(", ");
            StageError::data(format!("`{}` has no column `{name}`; it has {known}", path.display()))
                .help("name the column in `image_column`, `label_column`, `split_column` or `group_column`")
        })
    };
    let image = place(params.image_column.as_deref().unwrap_or("image"))?;
    let label = place(params.label_column.as_deref().unwrap_or("label"))?;
    let split = params.split_column.as_deref().map(place).transpose()?;
    let group = params.group_column.as_deref().map(place).transpose()?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let cell = |place: usize| record.get(place).unwrap_or_default();
        if record.iter().all(str::is_empty) {
            continue;
        }
        let partition = match split {
            Some(split) => part_name::parse(cell(split)).ok_or_else(|| {
                let line = record.position().map_or(0, csv::Position::line);
                let problem = format!(
                    "`{}`, line {line}: `{}` is no part; expected `train`, `validation` or `test`",
                    path.display(),
                    cell(split)
                );
                StageError::data(problem)
            })?,
            None => Partition::Whole,
        };
        let group = group.map(|group| cell(group).to_owned()).filter(|group| !group.is_empty());
        let image = image_name(cell(image), params.extension.as_deref());
        rows.push(Row { image, label: cell(label).to_owned(), partition, group });
    }
    if rows.is_empty() {
        return Err(StageError::data(format!("`{}` has no row", path.display())));
    }
    Ok(rows)
}

fn image_name(cell: &str, extension: Option<&str>) -> String {
    let name = cell.replace('\\', "/");
    let name = name.trim_start_matches('/');
    match extension {
        Some(extension) => format!("{name}.{}", extension.trim_start_matches('.')),
        None => name.to_owned(),
    }
}

fn classes(path: &Path, params: &Params, rows: &[Row]) -> Result<Vec<String>, StageError> {
    let labels: BTreeSet<&String> =
        rows.iter().map(|row| &row.label).filter(|label| !label.is_empty()).collect();
    let Some(wanted) = &params.classes else {
        let mut classes: Vec<String> = labels.into_iter().cloned().collect();
        gathered::sort_classes(&mut classes);
        // Numbered classes keep their numbers: without class 1, class 2 must not become 1.
        let largest = classes.last().and_then(|last| last.parse::<usize>().ok());
        let numbered = largest.filter(|largest| *largest < 10_000);
        let all = classes.iter().all(|class| class.parse::<usize>().is_ok());
        return Ok(match numbered {
            Some(largest) if all => (0..=largest).map(|class| class.to_string()).collect(),
            _ => classes,
        });
    };
    match labels.into_iter().find(|label| class_index(wanted, label, params).is_none()) {
        Some(stray) => {
            let problem =
                format!("`{}` has a label `{stray}` that `classes` lacks", path.display());
            Err(StageError::data(problem)
                .help("name every class, or use their numbers, which begin at 0"))
        }
        None => Ok(wanted.clone()),
    }
}

/// Returns the index of a label: a class's name, or its number where `classes` are given.
fn class_index(classes: &[String], label: &str, params: &Params) -> Option<usize> {
    classes.iter().position(|class| class == label).or_else(|| {
        let number = label.parse().ok().filter(|number| *number < classes.len());
        number.filter(|_| params.classes.is_some())
    })
}

/// Image files by name, and by name in lower case for those whose ending differs in case.
struct ImageFiles {
    exact: BTreeMap<String, PathBuf>,
    lower: BTreeMap<String, PathBuf>,
}

impl ImageFiles {
    fn below(folder: &Path) -> Result<Self, StageError> {
        let found = files::walk(folder)?;
        let lower =
            found.iter().map(|found| (found.name.to_lowercase(), found.path.clone())).collect();
        let exact = found.into_iter().map(|found| (found.name, found.path)).collect();
        Ok(Self { exact, lower })
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.exact.get(name).or_else(|| self.lower.get(&name.to_lowercase())).cloned()
    }
}
