//! The engine: runs what a plan needs and the cache lacks, and tells what happens.
//!
//! Knows tasks, keys and the contract of kinds, but names no kind. Words are left to `cli`.

mod cause;
mod devices;
mod error;
mod event;
mod executor;
mod failure;
mod inline;
mod journal;
mod log;
mod observer;
mod options;
mod outcome;
mod outlook;
mod past;
mod process;
mod protocol;
mod receipt;
mod rerun;
mod run;
mod schedule;
mod status;
mod supply;
mod task_run;
mod teller;
mod trainings;
mod worker;
mod workers;

#[cfg(test)]
mod fake_workers;
#[cfg(test)]
mod mishaps;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
#[expect(unreachable_pub, reason = "the ports of a kind are public")]
mod toys;

pub use cause::Cause;
pub use cause::Causes;
pub use cause::Reason;
pub use cause::Remade;
pub use devices::DevicePolicy;
pub use error::Error;
pub use event::CachedBy;
pub use event::Event;
pub use event::Listener;
pub use event::SkipReason;
pub use event::TaskOutput;
pub use failure::Failure;
pub use journal::Line;
pub use options::Options;
pub use options::WorkerCommand;
pub use outcome::Ended;
pub use outcome::Outcome;
pub use outlook::Share;
pub use outlook::outlook;
pub use past::Expected;
pub use past::Past;
pub use protocol::Job;
pub use protocol::PROTOCOL;
pub use protocol::Reply;
pub use protocol::Request;
pub use receipt::Question;
pub use rerun::Rerun;
pub use rerun::Reruns;
pub use rerun::Verdict;
pub use rerun::sample;
pub use run::run;
pub use status::Status;
pub use status::pending;
pub use status::status;
pub use supply::Supplied;
pub use supply::Supplier;
pub use supply::SupplyError;
pub use supply::downloads_of;
pub use supply::supplies;
pub use trainings::HeadStart;
pub use trainings::ways;
pub use worker::serve;
