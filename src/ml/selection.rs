//! Choosing an epoch by what the validation images say, and ending a training that no longer gets better.
//!
//! Knows scores and epochs; does not know how images are answered.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::measure::Answers;
use crate::measure::Measure;
use crate::measure::accuracy::most_likely;
use crate::ml::Metric;
use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::stage::StageError;

/// Names of tensors in a checkpoint.
const BEST: &str = "best.";
const BEST_SCORE: &str = "best_score";
const BEST_EPOCH: &str = "best_epoch";
/// In checkpoints from before there was another metric than accuracy: right answers of the best epoch.
const BEST_CORRECT: &str = "best_correct";

/// The best epoch so far; the first of equals.
#[derive(Debug)]
pub(in crate::ml) struct Selection {
    metric: Metric,
    /// Epochs without a better one after which a training ends; absent: never.
    patience: Option<usize>,
    /// Whether the weights of the best epoch are remembered.
    keeps: bool,
    best: Option<Best>,
}

#[derive(Debug)]
struct Best {
    /// The higher the better.
    score: f64,
    /// Epochs up to it.
    epoch: usize,
    tensors: BTreeMap<String, Tensor>,
}

impl Selection {
    /// Returns one that has seen no epoch.
    pub(in crate::ml) fn new(metric: Metric, patience: Option<usize>, keeps: bool) -> Self {
        Self { metric, patience, keeps, best: None }
    }

    /// Takes in what the metric says after so many epochs, with the weights that it says it of. One that is not
    /// defined is no better than any.
    pub(in crate::ml) fn see(
        &mut self,
        epoch: usize,
        value: Option<f64>,
        tensors: impl FnOnce() -> Result<BTreeMap<String, Tensor>, StageError>,
    ) -> Result<(), StageError> {
        let score = match (value, self.metric) {
            (Some(loss), Metric::Loss) => -loss,
            (Some(value), _) => value,
            (None, _) => return Ok(()),
        };
        if score.is_nan() || self.best.as_ref().is_some_and(|best| score <= best.score) {
            return Ok(());
        }
        let mut kept = BTreeMap::new();
        if self.keeps {
            let _guard = tch::no_grad_guard();
            for (name, tensor) in tensors()? {
                kept.insert(name, tensor.f_detach_copy()?);
            }
        }
        self.best = Some(Best { score, epoch, tensors: kept });
        Ok(())
    }

    /// Returns whether a training of so many epochs has not got better for too long.
    pub(in crate::ml) fn is_over(&self, epochs: usize) -> bool {
        let since = epochs - self.best.as_ref().map_or(0, |best| best.epoch.min(epochs));
        self.patience.is_some_and(|patience| since >= patience)
    }

    /// Returns the weights of the best epoch, if they were to be kept and there is one.
    pub(in crate::ml) fn into_best(self) -> Option<BTreeMap<String, Tensor>> {
        self.best.filter(|_| self.keeps).map(|best| best.tensors)
    }

    /// Adds what is remembered to a state.
    pub(in crate::ml) fn save(&self, state: &mut State) -> Result<(), StageError> {
        if let Some(best) = &self.best {
            // Files keep whole numbers exactly, and halve the bits of others.
            let score = best.score.to_bits().cast_signed();
            state.insert(BEST_SCORE.to_owned(), Tensor::f_from_slice(&[score])?);
            state.insert(BEST_EPOCH.to_owned(), Tensor::f_from_slice(&[best.epoch as i64])?);
            let tensors = best.tensors.iter();
            state.extend(tensors.map(|(name, t)| (format!("{BEST}{name}"), t.shallow_clone())));
        }
        Ok(())
    }

    /// Goes back to a state that [`Selection::save`] gave, in a training on so many validation images.
    pub(in crate::ml) fn restore(
        &mut self,
        state: &State,
        images: usize,
    ) -> Result<(), StageError> {
        let whole =
            |name| Ok::<i64, StageError>(checkpoint::part(state, name)?.f_int64_value(&[0])?);
        let (score, epoch) = if state.contains_key(BEST_SCORE) {
            (f64::from_bits(whole(BEST_SCORE)?.cast_unsigned()), whole(BEST_EPOCH)? as usize)
        } else if state.contains_key(BEST_CORRECT) {
            (whole(BEST_CORRECT)? as f64 / images as f64, 0)
        } else {
            return Ok(());
        };
        let named = |(name, tensor): (&String, &Tensor)| {
            Some((name.strip_prefix(BEST)?.to_owned(), tensor.shallow_clone()))
        };
        let tensors = state.iter().filter_map(named).collect();
        self.best = Some(Best { score, epoch, tensors });
        Ok(())
    }
}

