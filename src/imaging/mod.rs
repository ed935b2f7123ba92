//! Image work on the CPU: reading, resizing, transforming and drawing pixels.
//!
//! Knows pixels and file formats; does not know image sets, stages or the cache.

pub mod affine;
pub mod blur;
pub mod circle;
pub mod clahe;
pub mod color;
pub mod decode;
pub mod dicom;
pub mod elastic;
pub mod flip;
pub mod fundus;
pub mod grid;
pub mod hash;
pub mod hue;
pub mod lab;
pub mod levels;
pub mod local_average;
mod mirror;
pub mod noise;
pub mod npy;
pub mod npz;
pub mod resize;
pub mod rgb;
pub mod sharpness;
pub mod square;
pub mod window;
