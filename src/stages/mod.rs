//! The kinds of stages, one file each, and the list of them.
//!
//! Knows the contract and the work; does not know manifests, keys or the cache.

pub mod split;

use crate::stage::StageKind;

/// Every kind that manifests may name.
pub static STAGES: &[StageKind] = &[StageKind::of::<split::Split>()];
