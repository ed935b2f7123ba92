//! The plan: a manifest made typed and complete, cell by cell, as a graph of tasks with keys.
//!
//! Knows manifests and the contract of kinds; the list of kinds is handed in. Runs nothing.

mod axes;
mod build;
mod cells;
mod change;
mod confound;
mod crossing;
mod data;
mod difference;
mod doubled;
mod given;
mod graph;
mod interpolate;
mod key;
mod leak;
mod link;
#[cfg(test)]
mod naive_proof;
mod origin;
mod own;
mod params;
mod proof;
mod select;
mod settle;
mod strand;
mod task;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toys;

pub use build::build;
pub use change::Change;
pub use change::changes;
pub use confound::Contrast;
pub use data::DataFolders;
pub use data::find_source;
pub use difference::AxisChange;
pub use difference::Difference;
pub use difference::StageChange;
pub use doubled::Doubled;
pub use given::Given;
pub use graph::to_dot;
pub use graph::to_mermaid;
pub use key::TaskKey;
pub use own::OwnChange;
pub use params::Params;
pub use select::SelectError;
pub use select::Selection;
pub use task::Axis;
pub use task::AxisValue;
pub use task::InputRef;
pub use task::Plan;
pub use task::Source;
pub use task::Task;
pub use task::TaskId;
