//! A table that a person fills in: what it says of each image, told by its id.
//!
//! Knows neither what is said nor what follows from it. Forgives what any table may have; a row without the cell that
//! counts is a slip, not an answer.

use std::collections::BTreeMap;

use crate::artifact::ImageSet;
use crate::stage::StageError;
use crate::stages::sheet::Sheet;

/// What a cell says, or what is wrong with it and what to write in its place.
pub(super) type Said<T> = Result<T, (String, &'static str)>;

/// Reads the columns `id` and another one, and returns what the latter says of each image, where the image is listed.
/// `name` is the file, for errors.
pub(super) fn by_image<T>(
    name: &str,
    text: &[u8],
    column: &str,
    images: &ImageSet,
    said: impl Fn(&str) -> Said<T>,
) -> Result<Vec<Option<T>>, StageError> {
    let sheet = Sheet::read(name, text)?;
    let place = |wanted: &str| {
        let help = || format!("start the file with the line `id,{column}`");
        sheet.place(wanted).map_err(|error| error.help(help()))
    };
    let (id_column, said_column) = (place("id")?, place(column)?);
    let ids = images.samples.iter().enumerate();
    let places: BTreeMap<&str, usize> =
        ids.map(|(index, sample)| (sample.id.as_str(), index)).collect();
    let mut answers: Vec<Option<T>> = images.samples.iter().map(|_| None).collect();
    for row in sheet.rows() {
        let slip =
            |problem: String| StageError::data(format!("`{name}`, line {}: {problem}", row.line));
        let id = row.cell(id_column);
        let Some(&index) = places.get(id) else {
            let problem = slip(format!("`{id}` is not among the images"));
            return Err(
                problem.help("list the images of this very stage's input, or remove the row")
            );
        };
        if answers[index].is_some() {
            return Err(slip(format!("`{id}` comes once more")).help("remove one of its rows"));
        }
        if !row.has(said_column) {
            let problem = slip(format!("nothing stands below `{column}`, not even an empty cell"));
            return Err(problem.help("end the line with a comma where nothing is to be said"));
        }
        let answer = said(row.cell(said_column));
        answers[index] = Some(answer.map_err(|(problem, help)| slip(problem).help(help))?);
    }
    Ok(answers)
}
