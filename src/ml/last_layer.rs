//! The last layer: a logit for each class, or CORAL's logit for each threshold between ordered classes.
//!
//! CORAL (Cao, Mirjalili and Raschka 2020) answers `P(class > k) = sigmoid(w x + b_k)` for `k` from 0 to
//! `classes - 2`: one weight for each feature, which all thresholds share, and a bias for each threshold, 0 at
//! the start. Where its biases are in order, a class above `k` is never less likely than one above `k + 1`.

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::Head;
use crate::ml::layers::Linear;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// What makes logits of features.
#[derive(Debug)]
pub(in crate::ml) struct LastLayer {
    linear: Linear,
    /// CORAL's biases, `[classes - 1]`.
    thresholds: Option<Tensor>,
}

impl LastLayer {
    /// Makes the layer `name` of a scope: `[classes, inputs]`; with CORAL `[1, inputs]`, and `classes - 1` biases.
    pub(in crate::ml) fn new(
        scope: &mut Scope<'_>,
        name: &str,
        (inputs, classes): (i64, i64),
        head: Head,
        (weight, bias): (Initial, Initial),
    ) -> Result<Self, StageError> {
        Ok(match head {
            Head::Softmax => Self {
                linear: Linear::new(scope.at(name), (inputs, classes), weight, Some(bias))?,
                thresholds: None,
            },
            Head::Coral => Self {
                linear: Linear::new(scope.at(name), (inputs, 1), weight, None)?,
                thresholds: Some(scope.at(name).trainable(
                    "bias",
                    &[classes - 1],
                    Initial::Constant(0.0),
                )?),
            },
        })
    }

    /// Maps `[batch, inputs]` to `[batch, classes]`, with CORAL to `[batch, classes - 1]`.
    pub(in crate::ml) fn forward(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let logits = self.linear.forward(features)?;
        match &self.thresholds {
            None => Ok(logits),
            Some(thresholds) => logits.f_to_kind(Kind::Float)?.f_add(thresholds),
        }
    }
}

/// Returns for each label and threshold whether the label lies above it, as 0 or 1: `[batch, thresholds]`.
pub(in crate::ml) fn above(labels: &Tensor, thresholds: i64) -> Result<Tensor, TchError> {
    let ranks = Tensor::f_arange(thresholds, (Kind::Int64, labels.device()))?;
    labels.f_unsqueeze(1)?.f_gt_tensor(&ranks)?.f_to_kind(Kind::Float)
}

/// Returns the probability of each class, `[batch, classes]`, in double precision. Thresholds of CORAL that are
/// out of order count as the lowest before them, so that no class is less likely than 0.
pub(in crate::ml) fn probabilities(head: Head, logits: &Tensor) -> Result<Tensor, TchError> {
    let logits = logits.f_to_kind(Kind::Double)?;
    match head {
        Head::Softmax => logits.f_softmax(1, Kind::Double),
        Head::Coral => {
            let (above, _) = logits.f_sigmoid()?.f_cummin(1)?; // P(class > k)
            let edge = above.f_narrow(1, 0, 1)?;
            let (all, none) = (edge.f_ones_like()?, edge.f_zeros_like()?);
            Tensor::f_cat(&[&all, &above], 1)?.f_sub(&Tensor::f_cat(&[&above, &none], 1)?)
        }
    }
}

/// Returns the most likely class of each row, `[batch]`.
pub(in crate::ml) fn answers(head: Head, logits: &Tensor) -> Result<Tensor, TchError> {
    match head {
        Head::Softmax => logits.f_argmax(1, false),
        Head::Coral => probabilities(head, logits)?.f_argmax(1, false),
    }
}

#[cfg(test)]
mod tests {
    use super::Head;
    use super::Tensor;
    use super::above;
    use super::answers;
    use super::probabilities;

    fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
        Vec::try_from(tensor).unwrap()
    }

    #[test]
    fn a_label_lies_above_the_thresholds_before_it() {
        let above = above(&Tensor::from_slice(&[0_i64, 2, 3]), 3).unwrap();
        assert_eq!(rows(&above), [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]);
    }

    #[test]
    fn ordered_classes_have_the_probability_between_their_thresholds() {
        // sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, sigmoid(-ln 3) = 1/4
        let ln3 = 3.0_f64.ln();
        let logits = Tensor::from_slice2(&[[ln3, 0.0, -ln3], [0.0, ln3, -ln3], [-ln3, -ln3, -ln3]]);
        let found = rows(&probabilities(Head::Coral, &logits).unwrap());
        let expected = [[0.25, 0.25, 0.25, 0.25], [0.5, 0.0, 0.25, 0.25], [0.75, 0.0, 0.0, 0.25]];
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        }
        let found = Vec::<i64>::try_from(answers(Head::Coral, &logits).unwrap()).unwrap();
        assert_eq!(found[1..], [0, 0]);
    }
}
