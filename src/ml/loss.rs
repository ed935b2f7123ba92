//! What a classifier's training makes small: cross-entropy and its relatives, CORAL for ordered classes.
//!
//! Knows logits and labels; does not know networks.

use tch::Device;
use tch::Kind;
use tch::Reduction;
use tch::TchError;
use tch::Tensor;

use crate::artifact::Head;
use crate::ml::ClassWeights;
use crate::ml::LossSettings;
use crate::ml::WeightRule;
use crate::ml::last_layer;
use crate::stage::StageError;

/// The loss of a batch.
#[derive(Debug)]
pub(in crate::ml) struct Loss {
    head: Head,
    smoothing: f64,
    focal: Option<f64>,
    /// `[classes]`
    weights: Option<Tensor>,
}

impl Loss {
    /// Returns what settings say, for training images of which each class has so many.
    pub(in crate::ml) fn new(
        settings: &LossSettings,
        head: Head,
        counts: &[usize],
        device: Device,
    ) -> Result<Self, StageError> {
        let weights = match &settings.class_weights {
            None => None,
            Some(weights) => {
                let weights: Vec<f32> =
                    numbers(weights, counts)?.iter().map(|&weight| weight as f32).collect();
                Some(Tensor::f_from_slice(&weights)?.f_to_device(device)?)
            }
        };
        Ok(Self { head, smoothing: settings.smoothing, focal: settings.focal, weights })
    }

    /// Returns the loss by which nothing is trained: without weights, smoothing and focus, so that epochs and
    /// trainings can be compared.
    pub(in crate::ml) fn plain(head: Head) -> Self {
        Self { head, smoothing: 0.0, focal: None, weights: None }
    }

