//! A study's table as plain text for a terminal.

use crate::measure::Unit;
use crate::report::Comparison;
use crate::report::StudyTable;
use crate::report::TableCell;
use crate::report::notes;
use crate::report::notes::test_images;

/// Blanks between columns.
const GAP: &str = "   ";

impl StudyTable {
    /// Returns the table as plain text: aligned columns, no colour.
    pub fn to_text(&self) -> String {
        let mut parts = vec![self.heading() + "\n", aligned(&self.value_lines()), self.footnotes()];
        if !self.comparisons.is_empty() {
            parts.push(self.comparison_heading() + "\n");
            parts.push(aligned(&self.comparison_lines()));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }

    /// Returns the sentence above the table: what is shown, on how many images, over which runs.
    pub fn heading(&self) -> String {
        let images = match test_images(&self.baselines) {
            Some(images) => format!(" on {images} images"),
            None => String::new(),
        };
        let over = match self.pooled_axes.as_slice() {
            [] => String::new(),
            axes => format!(", mean \u{b1} standard deviation over {}", axes.join(", ")),
        };
        format!("{}: {} of `{}`{images}{over}", self.study, self.measure.title(), self.stage)
    }

    /// Returns the sentence above the comparisons.
    pub fn comparison_heading(&self) -> String {
        let first = &self.comparisons[0].reference;
        let one = self.comparisons.iter().all(|one| one.reference == *first);
        let from = if one { format!("`{first}`") } else { "the baseline of each row".to_owned() };
        let unit = match self.measure.unit() {
            "" => String::new(),
            unit => format!(", {unit}"),
        };
        let tests = match self.comparisons[0] {
            Comparison { p: Some(_), resampled, .. } => {
                let drawn = match resampled {
                    Unit::Image => "images",
                    Unit::Group => "groups",
                };
                format!("; interval and p by resampling {drawn} and runs, p corrected after Holm")
            }
            _ => "; interval over runs".to_owned(),
        };
        format!("Differences from {from}{unit}{tests}")
    }

    fn value_lines(&self) -> Vec<Vec<String>> {
        let axis =
            if self.row_axes.is_empty() { "study".to_owned() } else { self.row_axes.join(" / ") };
        let mut header = vec![axis, "training images".to_owned()];
        header.extend(self.columns.iter().cloned());
        let mut lines = vec![header];
        for row in &self.rows {
            let cells: Vec<Vec<String>> =
                row.cells.iter().map(|cell| self.cell_lines(cell)).collect();
            for index in 0..cells.iter().map(Vec::len).max().unwrap_or(1) {
                let first = index == 0;
                let name = if first { row.name.clone() } else { String::new() };
                let images = if first { training(row.training_images) } else { String::new() };
                let cells = cells.iter().map(|cell| cell.get(index).cloned().unwrap_or_default());
                lines.push([name, images].into_iter().chain(cells).collect());
            }
        }
        lines
    }

    /// Returns what a cell says, line by line: the value, its interval, right answers of each run.
    fn cell_lines(&self, cell: &TableCell) -> Vec<String> {
        let Some(value) = self.value(cell) else { return vec![missing(cell).to_owned()] };
        let mut lines = vec![value + &marks(&cell.leaks)];
        lines.extend(self.interval(cell));
        lines.push(runs(cell));
        lines.extend(self.over_majority(cell));
        lines
    }

    /// Returns a cell's mean and deviation; nothing where it has none.
    pub(super) fn value(&self, cell: &TableCell) -> Option<String> {
        let mean = self.measure.show(cell.mean?);
        let deviation = cell.deviation.map(|deviation| self.measure.bare(deviation));
        Some(deviation.map_or(mean.clone(), |deviation| format!("{mean} \u{b1} {deviation}")))
    }

    /// Returns a cell's 95 % interval; nothing where it has none.
    pub(super) fn interval(&self, cell: &TableCell) -> Option<String> {
        let (low, high) = cell.interval?;
        Some(format!("{} to {}", self.measure.bare(low), self.measure.bare(high)))
    }

    /// Returns how far a cell's mean lies from what always answering the most frequent class gives.
    pub(super) fn over_majority(&self, cell: &TableCell) -> Option<String> {
        Some(format!("{} to most frequent", self.measure.difference(cell.over_majority?)))
    }

    fn footnotes(&self) -> String {
        let has =
            |part: fn(&TableCell) -> bool| self.rows.iter().flat_map(|row| &row.cells).any(part);
        let mut below = Vec::new();
        below.extend(has(|cell| cell.interval.is_some()).then_some("its 95 % interval"));
        below.extend(has(|cell| !cell.runs.is_empty()).then_some("the right answers of each run"));
        let most = "its distance from always answering the most frequent class";
        below.extend(has(|cell| cell.over_majority.is_some()).then_some(most));
        let mut lines = Vec::new();
        if let Some((last, first)) = below.split_last().filter(|_| below.len() > 1) {
            lines.push(format!("Below each value: {}, and {last}.", first.join(", ")));
        }
        lines.extend(notes::notes(self));
        lines.extend(self.leaks.iter().zip(1..).map(|(reason, number)| {
            format!("[{number}] test images may have reached the classifier: {reason}")
        }));
        lines.into_iter().map(|line| line + "\n").collect()
    }

    /// Returns the row of a comparison, and with which it is compared where that is not said above.
    pub(super) fn compared(&self, one: &Comparison) -> String {
        let same = self.comparisons.iter().all(|other| other.reference == one.reference);
        if same { one.row.clone() } else { format!("{} from {}", one.row, one.reference) }
    }

    fn comparison_lines(&self) -> Vec<Vec<String>> {
        let axes = [self.row_axes.join(" / "), self.column_axes.join(" / ")];
        let header = ["difference", "95 % interval", "p", "images won:lost, per run"];
        let mut lines = vec![axes.into_iter().chain(header.map(str::to_owned)).collect()];
        for one in &self.comparisons {
            let bare = |number: f64| self.measure.difference(number);
            let interval =
                one.interval.map(|(low, high)| format!("{} to {}", bare(low), bare(high)));
            let seeds: Vec<String> = one
                .seeds
                .iter()
                .map(|test| format!("{}:{}", test.row_only, test.reference_only))
                .collect();
            lines.push(vec![
                self.compared(one),
                one.column.clone(),
                one.difference.map_or("n/a".to_owned(), bare) + &marks(&one.leaks),
                interval.unwrap_or_else(|| "n/a".to_owned()),
                one.corrected_p.map_or("n/a".to_owned(), p_value),
                seeds.join(", "),
            ]);
        }
        lines
    }
}

/// Returns the marks of a number that leaks: ` [1] [2]`.
pub(super) fn marks(leaks: &[usize]) -> String {
    leaks.iter().fold(String::new(), |text, number| text + " [" + &number.to_string() + "]")
}

/// Returns why a cell has no value: `not run`, or `n/a` where the study leaves it out or the
/// measure is not defined.
pub(super) fn missing(cell: &TableCell) -> &'static str {
    if cell.planned > 0 && cell.runs.is_empty() { "not run" } else { "n/a" }
}

