//! A table: text cells under named columns, for decisions that a person may read or edit.

use std::path::Path;

use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::artifact::tree::write_rows;

const FILE: &str = "table.csv";

/// Rows of text under named columns, kept as `table.csv`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows; each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns an empty table with the given columns.
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }
}

impl Artifact for Table {
    const TYPE: &'static str = "table";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let bytes = tree.read(FILE)?;
        let malformed = |error: csv::Error| Error::malformed(FILE, error.to_string());
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let columns: Vec<String> =
            reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
        if columns.is_empty() {
            return Err(Error::malformed(FILE, "it has no line with the names of columns"));
        }
        let rows = reader
            .records()
            .map(|row| Ok(row.map_err(malformed)?.iter().map(str::to_owned).collect()))
            .collect::<Result<_, Error>>()?;
        Ok(Self { columns, rows })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        write_rows(folder, FILE, &self.columns, &self.rows)
    }

    fn summary(&self) -> serde_json::Value {
        json!({"columns": self.columns, "rows": self.rows.len()})
    }
}
