//! A table of parts: one row an image, with the part that it belongs to.
//!
//! An image is named by its id, or by less where that is enough: without the ending, in other case, without
//! the folders above it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::artifact::Sample;
use crate::files;
use crate::stage::StageError;
use crate::stages::file_name::last;
use crate::stages::file_name::plain;
use crate::stages::file_name::stem;
use crate::stages::part_name;
use crate::stages::several::listed;
use crate::stages::sheet::Row;
use crate::stages::sheet::Sheet;
use crate::stages::split::Others;
use crate::stages::split::PARTS;
use crate::stages::split::Params;

/// A table of parts, read whole.
pub(super) struct PartTable {
    name: String,
    sheet: Sheet,
    image: usize,
    part: usize,
    others: Others,
}

/// Images by what a table may call them.
#[derive(Default)]
struct Names<'a> {
    ids: BTreeMap<&'a str, usize>,
    /// By path in lower case without the ending.
    stems: BTreeMap<String, Vec<usize>>,
    /// By the last part of that.
    lasts: BTreeMap<String, Vec<usize>>,
}

/// What is wrong between a table and the images, by what it is.
#[derive(Default)]
struct Faults {
    no_part: Vec<String>,
    no_image: Vec<String>,
    several: Vec<String>,
    twice: Vec<String>,
    unnamed: Vec<String>,
}

impl PartTable {
    /// Reads the table that the params name `name`.
    pub(super) fn read(name: &str, path: &Path, params: &Params) -> Result<Self, StageError> {
        let sheet = Sheet::read(name, &files::read(path)?)?;
        let place = |column: &str| {
            let help = "name the columns in `image_column` and `split_column`";
            sheet.place(column).map_err(|error| error.help(help))
        };
        let image = match &params.image_column {
            Some(column) => place(column)?,
            None => {
                sheet.find("id").or_else(|| sheet.find("image")).map_or_else(|| place("id"), Ok)?
            }
        };
        let part = place(params.split_column.as_deref().unwrap_or("split"))?;
        let others = params.others.unwrap_or_default();
        Ok(Self { name: name.to_owned(), sheet, image, part, others })
    }

    /// Returns how many images each part has by the table alone; nothing where images may be left out.
    pub(super) fn sizes(&self) -> Result<Option<[usize; 3]>, StageError> {
        let mut faults = Faults::default();
        let mut sizes = [0; 3];
        for row in self.sheet.rows() {
            match self.part(row) {
                Some(part) => sizes[part] += 1,
                None => faults.no_part.extend(self.stray(row)),
            }
        }
        faults.judge(&self.name, self.others)?;
        Ok((self.others == Others::Error).then_some(sizes))
    }

    /// Returns the indices of each part in rising order, and what the log should say.
    pub(super) fn parts(
        &self,
        samples: &[Sample],
    ) -> Result<([Vec<usize>; 3], Vec<String>), StageError> {
        let names = Names::of(samples);
        let mut faults = Faults::default();
        let mut lines: BTreeMap<usize, u64> = BTreeMap::new();
        let mut parts = [vec![], vec![], vec![]];
        for row in self.sheet.rows() {
            let (cell, line) = (row.cell(self.image), row.line);
            let index = match names.find(cell).as_slice() {
                [] => {
                    faults.no_image.push(format!("`{cell}` (line {line})"));
                    continue;
                }
                [only] => *only,
                _ => {
                    faults.several.push(format!("`{cell}` (line {line})"));
                    continue;
                }
            };
            if let Some(first) = lines.insert(index, line) {
                faults.twice.push(format!("`{}` (lines {first} and {line})", samples[index].id));
                continue;
            }
            match self.part(row) {
                Some(part) => parts[part].push(index),
                None => faults.no_part.extend(self.stray(row)),
            }
        }
        let unnamed = (0..samples.len()).filter(|index| !lines.contains_key(index));
        faults.unnamed = unnamed.map(|index| format!("`{}`", samples[index].id)).collect();
        let notes = faults.judge(&self.name, self.others)?;
        for part in &mut parts {
            part.sort_unstable();
        }
        Ok((parts, notes))
    }

    /// Returns the part of a row, as a place in [`PARTS`].
    fn part(&self, row: &Row) -> Option<usize> {
        let part = part_name::parse(row.cell(self.part))?;
        PARTS.iter().position(|one| *one == part)
    }

    /// Returns what a row has in the place of a part; nothing where that leaves its image out.
    fn stray(&self, row: &Row) -> Option<String> {
        let cell = row.cell(self.part);
        let is_left_out = cell.is_empty() && self.others == Others::LeaveOut;
        (!is_left_out).then(|| format!("`{cell}` (line {})", row.line))
    }
}

