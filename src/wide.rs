//! Loops over many bytes or numbers, compiled for wider registers too and run on the widest that the processor has.
//!
//! Numbers are those of the narrow loop, bit by bit: a sum is never turned into a fused one.

pub(super) use pulp::NullaryFnOnce as Work;

/// Does the work. Its `call`, and what that calls in its loop, must be `#[inline(always)]`: only what
/// ends up within this function is compiled anew.
pub(super) fn wide<W: Work>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(work)
}
