//! A table of text as data sets publish it.
//!
//! Forgives what published tables have: blanks round cells, a byte order mark, empty trailing columns,
//! any line ends; commas, semicolons or tabulators between cells.

use crate::stage::StageError;

/// Longest table that is read, bytes.
pub(super) const LONGEST: u64 = 256 << 20;

/// A table, read whole.
#[derive(Debug)]
pub(super) struct Sheet {
    /// What it is called in errors.
    name: String,
    headers: Vec<String>,
    rows: Vec<Row>,
}

/// One line with something in it.
#[derive(Debug)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub(super) line: u64,
    cells: csv::StringRecord,
}

impl Row {
    /// Returns a cell without the blanks round it; an empty one where the row is too short.
    pub(super) fn cell(&self, place: usize) -> &str {
        self.cells.get(place).unwrap_or_default()
    }

    /// Returns whether the row is long enough for a column.
    pub(super) fn has(&self, place: usize) -> bool {
        place < self.cells.len()
    }
}

impl Sheet {
    /// Reads a table whose first line names the columns.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self, StageError> {
        Self::parse(name, bytes, true)
    }

    /// Reads a table of rows alone.
    pub(super) fn without_headers(name: &str, bytes: &[u8]) -> Result<Self, StageError> {
        Self::parse(name, bytes, false)
    }

    fn parse(name: &str, bytes: &[u8], has_headers: bool) -> Result<Self, StageError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .has_headers(has_headers)
            .delimiter(delimiter(bytes))
            .from_reader(bytes);
        let broken = |error: csv::Error| {
            StageError::data(format!("`{name}` is no table: {error}"))
                .help("save it as comma-separated values in UTF-8")
        };
        let headers = if has_headers {
            reader.headers().map_err(broken)?.clone()
        } else {
            csv::StringRecord::new()
        };
        let mut rows = Vec::new();
        for cells in reader.records() {
            let cells = cells.map_err(broken)?;
            if !cells.iter().all(str::is_empty) {
                rows.push(Row { line: cells.position().map_or(0, csv::Position::line), cells });
            }
        }
        if rows.is_empty() {
            return Err(StageError::data(format!("`{name}` has no row")));
        }
        let headers = headers.iter().map(str::to_owned).collect();
        Ok(Self { name: name.to_owned(), headers, rows })
    }

    /// Returns what the table is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the rows with something in them.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns where a column stands, if there is one of that name.
    pub(super) fn find(&self, column: &str) -> Option<usize> {
        self.headers.iter().position(|header| header == column)
    }

    /// Returns where a column stands.
    pub(super) fn place(&self, column: &str) -> Result<usize, StageError> {
        self.find(column).ok_or_else(|| {
            let known: Vec<String> = self
                .headers
                .iter()
                .filter(|header| !header.is_empty())
                .map(|header| format!("`{header}`"))
                .collect();
            let (name, known) = (&self.name, known.join(", "));
            StageError::data(format!("`{name}` has no column `{column}`; it has {known}")).help(
                "name the column in `image_column`, `label_column`, `split_column` or `group_column`",
            )
        })
    }
}

/// Returns what stands between cells: what the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let count = |wanted: u8| line.split(|byte| *byte == wanted).count();
    // Of equals the last counts: a line without any has commas.
    [b';', b'\t', b','].into_iter().max_by_key(|wanted| count(*wanted)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::Sheet;

    #[test]
    fn commas_semicolons_and_tabulators_part_cells() {
        for text in ["a, b \n1,\"2;3\"\n", "\u{feff}a;b;;\r\n1;2;3\r\n;;;\r\n", "a\tb\r1\t2;3\r"] {
            let sheet = Sheet::read("x", text.as_bytes()).unwrap();
            assert_eq!((sheet.find("b"), sheet.rows().len()), (Some(1), 1), "{text:?}");
            assert_eq!(sheet.rows()[0].cell(0), "1", "{text:?}");
            assert_eq!(sheet.rows()[0].cell(9), "", "{text:?}");
        }
        assert_eq!(Sheet::without_headers("x", b"1\n2\n").unwrap().rows()[1].line, 2);
        assert!(Sheet::read("x", b"a,b\n\n,\n").is_err());
    }
}
