//! One Parquet file: the rows of a table with an image in each, and words beside it.
//!
//! The only code that names the library that reads the format. No number in the file is believed before
//! what it counts is there.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::SchemaDescriptor;

/// Rows that are read at once: the images of so many are in memory beside those of a page.
const BATCH: usize = 64;
/// Words that are read at once.
const WORDS: usize = 4096;

/// One Parquet file, as far as its footer says.
pub(super) struct Shard {
    path: PathBuf,
    /// Rows of each row group.
    groups: Vec<usize>,
    /// What the program that wrote it says of its columns, as JSON.
    about: Option<String>,
}

/// A row, and its image's bytes or why there are none.
pub(super) type Image = (usize, Result<Vec<u8>, String>);

/// The library's reader, open.
type Reader = SerializedFileReader<File>;

impl Shard {
    /// Reads the footer.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let reader = reader(path)?;
        let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        let about = reader.metadata().file_metadata();
        let mut groups = Vec::new();
        let mut rows = 0_u64;
        for group in reader.metadata().row_groups() {
            let count =
                u64::try_from(group.num_rows()).map_err(|_| "a row group counts no rows")?;
            rows = rows.saturating_add(count);
            groups.push(count as usize);
        }
        // Each row has an image, and an image has bytes.
        if rows > size || i64::try_from(rows) != Ok(about.num_rows()) {
            return Err(format!("it claims {} rows in {size} bytes", about.num_rows()));
        }
        let notes = about.key_value_metadata().into_iter().flatten();
        let about = notes.into_iter().find(|note| note.key == "huggingface");
        let about = about.and_then(|note| note.value.clone());
        Ok(Self { path: path.to_owned(), groups, about })
    }

    /// Returns how many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.groups.iter().sum()
    }

    /// Returns the names of a column's classes, in the order of their numbers, where it says them.
    pub(super) fn classes(&self, column: &str) -> Option<Vec<String>> {
        let about: serde_json::Value = serde_json::from_str(self.about.as_deref()?).ok()?;
        let names = about.get("info")?.get("features")?.get(column)?.get("names")?;
        serde_json::from_value(names.clone()).ok()
    }

    /// Returns a column's words, a row each: texts as they are, whole numbers in digits.
    pub(super) fn words(&self, column: &str) -> Result<Vec<Option<String>>, String> {
        let reader = reader(&self.path)?;
        let leaf = leaf(reader.metadata().file_metadata().schema_descr(), &[column])?;
        let mut words = Vec::new();
        for (number, rows) in self.groups.iter().enumerate() {
            let mut column = column_of(&reader, number, leaf)?;
            let mut left = *rows;
            while left > 0 {
                let batch = batch(&mut column, left.min(WORDS))?;
                left -= batch.len();
                for cell in batch {
                    words.push(cell.map(Cell::word).transpose()?);
                }
            }
        }
        Ok(words)
    }

    /// Reads the wanted rows' images, given in rising order, and hands them on in batches.
    pub(super) fn images(
        &self,
        column: &str,
        wanted: &[usize],
        longest: u64,
        hand_on: &dyn Fn(Vec<Image>),
    ) -> Result<(), String> {
        let reader = reader(&self.path)?;
        let leaf = image_leaf(reader.metadata().file_metadata().schema_descr(), column)?;
        let mut first = 0;
        for (number, rows) in self.groups.iter().enumerate() {
            let end = first + rows;
            let is_wanted = |from: usize, to: usize| {
                wanted.get(wanted.partition_point(|row| *row < from)).is_some_and(|row| *row < to)
            };
            let mut column = None;
            let mut row = first;
            while row < end && is_wanted(row, end) {
                let column = match &mut column {
                    Some(column) => column,
                    None => column.insert(column_of(&reader, number, leaf)?),
                };
                let count = BATCH.min(end - row);
                if !is_wanted(row, row + count) {
                    skip(column, count)?;
                    row += count;
                    continue;
                }
                let batch = batch(column, count)?;
                let read = batch.len();
                let found = (row..).zip(batch);
                let found = found.filter(|(row, _)| wanted.binary_search(row).is_ok());
                hand_on(found.map(|(row, cell)| (row, Cell::image(cell, longest))).collect());
                row += read;
            }
            first = end;
        }
        Ok(())
    }
}

/// What a row has in a column.
enum Cell {
    Number(i64),
    Bytes(ByteArray),
}

impl Cell {
    fn word(self) -> Result<String, String> {
        match self {
            Self::Number(number) => Ok(number.to_string()),
            Self::Bytes(bytes) => match bytes.as_utf8() {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err("bytes that are no text, where a word is expected".to_owned()),
            },
        }
    }

