//! The kinds of stages, one file each, and the list of them.
//!
//! Knows the contract and the work; does not know manifests, keys or the cache.

mod by_image;
pub mod classic_augment;
pub mod evaluate;
pub mod evaluate_images;
pub mod exec;
mod file_name;
pub mod filter;
pub mod generate;
pub mod label;
pub mod load;
mod near_copies;
mod part_name;
mod part_notes;
mod several;
mod sheet;
pub mod split;
pub mod train_classifier;
#[cfg(test)]
mod trial;
pub mod wgan_train;

use crate::stage::StageKind;

/// Every kind that manifests may name.
pub static STAGES: &[StageKind] = &[
    StageKind::of::<load::Load>(),
    StageKind::of::<split::Split>(),
    StageKind::of::<classic_augment::ClassicAugment>(),
    StageKind::of::<wgan_train::WganTrain>(),
    StageKind::of::<generate::Generate>(),
    StageKind::of::<filter::Filter>(),
    StageKind::of::<label::Label>(),
    StageKind::of::<train_classifier::TrainClassifier>(),
    StageKind::of::<evaluate::Evaluate>(),
    StageKind::of::<evaluate_images::EvaluateImages>(),
    StageKind::of::<exec::Exec>(),
];