/// Returns the right answers of each run: `184, 190 of 400`, and how many runs are missing.
pub(super) fn runs(cell: &TableCell) -> String {
    let same = cell.runs.windows(2).all(|pair| pair[0].n == pair[1].n);
    let mut text = if same {
        let correct: Vec<String> = cell.runs.iter().map(|run| run.correct.to_string()).collect();
        let n = cell.runs.first().map_or(0, |run| run.n);
        format!("{} of {n}", correct.join(", "))
    } else {
        let each = cell.runs.iter().map(|run| format!("{}/{}", run.correct, run.n));
        each.collect::<Vec<_>>().join(", ")
    };
    if cell.runs.len() < cell.planned {
        text = format!("{text} ({} of {} runs)", cell.runs.len(), cell.planned);
    }
    text
}

/// Returns a p-value as tables write it.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// Returns the training images of a row as tables write them.
pub(super) fn training(images: Option<(usize, usize)>) -> String {
    match images {
        None => "n/a".to_owned(),
        Some((least, most)) if least == most => thousands(most),
        Some((least, most)) => format!("{} to {}", thousands(least), thousands(most)),
    }
}

/// Returns a number with a comma between thousands.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns lines of cells with each column as wide as its widest cell.
pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join(GAP).trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::report::Layout;
    use crate::report::Measure;
    use crate::report::StudyTable;
    use crate::report::sample;
    use crate::report::text::thousands;

    fn table(measure: Measure) -> StudyTable {
        let plan = sample::plan();
        let layout = Layout { measure, ..Layout::default() };
        StudyTable::build(&sample::study(&plan), &layout).unwrap()
    }

    #[test]
    fn the_table_is_readable_without_colour() {
        insta::assert_snapshot!(table(Measure::Accuracy).to_text(), @"
        made-up: accuracy of `score` on 400 images, mean ± standard deviation over seed

        arm           training images   resnet101                 densenet121
        none          1,080             41.67 % ± 0.76            47.42 % ± 3.21
                                        39.77 to 43.56            39.43 to 55.40
                                        166, 170, 164 of 400      195, 175, 199 of 400
                                        -1.83 to most frequent    +3.92 to most frequent
        classic       4,320             46.58 % ± 1.01            50.33 % ± 1.59 [1]
                                        44.07 to 49.09            46.39 to 54.28
                                        190, 187, 182 of 400      194, 205, 205 of 400
                                        +3.08 to most frequent    +6.83 to most frequent
        classic+gan   5,649             68.50 % ± 2.38            not run
                                        62.58 to 74.42
                                        269, 268, 285 of 400
                                        +25.00 to most frequent

        Below each value: its 95 % interval, the right answers of each run, and its distance from always answering the most frequent class.
        Always answering the most frequent class: 43.50 % (174 of 400)
        `parts` divides 2 pairs of images that are copies into different parts; its output `duplicates` lists them
        Warning: rows differ in the optimiser's steps (none 680, classic 2,720, classic+gan 3,560); a difference may come of longer training alone
        Runs of classic+gan share one `painter`: what another training of it would change is in no interval and no p; let that stage span the axis of the runs too
        With 400 test images and 3 seeds a difference under 5.1 to 6.4 percentage points cannot be told from noise, and one under 7.3 to 9.1 is missed by more than one such study in five
        [1] test images may have reached the classifier: to show what leakage does

        Differences from `none`, percentage points; interval and p by resampling images and runs, p corrected after Holm

        arm           network       difference   95 % interval      p       images won:lost, per run
        classic       resnet101     +4.92        -0.17 to +9.92     0.122   110:86, 114:97, 89:71
        classic       densenet121   +2.92 [1]    -3.50 to +9.50     0.372   94:95, 115:85, 104:98
        classic+gan   resnet101     +26.83       +21.00 to +32.75   0.003   155:52, 159:61, 168:47
        ");
    }

    #[test]
    fn other_measures_have_their_own_units() {
        insta::assert_snapshot!(table(Measure::Kappa).to_text(), @"
        made-up: quadratic weighted kappa of `score` on 400 images, mean ± standard deviation over seed

        arm           training images   resnet101                 densenet121
        none          1,080             0.167 ± 0.042             0.279 ± 0.056
                                        0.062 to 0.272            0.141 to 0.417
                                        166, 170, 164 of 400      195, 175, 199 of 400
                                        +0.167 to most frequent   +0.279 to most frequent
        classic       4,320             0.252 ± 0.029             0.312 ± 0.026 [1]
                                        0.179 to 0.325            0.247 to 0.376
                                        190, 187, 182 of 400      194, 205, 205 of 400
                                        +0.252 to most frequent   +0.312 to most frequent
        classic+gan   5,649             0.576 ± 0.035             not run
                                        0.489 to 0.663
                                        269, 268, 285 of 400
                                        +0.576 to most frequent

        Below each value: its 95 % interval, the right answers of each run, and its distance from always answering the most frequent class.
        Always answering the most frequent class: 43.50 % (174 of 400)
        `parts` divides 2 pairs of images that are copies into different parts; its output `duplicates` lists them
        Warning: rows differ in the optimiser's steps (none 680, classic 2,720, classic+gan 3,560); a difference may come of longer training alone
        Runs of classic+gan share one `painter`: what another training of it would change is in no interval and no p; let that stage span the axis of the runs too
        With 400 test images and 3 seeds a difference under 0.11 to 0.13 cannot be told from noise, and one under 0.16 to 0.18 is missed by more than one such study in five
        [1] test images may have reached the classifier: to show what leakage does

        Differences from `none`; interval and p by resampling images and runs, p corrected after Holm

        arm           network       difference   95 % interval      p       images won:lost, per run
        classic       resnet101     +0.086       -0.046 to +0.214   0.374   110:86, 114:97, 89:71
        classic       densenet121   +0.032 [1]   -0.080 to +0.141   0.565   94:95, 115:85, 104:98
        classic+gan   resnet101     +0.409       +0.283 to +0.535   0.003   155:52, 159:61, 168:47
        ");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1080, 1_234_567].map(thousands), ["0", "999", "1,080", "1,234,567"]);
    }
}
