//! Tests of `ml` against libtorch: small, on the CPU, numbers beside their reference.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, and clippy knows only `#[test]` functions"
)]

mod chosen;
mod classifier;
mod gan_options;
mod lab;
mod options;
mod parity;
mod resume;
mod steps;
mod wgan;
