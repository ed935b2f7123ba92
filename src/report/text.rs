//! A study's table as plain text for a terminal and as CSV for other programs.

use std::collections::BTreeSet;

use crate::report::Baseline;
use crate::report::Copies;
use crate::report::StudyTable;
use crate::report::TableCell;

/// Blanks between columns.
const GAP: &str = "   ";
/// Sets of test images that have a sentence each.
const BASELINES: usize = 3;

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

    /// Returns one line for each run, with a header; empty fields for what is not known.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: Vec<String>| {
            writer.write_record(record).expect("memory takes every record of one length");
        };
        let axes = [self.row_axes.join(" / "), self.column_axes.join(" / ")];
        let axes = axes.map(|name| if name.is_empty() { "all".to_owned() } else { name });
        let names = ["training_images", self.measure.name(), "correct", "n", "leaks"];
        let pooled = self.pooled_axes.iter().cloned();
        write(axes.into_iter().chain(pooled).chain(names.map(str::to_owned)).collect());
        for row in &self.rows {
            let images = row.training_images.map_or(String::new(), |(_, most)| most.to_string());
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                let leaks: Vec<&str> =
                    cell.leaks.iter().map(|number| self.leaks[number - 1].as_str()).collect();
                for run in &cell.runs {
                    let places = self.pooled_axes.iter();
                    let places = places.map(|axis| run.at.get(axis).cloned().unwrap_or_default());
                    let value = run.value.map_or(String::new(), |value| value.to_string());
                    let numbers = [images.clone(), value, run.correct.to_string()];
                    let rest = [run.n.to_string(), leaks.join("; ")];
                    let head = [row.name.clone(), column.clone()].into_iter().chain(places);
                    write(head.chain(numbers).chain(rest).collect());
                }
            }
        }
        let bytes = writer.into_inner().expect("memory takes every record");
        String::from_utf8(bytes).expect("csv of text is text")
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
        let first = &self.rows[0].name;
        let unit = if self.measure.show(0.0).ends_with('%') { ", percentage points" } else { "" };
        let tests = match self.comparisons[0] {
            crate::report::Comparison { p: Some(_), resampled, .. } => {
                format!(
                    "; interval and p by resampling {resampled}s and runs, p corrected after Holm"
                )
            }
            _ => "; interval over runs".to_owned(),
        };
        format!("Differences from `{first}`{unit}{tests}")
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

    fn footnotes(&self) -> String {
        let mut lines = Vec::new();
        if self.rows.iter().flat_map(|row| &row.cells).any(|cell| cell.interval.is_some()) {
            let note = "Below each value: its 95 % interval, and the right answers of each run.";
            lines.push(note.to_owned());
        }
        lines.extend(baseline_sentences(&self.baselines));
        lines.extend(self.copies.iter().map(copies_sentence));
        lines.extend(self.leaks.iter().zip(1..).map(|(reason, number)| {
            format!("[{number}] test images may have reached the classifier: {reason}")
        }));
        lines.into_iter().map(|line| line + "\n").collect()
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
                one.row.clone(),
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

/// Returns how many test images there are: `400`, `319 or 320`, and of more numbers the range; nothing where
/// nothing has run.
pub(super) fn test_images(baselines: &[Baseline]) -> Option<String> {
    let counts: BTreeSet<usize> = baselines.iter().map(|baseline| baseline.n).collect();
    let (first, last) = (thousands(*counts.first()?), thousands(*counts.last()?));
    Some(match counts.len() {
        1 => first,
        2 => format!("{first} or {last}"),
        _ => format!("{first} to {last}"),
    })
}

/// Returns what always answering the most frequent class gives, a sentence for each set of test images; for
/// many sets, such as folds, the range.
pub(super) fn baseline_sentences(baselines: &[Baseline]) -> Vec<String> {
    let share = |baseline: &Baseline| 100.0 * baseline.correct as f64 / baseline.n.max(1) as f64;
    let always = "Always answering the most frequent class";
    let sentence =
        |one: &Baseline| format!("{always}: {:.2} % ({} of {})", share(one), one.correct, one.n);
    if baselines.len() <= BASELINES {
        return baselines.iter().map(sentence).collect();
    }
    let shares: Vec<f64> = baselines.iter().map(share).collect();
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let most = shares.iter().copied().fold(0.0, f64::max);
    vec![format!("{always}: {least:.2} to {most:.2} %, depending on the test images")]
}

/// Returns how many images of different parts are copies, as a sentence.
pub(super) fn copies_sentence(copies: &Copies) -> String {
    let (pairs, are) = (thousands(copies.pairs), if copies.pairs == 1 { "pair" } else { "pairs" });
    format!(
        "`{}` divides {pairs} {are} of images that are copies into different parts; its output `duplicates` lists them",
        copies.task
    )
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
    use crate::report::Baseline;
    use crate::report::Layout;
    use crate::report::Measure;
    use crate::report::StudyTable;
    use crate::report::sample;
    use crate::report::text::baseline_sentences;
    use crate::report::text::test_images;
    use crate::report::text::thousands;

    fn table(measure: Measure) -> StudyTable {
        let plan = sample::plan();
        let layout = Layout { measure, ..Layout::default() };
        StudyTable::build(&sample::study(&plan), &layout).unwrap()
    }

    #[test]
    fn many_sets_of_test_images_are_told_as_ranges() {
        let told = |sets: &[(usize, usize)]| {
            let of = |&(correct, n): &(usize, usize)| Baseline { correct, n };
            let sets: Vec<Baseline> = sets.iter().map(of).collect();
            [test_images(&sets).unwrap_or_default(), baseline_sentences(&sets).join("; ")]
                .join(": ")
        };
        let said = [
            told(&[]),
            told(&[(40, 100)]),
            told(&[(30, 319), (31, 320)]),
            told(&[(40, 100), (41, 100), (50, 101), (42, 103)]),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        : 
        100: Always answering the most frequent class: 40.00 % (40 of 100)
        319 or 320: Always answering the most frequent class: 9.40 % (30 of 319); Always answering the most frequent class: 9.69 % (31 of 320)
        100 to 103: Always answering the most frequent class: 40.00 to 49.50 %, depending on the test images
        ");
    }

    #[test]
    fn the_table_is_readable_without_colour() {
        insta::assert_snapshot!(table(Measure::Accuracy).to_text(), @"
        made-up: accuracy of `score` on 400 images, mean ± standard deviation over seed

        arm           training images   resnet101              densenet121
        none          1,080             41.67 % ± 0.76         47.42 % ± 3.21
                                        39.77 to 43.56         39.43 to 55.40
                                        166, 170, 164 of 400   195, 175, 199 of 400
        classic       4,320             46.58 % ± 1.01         50.33 % ± 1.59 [1]
                                        44.07 to 49.09         46.39 to 54.28
                                        190, 187, 182 of 400   194, 205, 205 of 400
        classic+gan   5,649             68.50 % ± 2.38         not run
                                        62.58 to 74.42
                                        269, 268, 285 of 400

        Below each value: its 95 % interval, and the right answers of each run.
        Always answering the most frequent class: 43.50 % (174 of 400)
        `parts` divides 2 pairs of images that are copies into different parts; its output `duplicates` lists them
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

        arm           training images   resnet101              densenet121
        none          1,080             0.167 ± 0.042          0.279 ± 0.056
                                        0.062 to 0.272         0.141 to 0.417
                                        166, 170, 164 of 400   195, 175, 199 of 400
        classic       4,320             0.252 ± 0.029          0.312 ± 0.026 [1]
                                        0.179 to 0.325         0.247 to 0.376
                                        190, 187, 182 of 400   194, 205, 205 of 400
        classic+gan   5,649             0.576 ± 0.035          not run
                                        0.489 to 0.663
                                        269, 268, 285 of 400

        Below each value: its 95 % interval, and the right answers of each run.
        Always answering the most frequent class: 43.50 % (174 of 400)
        `parts` divides 2 pairs of images that are copies into different parts; its output `duplicates` lists them
        [1] test images may have reached the classifier: to show what leakage does

        Differences from `none`; interval over runs

        arm           network       difference   95 % interval      p     images won:lost, per run
        classic       resnet101     +0.086       -0.062 to +0.233   n/a   110:86, 114:97, 89:71
        classic       densenet121   +0.032 [1]   -0.050 to +0.114   n/a   94:95, 115:85, 104:98
        classic+gan   resnet101     +0.409       +0.230 to +0.589   n/a   155:52, 159:61, 168:47
        ");
    }

    #[test]
    fn csv_has_a_line_for_each_run() {
        insta::assert_snapshot!(table(Measure::Accuracy).to_csv(), @"
        arm,network,seed,training_images,accuracy,correct,n,leaks
        none,resnet101,1,1080,0.415,166,400,
        none,resnet101,2,1080,0.425,170,400,
        none,resnet101,3,1080,0.41,164,400,
        none,densenet121,1,1080,0.4875,195,400,
        none,densenet121,2,1080,0.4375,175,400,
        none,densenet121,3,1080,0.4975,199,400,
        classic,resnet101,1,4320,0.475,190,400,
        classic,resnet101,2,4320,0.4675,187,400,
        classic,resnet101,3,4320,0.455,182,400,
        classic,densenet121,1,4320,0.485,194,400,to show what leakage does
        classic,densenet121,2,4320,0.5125,205,400,to show what leakage does
        classic,densenet121,3,4320,0.5125,205,400,to show what leakage does
        classic+gan,resnet101,1,5649,0.6725,269,400,
        classic+gan,resnet101,2,5649,0.67,268,400,
        classic+gan,resnet101,3,5649,0.7125,285,400,
        ");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1080, 1_234_567].map(thousands), ["0", "999", "1,080", "1,234,567"]);
    }
}
