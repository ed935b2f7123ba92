//! The store: everything that `cache/` holds, and the only code that knows its layout.
//!
//! Objects by content, records by key, written so that a record's presence means that all it names
//! is there. Knows digests and files; does not know what a task, a key or an artifact means.

mod cache;
mod checkpoints;
mod choice;
mod collection;
mod collector;
mod downloads;
mod error;
mod gate;
mod hold;
mod key;
mod layout;
mod lease;
mod listing;
mod lock;
mod objects;
mod pulse;
mod receipts;
mod record;
mod sightings;
mod statistics;
mod survey;
mod sweep;
mod verify;
mod victims;

pub use cache::Store;
pub use collection::Collection;
pub use collection::Policy;
pub use collection::Victim;
pub use collection::What;
pub use downloads::Berth;
pub use downloads::Downloads;
pub use error::Error;
pub use gate::Gate;
pub use hold::Hold;
pub use key::Key;
pub use lease::Claim;
pub use lease::Facts;
pub use lease::Found;
pub use lease::Lease;
pub use lease::Made;
pub use listing::Blob;
pub use listing::Listing;
pub use listing::Refused;
pub use listing::TreePath;
pub use record::Output;
pub use record::Record;
pub use sightings::Seen;
pub use sightings::Sightings;
pub use statistics::AgeStatistics;
pub use statistics::KindStatistics;
pub use statistics::Pile;
pub use statistics::Statistics;
pub use statistics::StudyStatistics;
pub use verify::Damaged;
pub use verify::Missing;
pub use verify::Removed;
pub use verify::Verdict;