    fn image(cell: Option<Self>, longest: u64) -> Result<Vec<u8>, String> {
        match cell {
            Some(Self::Bytes(bytes)) if bytes.len() as u64 > longest => {
                Err(crate::archive::too_long(longest))
            }
            Some(Self::Bytes(bytes)) => Ok(bytes.data().to_vec()),
            Some(Self::Number(_)) => Err("a number, where an image is expected".to_owned()),
            None => Err("the row has no image in it, at most a path to one".to_owned()),
        }
    }
}

fn reader(path: &Path) -> Result<Reader, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    caught(|| SerializedFileReader::new(file).map_err(|error| told(&error)))
}

/// Returns the place of a column by its path.
fn leaf(schema: &SchemaDescriptor, path: &[&str]) -> Result<usize, String> {
    let is_it = |column: &usize| schema.column(*column).path().parts() == path;
    let found = (0..schema.num_columns()).find(is_it).ok_or_else(|| {
        let mut names: Vec<String> =
            schema.columns().iter().map(|column| format!("`{}`", column.path().string())).collect();
        names.truncate(20);
        format!("it has no column `{}`; found {}", path.join("."), names.join(", "))
    })?;
    if schema.column(found).max_rep_level() > 0 {
        return Err(format!("its column `{}` holds lists", path.join(".")));
    }
    Ok(found)
}

/// Returns the place of a column of images: a structure with `bytes` in it, or bytes themselves.
fn image_leaf(schema: &SchemaDescriptor, column: &str) -> Result<usize, String> {
    let plain = leaf(schema, &[column]);
    plain.or_else(|error| leaf(schema, &[column, "bytes"]).map_err(|_| error))
}

fn column_of(reader: &Reader, group: usize, leaf: usize) -> Result<ColumnReader, String> {
    caught(|| {
        let group = reader.get_row_group(group).map_err(|error| told(&error))?;
        group.get_column_reader(leaf).map_err(|error| told(&error))
    })
}

/// Does what the library does, and catches its panics: some damaged files are more than it expects.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let caught = catch_unwind(AssertUnwindSafe(work));
    caught.unwrap_or_else(|_| Err("no whole Parquet file: its parts contradict each other".into()))
}

/// Reads the next rows of a column, at least one.
fn batch(column: &mut ColumnReader, count: usize) -> Result<Vec<Option<Cell>>, String> {
    let mut levels = Vec::new();
    macro_rules! read {
        ($column:expr, $cell:expr) => {{
            let mut values = Vec::new();
            let (rows, _, _) = caught(|| {
                let read = $column.read_records(count, Some(&mut levels), None, &mut values);
                read.map_err(|error| told(&error))
            })?;
            (rows, values.into_iter().map($cell).collect::<Vec<_>>())
        }};
    }
    let (rows, cells) = match column {
        ColumnReader::BoolColumnReader(column) => {
            read!(column, |value| Cell::Number(i64::from(value)))
        }
        ColumnReader::Int32ColumnReader(column) => {
            read!(column, |value| Cell::Number(i64::from(value)))
        }
        ColumnReader::Int64ColumnReader(column) => read!(column, Cell::Number),
        ColumnReader::ByteArrayColumnReader(column) => read!(column, Cell::Bytes),
        _ => return Err("a column of another type: texts, whole numbers or bytes expected".into()),
    };
    if rows == 0 {
        return Err("a row group ends before its rows do".to_owned());
    }
    if levels.is_empty() {
        return Ok(cells.into_iter().map(Some).collect());
    }
    // A row has a value where its level is the highest, which every value shares.
    let highest = if cells.is_empty() { None } else { levels.iter().max().copied() };
    let mut cells = cells.into_iter();
    let cell = |level: &i16| if Some(*level) == highest { cells.next() } else { None };
    Ok(levels.iter().map(cell).collect())
}

fn skip(column: &mut ColumnReader, count: usize) -> Result<(), String> {
    let ColumnReader::ByteArrayColumnReader(column) = column else {
        return Err("a column of another type, where images are expected".to_owned());
    };
    let skipped = caught(|| column.skip_records(count).map_err(|error| told(&error)))?;
    if skipped < count { Err("a row group ends before its rows do".to_owned()) } else { Ok(()) }
}

/// Returns what the library says, in fewer words.
fn told(error: &ParquetError) -> String {
    let text = error.to_string().replace("Parquet error: ", "").replace("EOF: ", "");
    if let Some(codec) = text.strip_prefix("Disabled feature at compile time: ") {
        return format!("its pages are compressed by {codec}; Snappy, gzip or nothing expected");
    }
    format!("no whole Parquet file: {text}")
}