impl Faults {
    /// Returns what the log should say, or everything that is wrong.
    fn judge(self, name: &str, others: Others) -> Result<Vec<String>, StageError> {
        let count = |texts: &[String], one: &str, many: &str| {
            let noun = if texts.len() == 1 { one } else { many };
            (!texts.is_empty()).then(|| format!("{} {noun}: {}", texts.len(), listed(texts)))
        };
        let forgivable = [
            count(&self.unnamed, "image has no row", "images have no row"),
            count(&self.no_image, "row names no image", "rows name no image"),
        ];
        let wrong = [
            count(&self.several, "row may mean several images", "rows may mean several images"),
            count(&self.twice, "image is named twice", "images are named twice"),
            count(&self.no_part, "row has a part that is none", "rows have a part that is none"),
        ];
        let told = |text: String| format!("`{name}`: {text}");
        let (fatal, notes): (Vec<_>, Vec<_>) = match others {
            Others::Error => (forgivable.into_iter().chain(wrong).flatten().collect(), vec![]),
            Others::LeaveOut => {
                (wrong.into_iter().flatten().collect(), forgivable.into_iter().flatten().collect())
            }
        };
        if fatal.is_empty() {
            return Ok(notes.into_iter().map(told).collect());
        }
        Err(StageError::data(told(fatal.join(". "))).help(
            "give each image one row with `train`, `validation` or `test`; `others: leave-out` leaves out images without a row, and passes over rows without an image",
        ))
    }
}

impl<'a> Names<'a> {
    fn of(samples: &'a [Sample]) -> Self {
        let mut names = Self::default();
        for (index, sample) in samples.iter().enumerate() {
            names.ids.insert(&sample.id, index);
            let path = sample.id.to_lowercase();
            let stem = stem(&path);
            names.lasts.entry(last(stem).to_owned()).or_default().push(index);
            names.stems.entry(stem.to_owned()).or_default().push(index);
        }
        names
    }

