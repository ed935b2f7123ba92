//! How sure each measure of one classifier is, by resampling the images.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::measure::Answers;
use crate::measure::Measure;
use crate::measure::resampling::RESAMPLES;
use crate::measure::resampling::Resampled;
use crate::measure::resampling::resample;
use crate::seed::Seed;

/// Seed of the draws: equal answers have equal intervals.
const SEED: Seed = Seed(2000);

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Single images.
    Image,
    /// All images of a group (patient, eye) together.
    Group,
}

/// 95 % intervals of a classifier's measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// What was drawn: images of one group are no independent ones.
    pub resampled: Unit,
    /// Name of the measure -> its interval; a measure has none that most draws leave undefined.
    #[serde(flatten)]
    pub of: BTreeMap<String, (f64, f64)>,
}

impl Intervals {
    /// Resamples the images, or the groups where every image's is known: `groups` numbers each image's group
    /// from 0 without a gap.
    pub fn of(answers: &Answers, groups: Option<&[usize]>) -> Self {
        let alone: Vec<usize> = (0..answers.labels.len()).collect();
        let clusters = groups.unwrap_or(&alone);
        let mut draws = Measure::ALL.map(|_| Vec::with_capacity(RESAMPLES));
        resample(1, clusters, RESAMPLES, SEED, |_, times| {
            for (measure, draws) in Measure::ALL.into_iter().zip(&mut draws) {
                draws.push(measure.of(answers, times));
            }
        });
        let of = Measure::ALL.into_iter().zip(draws).filter_map(|(measure, draws)| {
            Some((measure.name().to_owned(), Resampled::of(draws)?.interval))
        });
        let resampled = if groups.is_some() { Unit::Group } else { Unit::Image };
        Self { resampled, of: of.collect() }
    }

    /// Returns a measure's interval, where it has one.
    pub fn get(&self, measure: Measure) -> Option<(f64, f64)> {
        self.of.get(measure.name()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Intervals;
    use super::Unit;
    use crate::measure::Answers;
    use crate::measure::Measure;
    use crate::measure::accuracy::wilson_interval;

    fn answers() -> Answers {
        let row = |image: usize| {
            let (label, predicted) = (image % 2, if image < 60 { image % 2 } else { 0 });
            (label, predicted, [0.6, 0.4])
        };
        let rows: Vec<_> = (0..80).map(row).collect();
        Answers::of(
            2,
            rows.iter().map(|(label, predicted, row)| (*label, *predicted, row.as_slice())),
        )
    }

    #[test]
    fn intervals_hold_their_measures_and_resemble_wilsons() {
        let answers = answers();
        let found = Intervals::of(&answers, None);
        assert_eq!(found.resampled, Unit::Image);
        for measure in Measure::ALL {
            let number = measure.of(&answers, &answers.once());
            assert_eq!(number.is_some(), found.get(measure).is_some(), "{measure:?}");
            if let Some((number, (low, high))) = number.zip(found.get(measure)) {
                assert!(low <= number + 1e-12 && number <= high + 1e-12, "{measure:?}");
            }
        }
        let (low, high) = found.get(Measure::Accuracy).unwrap();
        let wilson = wilson_interval(70, 80);
        assert!((low - wilson.0).abs() < 0.03 && (high - wilson.1).abs() < 0.03);
        assert_eq!(found, Intervals::of(&answers, None));
    }

    #[test]
    fn images_of_few_groups_say_less() {
        let width = |intervals: Intervals| {
            let (low, high) = intervals.get(Measure::Accuracy).unwrap();
            high - low
        };
        let groups: Vec<usize> = (0..80).map(|image| image / 20).collect();
        let grouped = Intervals::of(&answers(), Some(&groups));
        assert_eq!(grouped.resampled, Unit::Group);
        assert!(width(grouped) > 1.5 * width(Intervals::of(&answers(), None)));
    }
}
