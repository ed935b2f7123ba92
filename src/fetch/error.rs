//! What can go wrong on the way from a server.

use crate::fetch::Address;
use crate::files;

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answers that it does not give it.
    #[error("`{url}`: the server answers {status}{}", meaning(*.status))]
    Status {
        /// Where it was asked for.
        url: Address,
        /// Status of the answer (RFC 9110).
        status: u16,
    },
    /// It is larger than it may be.
    #[error("`{url}`: the file has {}, at most {most} expected", size(*.found))]
    TooLarge {
        /// Where it was asked for.
        url: Address,
        /// Its size as the server says it, bytes; absent where it just did not end.
        found: Option<u64>,
        /// Most bytes that it may have.
        most: u64,
    },
    /// It was sent from one address to the next, and never arrived.
    #[error("`{url}`: sent on more than {most} times")]
    Redirects {
        /// Where it was asked for first.
        url: Address,
        /// Most redirects that are followed.
        most: u32,
    },
    /// Nobody who is trusted here vouches for the server.
    #[error("`{url}`: {reason}")]
    Untrusted {
        /// Where it was asked for.
        url: Address,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// The connection failed, broke off or came to a standstill, each time it was tried.
    #[error("`{url}`: {reason}, after {done} bytes and {attempts} attempts")]
    Broken {
        /// Where it was asked for.
        url: Address,
        /// What happened last.
        reason: String,
        /// Bytes that are there.
        done: u64,
        /// Times that it was tried.
        attempts: u32,
    },
    /// The user wants to stop.
    #[error("stopped")]
    Cancelled,
    /// How to reach the network is set in a way that cannot be.
    #[error("{0}")]
    Settings(String),
    /// What arrived cannot be written.
    #[error(transparent)]
    File(#[from] files::Error),
}

impl Error {
    /// Returns what to do about it, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Status { status: 401 | 403 | 404 | 410, .. } => {
                Some("fetch it with a browser and put it beside the manifest, or correct `url`")
            }
            Self::TooLarge { .. } => {
                Some("if that is right, give the file's size in bytes with `bytes`")
            }
            Self::Untrusted { .. } => Some(
                "correct `url`; if your house has an authority of its own, name the file of its certificate in SSL_CERT_FILE",
            ),
            Self::Broken { done: 1.., .. } => {
                Some("run the command again: it goes on from what is there")
            }
            Self::Broken { .. } => Some(
                "look whether this machine reaches the server; behind a proxy, set HTTPS_PROXY",
            ),
            _ => None,
        }
    }
}

/// Returns what a status means, for those that servers of files send.
pub(super) fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => " (not permitted)",
        404 | 410 => " (not there)",
        429 => " (too many requests)",
        500..=599 => " (out of order)",
        _ => "",
    }
}

fn size(found: Option<u64>) -> String {
    found.map_or_else(|| "no end".to_owned(), |size| format!("{size} bytes"))
}