    /// Returns the images that a cell may mean.
    fn find(&self, cell: &str) -> Vec<usize> {
        let name = plain(cell);
        if let Some(index) = self.ids.get(cell).or_else(|| self.ids.get(name.as_str())) {
            return vec![*index];
        }
        let name = name.to_lowercase();
        // The name as it stands may lack its ending, and have a point in it all the same.
        for stem in [name.as_str(), stem(&name)] {
            if let Some(found) = self.stems.get(stem) {
                return found.clone();
            }
            if !name.contains('/')
                && let Some(found) = self.lasts.get(stem)
            {
                return found.clone();
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Faults;
    use super::Names;
    use super::Others;
    use super::PartTable;
    use crate::artifact::Partition;
    use crate::stage::Counts;
    use crate::stage::Forecast;
    use crate::stage::StageKind;
    use crate::stages::split::Split;
    use crate::stages::split::tests::params;
    use crate::stages::split::tests::samples;
    use crate::stages::split::tests::set;
    use crate::stages::trial::Trial;
    use crate::stages::trial::told;

    const KIND: StageKind = StageKind::of::<Split>();

    /// Returns the parts that a table gives to four images, or what is wrong with it.
    fn read(text: &str, more: &Value) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parts.csv");
        crate::files::write(&path, text.as_bytes()).unwrap();
        let mut samples = samples(&[0; 4], |_| None);
        for (sample, id) in samples.iter_mut().zip(["a/1.png", "a/2.l.PNG", "b/2.png", "b/3.png"]) {
            sample.id = id.to_owned();
        }
        let mut value = json!({"csv": "parts.csv"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let table = PartTable::read("parts.csv", &path, &params(&value));
        match table.and_then(|table| table.parts(&samples)) {
            Ok((parts, notes)) => format!("{parts:?} {}", notes.join("; ")),
            Err(error) => told(&error),
        }
    }

    #[test]
    fn images_are_named_in_any_habit() {
        let all = "[[0, 2], [3], [1]] ";
        let tables = [
            "id,split\na/1.png,train\na/2.l.PNG,test\nb/2.png,train\nb/3.png,val\n",
            "\u{feff}image;split\r\n1;Training\r\n2.l.jpg;TEST\r\nb\\2;train\r\nB/3.png;dev\r\n",
            "split\timage\ttold\ntest\t2.l\t1\ntrain\t1.png\t\nvalid\t3\t\ntrain\t2\t\n",
        ];
        for table in tables {
            assert_eq!(read(table, &json!({})), all, "{table}");
        }
        let named = tables[0].replace("id,split", "file,set,split");
        assert_eq!(read(&named, &json!({"image_column": "file", "split_column": "set"})), all);
    }

    #[test]
    fn a_name_that_fits_several_images_means_none_of_them() {
        let mut samples = samples(&[0; 2], |_| None);
        samples[0].id = "a/2.png".to_owned();
        samples[1].id = "b/2.png".to_owned();
        let names = Names::of(&samples);
        assert_eq!(
            (names.find("2"), names.find("B/2"), names.find("c/2")),
            (vec![0, 1], vec![1], vec![])
        );
        let several = ["`2` (line 3)".to_owned()].to_vec();
        let faults = Faults { several, ..Faults::default() };
        let told = told(&faults.judge("p.csv", Others::LeaveOut).unwrap_err());
        assert!(
            told.starts_with("`p.csv`: 1 row may mean several images: `2` (line 3);"),
            "{told}"
        );
    }

    #[test]
    fn everything_that_does_not_fit_is_told_at_once_or_left_out() {
        let table = "id,split\n1,train\n7,test\n1.png,test\n2.l,tets\n9,train\n";
        let short = "id,split\n1,train\nb/2,\n2.l,test\n9,train\n";
        let said = [
            read(table, &json!({})),
            read(table, &json!({"others": "leave-out"})),
            read(short, &json!({})),
            read(short, &json!({"others": "leave-out"})),
            read("name,part\n1,train\n", &json!({})),
            read("id,split\n", &json!({})),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        `parts.csv`: 2 images have no row: `b/2.png`; `b/3.png`. 2 rows name no image: `7` (line 3); `9` (line 6). 1 image is named twice: `a/1.png` (lines 2 and 4). 1 row has a part that is none: `tets` (line 5); give each image one row with `train`, `validation` or `test`; `others: leave-out` leaves out images without a row, and passes over rows without an image
        `parts.csv`: 1 image is named twice: `a/1.png` (lines 2 and 4). 1 row has a part that is none: `tets` (line 5); give each image one row with `train`, `validation` or `test`; `others: leave-out` leaves out images without a row, and passes over rows without an image
        `parts.csv`: 1 image has no row: `b/3.png`. 1 row names no image: `9` (line 5). 1 row has a part that is none: `` (line 3); give each image one row with `train`, `validation` or `test`; `others: leave-out` leaves out images without a row, and passes over rows without an image
        [[0], [], [1]] `parts.csv`: 1 image has no row: `b/3.png`; `parts.csv`: 1 row names no image: `9` (line 5)
        `parts.csv` has no column `id`; it has `name`, `part`; name the columns in `image_column` and `split_column`
        `parts.csv` has no row
        ");
    }

    #[test]
    fn a_table_is_a_source_and_says_the_sizes_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        crate::files::write(&path, b"id,split\nwhole/0,train\n1,train\nwhole/2,test\n").unwrap();
        let value = KIND.resolve(&json!({"csv": "p.csv"})).unwrap();
        let sources = (KIND.sources)(&value);
        assert_eq!((sources[0].name.as_str(), sources[0].param.as_str()), ("p.csv", "csv"));
        assert!(!(KIND.draws)(&value));
        let mut known = Forecast::default();
        known.inputs.insert("images".into(), Counts::of(Partition::Whole, 3));
        assert_eq!((KIND.forecast)(&value, &known).unwrap(), []);
        known.sources.insert("p.csv".into(), path.clone());
        let sizes = (KIND.forecast)(&value, &known).unwrap();
        assert_eq!(sizes.iter().map(|(_, counts)| counts.total()).collect::<Vec<_>>(), [2, 0, 1]);
        let set = set(samples(&[0, 1, 2], |_| None));
        let inputs = vec![("images", vec![&set])];
        let trial =
            Trial { inputs, sources: vec![("p.csv", &path)], ..Trial::of(KIND, value.clone()) };
        let parts = trial.run().unwrap();
        assert_eq!((parts["train"].len(), parts["test"].samples[0].id.as_str()), (2, "whole/2"));
        crate::files::write(&path, b"id,split\nwhole/0,train\n").unwrap();
        let short = (KIND.forecast)(&value, &known).unwrap_err();
        crate::files::write(&path, b"id,split\nwhole/0,train\n1,tset\n2,\n").unwrap();
        let stray = (KIND.forecast)(&value, &known).unwrap_err();
        assert!(
            told(&stray).contains("2 rows have a part that is none: `tset` (line 3); `` (line 4)")
        );
        insta::assert_snapshot!(told(&short), @"`p.csv` gives no image to the part `test`; write the part beside some images, or divide them by `fractions`");
    }
}
