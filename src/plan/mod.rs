//! The plan: a manifest made typed and complete, cell by cell, as a graph of tasks with keys.
//!
//! Knows manifests and the contract of kinds; the list of kinds is handed in. Runs nothing.

mod key;
mod task;

pub use key::TaskKey;
pub use task::Axis;
pub use task::AxisValue;
pub use task::InputRef;
pub use task::Plan;
pub use task::Source;
pub use task::Task;
pub use task::TaskId;