    /// Returns the mean over the batch of `[batch, outputs]`, with weights `sum w l / sum w`.
    pub(in crate::ml) fn of(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor, StageError> {
        let weights = self.weights.as_ref();
        Ok(match (self.head, self.focal) {
            (Head::Coral, _) => coral(logits, labels)?,
            (Head::Softmax, None) => {
                let (mean, smoothing) = (Reduction::Mean, self.smoothing);
                logits.f_cross_entropy_loss(labels, weights, mean, -100, smoothing)?
            }
            (Head::Softmax, Some(gamma)) => focal(logits, labels, weights, gamma)?,
        })
    }
}

/// Returns a weight for each class.
fn numbers(weights: &ClassWeights, counts: &[usize]) -> Result<Vec<f64>, StageError> {
    match weights {
        ClassWeights::Rule(WeightRule::Balanced) => {
            let all: usize = counts.iter().sum();
            let weight = |count: &usize| all as f64 / (counts.len() * count.max(&1)) as f64;
            Ok(counts.iter().map(weight).collect())
        }
        ClassWeights::Each(each) if each.len() == counts.len() => Ok(each.clone()),
        ClassWeights::Each(each) => {
            let (found, expected) = (each.len(), counts.len());
            let problem = format!("`class_weights` has {found} numbers for {expected} classes");
            Err(StageError::data(problem).help("give one for each class, or write `balanced`"))
        }
    }
}

/// `-(1 - p)^gamma log p` of each label's probability `p` (Lin et al. 2017, equation 4).
fn focal(
    logits: &Tensor,
    labels: &Tensor,
    weights: Option<&Tensor>,
    gamma: f64,
) -> Result<Tensor, TchError> {
    let logs = logits.f_log_softmax(1, Kind::Float)?;
    let own = logs.f_gather(1, &labels.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?; // [batch]
    // Where a label is certain the root of a gamma below 1 has no slope: keep clear of it.
    let doubt = own.f_exp()?.f_neg()?.f_add_scalar(1.0)?.f_clamp_min(1e-7)?;
    let losses = doubt.f_pow_tensor_scalar(gamma)?.f_mul(&own)?.f_neg()?;
    match weights {
        None => losses.f_mean(Kind::Float),
        Some(weights) => {
            let weights = weights.f_index_select(0, labels)?;
            losses.f_mul(&weights)?.f_sum(Kind::Float)?.f_div(&weights.f_sum(Kind::Float)?)
        }
    }
}

/// Sum over the thresholds of the binary cross-entropy of "the label lies above it", mean over the batch (Cao et al.
/// 2020, equation 4, all thresholds of one importance).
fn coral(logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    let above = last_layer::above(labels, logits.size()[1])?;
    let losses = logits.f_binary_cross_entropy_with_logits(
        &above,
        None::<&Tensor>,
        None::<&Tensor>,
        Reduction::Sum,
    )?;
    losses.f_div_scalar(logits.size()[0] as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert;
    use proptest::proptest;
    use serde::Deserialize;

    use super::ClassWeights;
    use super::Device;
    use super::Head;
    use super::Loss;
    use super::LossSettings;
    use super::Tensor;
    use super::WeightRule;
    use super::numbers;

    /// What PyTorch, torchvision and coral-pytorch make of logits; `tests/golden/losses.py` wrote it.
    #[derive(Deserialize)]
    struct Golden {
        logits: Vec<Vec<f64>>,
        labels: Vec<i64>,
        weights: Vec<f64>,
        cases: Vec<Case>,
        binary: Vec<Binary>,
        coral: Coral,
    }

    #[derive(Deserialize)]
    struct Case {
        smoothing: f64,
        weighted: bool,
        loss: f64,
        gradient: Vec<Vec<f64>>,
    }

    /// Focal loss of two classes, the first with the logit 0.
    #[derive(Deserialize)]
    struct Binary {
        gamma: f64,
        logits: Vec<f64>,
        labels: Vec<i64>,
        loss: f64,
    }

    #[derive(Deserialize)]
    struct Coral {
        logits: Vec<Vec<f64>>,
        labels: Vec<i64>,
        loss: f64,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../tests/golden/losses.json")).unwrap()
    }

    fn rows(rows: &[Vec<f64>]) -> Tensor {
        let flat: Vec<f32> = rows.iter().flatten().map(|&number| number as f32).collect();
        Tensor::from_slice(&flat).view([rows.len() as i64, -1])
    }

    fn loss(settings: &LossSettings, head: Head, counts: &[usize]) -> Loss {
        Loss::new(settings, head, counts, Device::Cpu).unwrap()
    }

    #[track_caller]
    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
    }

    #[test]
    fn cross_entropy_with_weights_and_smoothing_is_that_of_pytorch() {
        let golden = golden();
        for case in golden.cases {
            let settings = LossSettings {
                smoothing: case.smoothing,
                class_weights: case.weighted.then(|| ClassWeights::Each(golden.weights.clone())),
                focal: None,
            };
            let logits = rows(&golden.logits).set_requires_grad(true);
            let counts = vec![1; golden.weights.len()];
            let found = loss(&settings, Head::Softmax, &counts)
                .of(&logits, &Tensor::from_slice(&golden.labels))
                .unwrap();
            assert_close(found.double_value(&[]), case.loss);
            found.backward();
            let gradients = Vec::<f32>::try_from(logits.grad().view([-1])).unwrap();
            for (found, expected) in gradients.iter().zip(case.gradient.iter().flatten()) {
                assert_close(f64::from(*found), *expected);
            }
        }
    }

    #[test]
    fn the_focal_loss_of_two_classes_is_that_of_torchvision() {
        for case in golden().binary {
            let settings = LossSettings { focal: Some(case.gamma), ..LossSettings::default() };
            let logits: Vec<Vec<f64>> = case.logits.iter().map(|&logit| vec![0.0, logit]).collect();
            let found = loss(&settings, Head::Softmax, &[1, 1])
                .of(&rows(&logits), &Tensor::from_slice(&case.labels))
                .unwrap();
            assert_close(found.double_value(&[]), case.loss);
        }
    }

    #[test]
    fn the_loss_of_ordered_classes_is_that_of_coral() {
        let Coral { logits, labels, loss: expected } = golden().coral;
        let found = loss(&LossSettings::default(), Head::Coral, &[1; 5])
            .of(&rows(&logits), &Tensor::from_slice(&labels))
            .unwrap();
        assert_close(found.double_value(&[]), expected);
    }

    #[test]
    fn a_focal_loss_without_focus_is_cross_entropy_also_with_weights() {
        let golden = golden();
        for class_weights in [None, Some(ClassWeights::Each(golden.weights.clone()))] {
            let of = |focal| {
                let class_weights = class_weights.clone();
                let settings = LossSettings { focal, class_weights, smoothing: 0.0 };
                let loss = loss(&settings, Head::Softmax, &vec![1; golden.weights.len()]);
                let labels = Tensor::from_slice(&golden.labels);
                loss.of(&rows(&golden.logits), &labels).unwrap().double_value(&[])
            };
            assert_close(of(Some(0.0)), of(None));
            assert!(of(Some(2.0)) < of(None));
        }
    }

    proptest! {
        #[test]
        fn balanced_weights_let_all_classes_count_alike(
            counts in proptest::collection::vec(1_usize..400, 2..6),
        ) {
            let weights = numbers(&ClassWeights::Rule(WeightRule::Balanced), &counts).unwrap();
            let all: usize = counts.iter().sum();
            for (weight, count) in weights.iter().zip(&counts) {
                let share = weight * *count as f64;
                prop_assert!((share - all as f64 / counts.len() as f64).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        let error = numbers(&ClassWeights::Each(vec![1.0]), &[3, 4]).unwrap_err();
        assert_eq!(error.to_string(), "`class_weights` has 1 numbers for 2 classes");
    }
}
