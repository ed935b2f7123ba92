//! With how many bits networks compute, and whether twice the same.
//!
//! Steps are always taken in single precision (`parameters.rs`); this is about convolutions and products.

use tch::Device;

use crate::ml::Exactness;
use crate::ml::Precision;
use crate::ml::libtorch;
use crate::stage::Context;
use crate::stage::StageError;

/// How many bits of a number layers compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ml) enum Bits {
    /// Single precision.
    ThirtyTwo,
    /// bfloat16: the exponents of single precision, and 8 bits.
    Sixteen,
}

/// Sets what libtorch keeps to for whatever runs next: a worker does one job after another, and none may hang on
/// what the one before it permitted.
pub(in crate::ml) fn keep_to(exactness: Exactness) -> Result<(), StageError> {
    libtorch::repeat_exactly(exactness.deterministic)?;
    Ok(libtorch::allow_tf32(exactness.precision == Precision::Tf32)?)
}

/// Sets what libtorch is to keep to on a device, tells what was chosen where the choice was left open, and
/// returns the bits of weights.
pub(in crate::ml) fn settle(
    cx: &Context<'_>,
    exactness: Exactness,
    device: Device,
) -> Result<Bits, StageError> {
    keep_to(exactness)?;
    let precision = exactness.precision;
    let is_cpu = device == Device::Cpu;
    // Processors that only have instructions for it, and no units, take as long as with single precision, or longer.
    let is_fast = !is_cpu || libtorch::multiplies_tiles()?;
    let is_rounded = match precision {
        Precision::Fp32 | Precision::Tf32 => false,
        Precision::Bf16 => true,
        Precision::Auto => is_fast,
    };
    let bits = if is_rounded { Bits::Sixteen } else { Bits::ThirtyTwo };
    match (precision, bits) {
        (Precision::Auto, Bits::Sixteen) => cx.observer.note("computes in bf16"),
        (Precision::Auto, Bits::ThirtyTwo) => {
            cx.observer.note("computes in fp32: this processor has no units for bf16");
        }
        (Precision::Bf16, _) if !is_fast => {
            cx.observer.note("this processor has no units for bf16: fp32 may be faster");
        }
        (Precision::Tf32, _) if is_cpu => cx.observer.note("tf32 is fp32 on a CPU"),
        _ => {}
    }
    Ok(bits)
}
