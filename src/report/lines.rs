//! A study's table as CSV, for other programs: its runs, its cells or its comparisons.

use crate::measure::Unit;
use crate::report::Comparison;
use crate::report::StudyTable;

/// What the lines of a CSV are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// Single runs.
    #[default]
    Runs,
    /// Cells: runs taken together.
    Cells,
    /// Rows against their baseline.
    Comparisons,
}

impl StudyTable {
    /// Returns one line for each run, cell or comparison, with a header; empty fields for what is not known.
    pub fn to_csv(&self, part: Part) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let records = match part {
            Part::Runs => self.run_records(),
            Part::Cells => self.cell_records(),
            Part::Comparisons => self.comparison_records(),
        };
        for record in records {
            writer.write_record(record).expect("memory takes every record of one length");
        }
        let bytes = writer.into_inner().expect("memory takes every record");
        String::from_utf8(bytes).expect("csv of text is text")
    }

    fn run_records(&self) -> Vec<Vec<String>> {
        let names = ["training_images", self.measure.name(), "correct", "n", "leaks"];
        let pooled = self.pooled_axes.iter().cloned();
        let mut records = vec![self.axes().chain(pooled).chain(names.map(str::to_owned)).collect()];
        for row in &self.rows {
            let images = most(row.training_images);
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                for run in &cell.runs {
                    let places = self.pooled_axes.iter();
                    let places = places.map(|axis| run.at.get(axis).cloned().unwrap_or_default());
                    let numbers = [images.clone(), known(run.value), run.correct.to_string()];
                    let rest = [run.n.to_string(), self.reasons(&cell.leaks)];
                    let head = [row.name.clone(), column.clone()].into_iter().chain(places);
                    records.push(head.chain(numbers).chain(rest).collect());
                }
            }
        }
        records
    }

    fn cell_records(&self) -> Vec<Vec<String>> {
        let names = [
            "training_images",
            "steps",
            "planned",
            "runs",
            "mean",
            "deviation",
            "low",
            "high",
            "over_majority",
            "leaks",
        ];
        let mut records = vec![self.axes().chain(names.map(str::to_owned)).collect()];
        for row in &self.rows {
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                let (low, high) = cell.interval.unzip();
                records.push(vec![
                    row.name.clone(),
                    column.clone(),
                    most(row.training_images),
                    most(row.steps),
                    cell.planned.to_string(),
                    cell.runs.len().to_string(),
                    known(cell.mean),
                    known(cell.deviation),
                    known(low),
                    known(high),
                    known(cell.over_majority),
                    self.reasons(&cell.leaks),
                ]);
            }
        }
        records
    }

    fn comparison_records(&self) -> Vec<Vec<String>> {
        let names = [
            "baseline",
            "difference",
            "low",
            "high",
            "p",
            "corrected_p",
            "resampled",
            "images",
            "runs",
            "told",
            "found",
            "leaks",
        ];
        let header = self.axes().chain(names.map(str::to_owned)).collect();
        std::iter::once(header)
            .chain(self.comparisons.iter().map(|one| self.compared_record(one)))
            .collect()
    }

    fn compared_record(&self, one: &Comparison) -> Vec<String> {
        let (low, high) = one.interval.unzip();
        let resampled = match one.resampled {
            Unit::Image => "image",
            Unit::Group => "group",
        };
        let count = |count: Option<usize>| count.map_or(String::new(), |count| count.to_string());
        vec![
            one.row.clone(),
            one.column.clone(),
            one.reference.clone(),
            known(one.difference),
            known(low),
            known(high),
            known(one.p),
            known(one.corrected_p),
            resampled.to_owned(),
            count(one.detectable.map(|noise| noise.images)),
            count(one.detectable.map(|noise| noise.runs)),
            known(one.detectable.map(|noise| noise.told)),
            known(one.detectable.map(|noise| noise.found)),
            self.reasons(&one.leaks),
        ]
    }

    /// Returns the names of the first two fields.
    fn axes(&self) -> impl Iterator<Item = String> {
        let axes = [self.row_axes.join(" / "), self.column_axes.join(" / ")];
        axes.into_iter().map(|name| if name.is_empty() { "all".to_owned() } else { name })
    }

    fn reasons(&self, leaks: &[usize]) -> String {
        let reasons: Vec<&str> =
            leaks.iter().map(|number| self.leaks[number - 1].as_str()).collect();
        reasons.join("; ")
    }
}

fn known(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

fn most(range: Option<(usize, usize)>) -> String {
    range.map_or(String::new(), |(_, most)| most.to_string())
}

#[cfg(test)]
mod tests {
    use super::Part;
    use crate::report::Layout;
    use crate::report::StudyTable;
    use crate::report::sample;

    fn csv(part: Part) -> String {
        let plan = sample::plan();
        StudyTable::build(&sample::study(&plan), &Layout::default()).unwrap().to_csv(part)
    }

    #[test]
    fn csv_has_a_line_for_each_run() {
        insta::assert_snapshot!(csv(Part::Runs), @"
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
    fn csv_has_a_line_for_each_cell() {
        insta::assert_snapshot!(csv(Part::Cells), @"
        arm,network,training_images,steps,planned,runs,mean,deviation,low,high,over_majority,leaks
        none,resnet101,1080,680,3,3,0.4166666666666667,0.00763762615825974,0.39769375149868297,0.4356395818346504,-0.01833333333333335,
        none,densenet121,1080,680,3,3,0.4741666666666667,0.03214550253664318,0.3943128115522259,0.5540205217811075,0.03916666666666666,
        classic,resnet101,4320,2720,3,3,0.4658333333333333,0.010103629710818435,0.4407345257431283,0.4909321409235383,0.03083333333333334,
        classic,densenet121,4320,2720,3,3,0.5033333333333333,0.01587713240271469,0.46389234997729684,0.5427743166893698,0.0683333333333333,to show what leakage does
        classic+gan,resnet101,5649,3560,3,3,0.685,0.023848480035423645,0.6257570913760797,0.7442429086239204,0.25,
        classic+gan,densenet121,5649,3560,3,0,,,,,,
        ");
    }

    #[test]
    fn csv_has_a_line_for_each_comparison() {
        insta::assert_snapshot!(csv(Part::Comparisons), @"
        arm,network,baseline,difference,low,high,p,corrected_p,resampled,images,runs,told,found,leaks
        classic,resnet101,none,0.04916666666666669,-0.001666666666666668,0.09916666666666667,0.06096951524237881,0.12193903048475763,image,400,3,0.05118460929147994,0.07316361214644933,
        classic,densenet121,none,0.029166666666666636,-0.03500000000000003,0.09499999999999997,0.37181409295352325,0.37181409295352325,image,400,3,0.06380064949012167,0.09119706174574288,to show what leakage does
        classic+gan,resnet101,none,0.26833333333333337,0.21000000000000005,0.32749999999999996,0.0009995002498750624,0.0029985007496251873,image,400,3,0.056242292195967276,0.08039309685886334,
        ");
    }
}