/// Returns the column of a metric that has one of its own in the history.
pub(in crate::ml) fn column(metric: Metric) -> Option<&'static str> {
    match metric {
        Metric::Accuracy | Metric::Loss => None,
        Metric::BalancedAccuracy => Some("validation_balanced_accuracy"),
        Metric::Kappa => Some("validation_kappa"),
        Metric::Auc => Some("validation_auc"),
    }
}

/// Returns a metric of answers to validation images, where it is defined; their loss is none of it.
pub(in crate::ml) fn value(
    metric: Metric,
    labels: &[usize],
    probabilities: &[Vec<f64>],
) -> Option<f64> {
    let measure = match metric {
        Metric::Accuracy => Measure::Accuracy,
        Metric::BalancedAccuracy => Measure::BalancedAccuracy,
        Metric::Kappa => Measure::Kappa,
        Metric::Auc => Measure::Auc,
        Metric::Loss => return None,
    };
    let rows = labels.iter().zip(probabilities);
    let rows = rows.map(|(label, row)| (*label, most_likely(row), row.as_slice()));
    let answers = Answers::of(probabilities.first()?.len(), rows);
    measure.of(&answers, &answers.once())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Metric;
    use super::Selection;
    use super::State;
    use super::Tensor;
    use super::value;

    /// Shows the scores of epochs; returns after how many the training is over, and what was kept.
    fn shown(metric: Metric, patience: Option<usize>, values: &[f64]) -> (Option<usize>, f64) {
        let mut selection = Selection::new(metric, patience, true);
        let mut over = None;
        for (index, &value) in values.iter().enumerate() {
            let (epoch, value) = (index + 1, (!value.is_nan()).then_some(value));
            let tensors = || Ok(BTreeMap::from([("x".to_owned(), Tensor::from(epoch as f32))]));
            selection.see(epoch, value, tensors).unwrap();
            if selection.is_over(epoch) && over.is_none() {
                over = Some(epoch);
            }
        }
        (over, selection.into_best().map_or(0.0, |kept| kept["x"].double_value(&[])))
    }

    #[test]
    fn the_first_of_the_best_is_kept_and_patience_counts_from_it() {
        let values = [0.1, 0.5, 0.5, f64::NAN, 0.4, 0.6];
        assert_eq!(shown(Metric::Accuracy, Some(3), &values), (Some(5), 6.0));
        assert_eq!(shown(Metric::Accuracy, Some(4), &values), (None, 6.0));
        assert_eq!(shown(Metric::Loss, Some(2), &values), (Some(3), 1.0));
        assert_eq!(shown(Metric::Kappa, None, &[f64::NAN, f64::NAN]), (None, 0.0));
        assert_eq!(shown(Metric::Kappa, Some(2), &[f64::NAN, f64::NAN]), (Some(2), 0.0));
    }

    #[test]
    fn a_score_survives_a_checkpoint_to_the_last_bit() {
        let mut one = Selection::new(Metric::Loss, Some(2), true);
        one.see(3, Some(0.1 + 0.2), || Ok(BTreeMap::new())).unwrap();
        let mut state = State::new();
        one.save(&mut state).unwrap();
        let mut two = Selection::new(Metric::Loss, Some(2), true);
        two.restore(&state, 10).unwrap();
        let told = |selection: &Selection| {
            let best = selection.best.as_ref().unwrap();
            (best.score, best.epoch)
        };
        assert_eq!((told(&two), told(&two)), ((-(0.1 + 0.2), 3), told(&one)));
        let old = State::from([("best_correct".to_owned(), Tensor::from_slice(&[7_i64]))]);
        let mut three = Selection::new(Metric::Accuracy, None, true);
        three.restore(&old, 8).unwrap();
        assert_eq!(told(&three).0, 0.875);
    }

    #[test]
    fn metrics_are_those_that_are_reported() {
        // Right, off by one, off by two.
        let rows = [vec![0.7, 0.2, 0.1], vec![0.6, 0.3, 0.1], vec![0.5, 0.3, 0.2]];
        let of = |metric| value(metric, &[0, 1, 2], &rows).unwrap();
        assert!((of(Metric::Accuracy) - 1.0 / 3.0).abs() < 1e-12);
        assert!((of(Metric::BalancedAccuracy) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(Metric::Kappa), 0.0);
        // Each class against the rest: ranks of 0.7, 0.6, 0.5; 0.2, 0.3, 0.3; 0.1, 0.1, 0.2.
        assert!((of(Metric::Auc) - (1.0 + 0.75 + 1.0) / 3.0).abs() < 1e-12);
    }
}
