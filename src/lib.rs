//! `ablate`: a declarative workflow engine for augmentation studies on medical images.
//!
//! Modules in the order of their layers; each knows only those above it. `docs/ARCHITECTURE.md`
//! explains them, `tests/it/architecture.rs` enforces them.

pub mod digest;
pub mod files;
pub mod guard;
pub mod seed;
mod wide;

pub mod archive;
pub mod fetch;
pub mod imaging;
pub mod manifest;
pub mod measure;
pub mod store;

pub mod artifact;

pub mod stage;

pub mod augment;

pub mod ml;

pub mod plan;
pub mod stages;

pub mod engine;

pub mod report;

pub mod cli;
