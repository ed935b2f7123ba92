//! The one integration binary: programs and pipelines as a user meets them.
//!
//! One binary, because each is linked anew; `architecture` fails if a file beside this one is not
//! listed here.

#![expect(
    clippy::print_stdout,
    reason = "a test that has no worker or data says that it is skipped"
)]

mod architecture;
mod archive;
mod bad_input;
mod bombs;
mod commands;
mod courses;
mod docs;
mod editor;
mod exec;
mod fetch;
mod foreign;
mod garbage;
mod generated;
mod hostile;
mod hosts;
mod keys;
mod layers;
mod manifests;
mod measures;
mod memory;
mod permission;
mod pipelines;
mod preparation;
mod processes;
mod reference;
mod repeated;
mod rerun;
mod sandbox;
mod server;
mod soak;
mod source;
mod study;
mod together;
mod workers;
