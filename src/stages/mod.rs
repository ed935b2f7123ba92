//! The kinds of stages, one file each, and the list of them.
//!
//! Knows the contract and the work; does not know manifests, keys or the cache.

pub mod classic_augment;
pub mod load;
pub mod split;
#[cfg(test)]
mod trial;

use crate::stage::StageKind;

/// Every kind that manifests may name.
pub static STAGES: &[StageKind] = &[
    StageKind::of::<load::Load>(),
    StageKind::of::<split::Split>(),
    StageKind::of::<classic_augment::ClassicAugment>(),
];
