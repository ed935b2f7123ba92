//! Fetching: brings one file from a server, the only code that talks to a network.
//!
//! What arrives is checked by whoever asked for it: here it is only bounded, in size, time, redirects and
//! attempts, and goes on where it broke off. Knows no manifest, no cache and no digest.

mod address;
mod client;
mod error;

pub use address::Address;
pub use client::Client;
pub use client::Limits;
pub use client::Settings;
pub use error::Error;
