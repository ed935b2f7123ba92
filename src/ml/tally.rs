//! Losses and answers added up over images, on the device until they are asked for.

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::Head;
use crate::ml::last_layer;
use crate::stage::StageError;

/// Sums over images.
#[derive(Debug)]
pub(in crate::ml) struct Tally {
    head: Head,
    loss: Tensor,
    correct: Tensor,
    images: usize,
}

impl Tally {
    /// Returns one of no image.
    pub(in crate::ml) fn new(head: Head, device: Device) -> Result<Self, StageError> {
        Ok(Self {
            head,
            loss: Tensor::f_zeros([0_i64; 0], (Kind::Double, device))?,
            correct: Tensor::f_zeros([0_i64; 0], (Kind::Int64, device))?,
            images: 0,
        })
    }

    /// Adds a batch with its mean loss.
    pub(in crate::ml) fn add(
        &mut self,
        loss: &Tensor,
        logits: &Tensor,
        labels: &Tensor,
    ) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        let images = labels.size()[0];
        let total = loss.f_to_kind(Kind::Double)?.f_mul_scalar(images as f64)?;
        let right = last_layer::answers(self.head, logits)?.f_eq_tensor(labels)?;
        let _ = self.loss.f_add_(&total)?;
        let _ = self.correct.f_add_(&right.f_sum(Kind::Int64)?)?;
        self.images += images as usize;
        Ok(())
    }

    /// Returns mean loss and accuracy.
    pub(in crate::ml) fn means(&self) -> Result<[f64; 2], StageError> {
        let images = self.images as f64;
        let correct = self.correct.f_int64_value(&[])? as f64;
        Ok([self.loss.f_double_value(&[])? / images, correct / images])
    }
}
