//! Answers: what a classifier said of each image, ready to be measured on any draw of the images.
//!
//! A draw says how many times each image counts: once each for the measures themselves, as often as it was
//! drawn for the bootstrap.

use std::sync::OnceLock;

use crate::measure::auc::Ranking;
use crate::measure::auc::Scored;
use crate::measure::calibration;
use crate::measure::calibration::Confidence;
use crate::measure::confusion;
use crate::measure::referral::REFERABLE;

/// A classifier's answers. Holds one entry an image in each list.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Number of classes.
    pub classes: usize,
    /// True classes, below `classes`.
    pub labels: Vec<usize>,
    /// Predicted classes, below `classes`.
    pub predicted: Vec<usize>,
    /// Probability of each class, 0 to 1.
    pub probabilities: Vec<Vec<f64>>,
    rankings: OnceLock<Vec<Ranking>>,
    micro: OnceLock<Ranking>,
    referable: OnceLock<Ranking>,
    confidences: OnceLock<Vec<Confidence>>,
}

impl Answers {
    /// Returns the answers of rows: true class, predicted class, probability of each class.
    pub fn of<'a>(classes: usize, rows: impl Iterator<Item = (usize, usize, &'a [f64])>) -> Self {
        let mut answers = Self { classes, ..Self::default() };
        for (label, predicted, probabilities) in rows {
            answers.labels.push(label);
            answers.predicted.push(predicted);
            answers.probabilities.push(probabilities.to_vec());
        }
        answers
    }

    /// Returns what a classifier would have said that always answers the most frequent class, the lowest of
    /// equals, without a doubt.
    #[must_use]
    pub fn of_majority(&self) -> Self {
        let matrix = self.confusion(&self.once());
        let support = |class: &usize| matrix[*class].iter().sum::<usize>();
        let most = (0..self.classes).rev().max_by_key(support).unwrap_or_default();
        let mut sure = vec![0.0; self.classes];
        sure[most] = 1.0;
        Self::of(self.classes, self.labels.iter().map(|&label| (label, most, sure.as_slice())))
    }

    /// Returns the draw in which each image counts once.
    pub fn once(&self) -> Vec<usize> {
        vec![1; self.labels.len()]
    }

    /// Returns the confusion matrix.
    pub fn confusion(&self, times: &[usize]) -> Vec<Vec<usize>> {
        confusion::confusion(&self.labels, &self.predicted, times, self.classes)
    }

    /// Returns the share of right answers; absent without images.
    pub fn accuracy(&self, times: &[usize]) -> Option<f64> {
        let answers = self.labels.iter().zip(&self.predicted).zip(times);
        let right = answers.filter(|((label, predicted), _)| label == predicted);
        confusion::share(right.map(|(_, times)| times).sum(), times.iter().sum())
    }

    /// Returns each class's area under the ROC curve against all others.
    pub fn class_aucs(&self, times: &[usize]) -> impl Iterator<Item = Option<f64>> {
        let of_class =
            |class| Ranking::of(self.scored(move |row| row[class], move |label| label == class));
        let rankings = self.rankings.get_or_init(|| (0..self.classes).map(of_class).collect());
        rankings.iter().map(|ranking| ranking.area(times))
    }

    /// Returns the area under the ROC curve of all classes' probabilities together, each image's true class
    /// being positive.
    pub fn micro_auc(&self, times: &[usize]) -> Option<f64> {
        let of_class = |class| self.scored(move |row| row[class], move |label| label == class);
        let ranking = || Ranking::of((0..self.classes).flat_map(of_class));
        self.micro.get_or_init(ranking).area(times)
    }

    /// Returns the area under the ROC curve of the probability of a grade that is to be referred.
    pub fn referable_auc(&self, times: &[usize]) -> Option<f64> {
        let ranking = || {
            let score = |row: &[f64]| row.iter().skip(REFERABLE).sum::<f64>();
            Ranking::of(self.scored(score, |label| label >= REFERABLE))
        };
        self.referable.get_or_init(ranking).area(times)
    }

    /// Returns the mean Brier score; absent without images.
    pub fn brier(&self, times: &[usize]) -> Option<f64> {
        let n: usize = times.iter().sum();
        let rows = self.probabilities.iter().zip(&self.labels).zip(times);
        let sum: f64 =
            rows.map(|((row, label), times)| *times as f64 * calibration::brier(row, *label)).sum();
        (n > 0).then(|| sum / n as f64)
    }

    /// Returns the expected calibration error; absent without images.
    pub fn calibration_error(&self, times: &[usize]) -> Option<f64> {
        let confidence = |image: usize| {
            let (label, predicted) = (self.labels[image], self.predicted[image]);
            Confidence {
                confidence: self.probabilities[image][predicted],
                right: label == predicted,
            }
        };
        let all = || (0..self.labels.len()).map(confidence).collect();
        calibration::expected_error(self.confidences.get_or_init(all), times)
    }

    fn scored<'a>(
        &'a self,
        score: impl Fn(&[f64]) -> f64 + 'a,
        positive: impl Fn(usize) -> bool + 'a,
    ) -> impl Iterator<Item = Scored> + 'a {
        let rows = self.probabilities.iter().zip(&self.labels).enumerate();
        rows.map(move |(image, (row, &label))| Scored {
            image,
            score: score(row),
            positive: positive(label),
        })
    }
}
