//! Passes over images: operations with ranges, from which each image draws its own numbers.
//!
//! Knows one image and one seed at a time; does not know image sets, epochs or stages. An operation
//! is one file here and one entry in the list of `pass.rs`.

mod autocontrast;
mod blur;
mod chance;
mod crop;
mod cutout;
mod elastic;
mod equalize;
mod gamma;
mod noise;
mod online;
mod operation;
mod pass;
mod posterize;
mod range;
mod sample;
mod sharpness;
mod solarize;

pub use chance::Chance;
pub use online::Online;
pub use operation::Operation;
pub use pass::Pass;
pub use pass::known;
pub use pass::of_the_study;
pub use pass::problems;
pub use range::Range;
