//! Image work on the CPU: reading, resizing, transforming and drawing pixels.
//!
//! Knows pixels and file formats; does not know image sets, stages or the cache.

pub mod npy;
