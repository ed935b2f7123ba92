//! A history: named numbers per epoch, as training writes them and curves show them.

use crate::artifact::Error;

/// A table of numbers: one row per epoch (or logged step), one column per measured quantity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Names of the columns, for example `epoch`, `loss`, `validation_accuracy`.
    pub columns: Vec<String>,
    /// Rows; each as long as `columns`. NaN stands for "not measured".
    pub rows: Vec<Vec<f64>>,
}

impl History {
    /// Returns an empty history with the given columns.
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<f64>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Returns a column's numbers, or nothing where there is no such column.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let index = self.columns.iter().position(|column| column == name)?;
        Some(self.rows.iter().map(|row| row[index]).collect())
    }

    /// Returns the history as CSV with a header line; NaN becomes an empty field.
    pub fn to_csv(&self) -> String {
        let mut text = self.columns.join(",") + "\n";
        for row in &self.rows {
            let fields: Vec<String> = row
                .iter()
                .map(|value| if value.is_nan() { String::new() } else { value.to_string() })
                .collect();
            text += &(fields.join(",") + "\n");
        }
        text
    }

    /// Parses what [`History::to_csv`] wrote; `name` is the file, for errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        let columns: Vec<String> =
            lines.next().unwrap_or_default().split(',').map(str::to_owned).collect();
        let number = |field: &str| match field {
            "" => Ok(f64::NAN),
            _ => {
                field.parse().map_err(|_| Error::malformed(name, format!("`{field}` is no number")))
            }
        };
        let rows: Vec<Vec<f64>> = lines
            .map(|line| line.split(',').map(number).collect::<Result<_, _>>())
            .collect::<Result<_, _>>()?;
        match rows.iter().position(|row| row.len() != columns.len()) {
            Some(row) => {
                Err(Error::malformed(name, format!("row {row} has not {} fields", columns.len())))
            }
            None => Ok(Self { columns, rows }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn a_history_survives_csv() {
        let mut history = History::new(&["epoch", "loss"]);
        history.push(vec![1.0, 0.1 + 0.2]);
        history.push(vec![2.0, f64::NAN]);
        let text = history.to_csv();
        assert_eq!(text, "epoch,loss\n1,0.30000000000000004\n2,\n");
        let again = History::parse("history.csv", &text).unwrap();
        assert_eq!(again.to_csv(), text);
        assert_eq!(again.column("epoch"), Some(vec![1.0, 2.0]));
        assert_eq!(again.column("accuracy"), None);
    }

    #[test]
    fn a_row_of_the_wrong_length_is_refused() {
        assert!(History::parse("h.csv", "a,b\n1\n").is_err());
        assert!(History::parse("h.csv", "a,b\n1,x\n").is_err());
    }
}
