//! Supply: brings files from outside that are found nowhere and whose address a manifest gives.
//!
//! Before a run, never within one: keys hold the content, so a plan is made anew once a file has come.
//! What arrives is in the cache only when its digest is the one that the manifest demands.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::digest::Digest;
use crate::engine::Event;
use crate::engine::Listener;
use crate::fetch;
use crate::fetch::Client;
use crate::files;
use crate::files::Growing;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::stage::Remote;
use crate::stage::SourceRef;
use crate::store;
use crate::store::Berth;
use crate::store::Store;

/// Time between two looks at another process that brings the same file, and between two ticks.
const LOOK: Duration = Duration::from_millis(100);

/// A file that was brought, or that another process had just brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplied {
    /// Where it lies in the cache.
    pub path: PathBuf,
    /// Digest of its content.
    pub content: Digest,
    /// Its size, bytes.
    pub bytes: u64,
}

/// Why a file was not brought.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// It did not arrive.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// It is not what the manifest asks for.
    #[error(
        "`{url}` is not the file that the manifest asks for: its {sort} is {found}, expected {expected}{page}"
    )]
    Other {
        /// Where it came from.
        url: String,
        /// `MD5` or `BLAKE3 digest`.
        sort: &'static str,
        /// The digest that it has.
        found: String,
        /// The digest that it should have.
        expected: String,
        /// What it looks like, where that explains it.
        page: &'static str,
    },
    /// The cache cannot take it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It cannot be read back.
    #[error(transparent)]
    File(#[from] files::Error),
}

impl SupplyError {
    /// Returns what to do about it, where that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Fetch(error) => error.remedy().map(str::to_owned),
            Self::Other { .. } => {
                Some("correct `url` or the digest beside it; nothing of it was kept".to_owned())
            }
            Self::Store(error) => error.remedy(),
            Self::File(_) => None,
        }
    }
}

/// Returns what some tasks need that is not at hand and may be fetched, each once.
pub fn supplies(plan: &Plan, tasks: &BTreeSet<TaskId>) -> Vec<SourceRef> {
    let mut wanted: BTreeMap<(Digest, String), SourceRef> = BTreeMap::new();
    for (id, source) in plan.missing_sources() {
        if let (true, Some(_), Some(asked)) = (tasks.contains(&id), &source.remote, source.asked())
        {
            wanted.entry((asked, source.name.clone())).or_insert(source);
        }
    }
    wanted.into_values().collect()
}

/// Returns what a plan knows downloads by that its sources may lie in.
pub fn downloads_of(plan: &Plan) -> BTreeSet<Digest> {
    let sources = plan.tasks.iter().flat_map(Task::sources_named);
    sources.filter_map(|source| source.asked()).collect()
}

/// Brings files into the cache, and tells of it.
pub struct Supplier<'a> {
    /// The cache.
    pub store: &'a Store,
    /// Asks servers.
    pub client: &'a Client,
    /// Hears what happens.
    pub listener: &'a dyn Listener,
    /// Set by the user's wish to stop.
    pub cancel: &'a AtomicBool,
}

impl Supplier<'_> {
    /// Brings one file, or waits for another process that does.
    pub fn bring(&self, source: &SourceRef) -> Result<Option<Supplied>, SupplyError> {
        let (Some(remote), Some(asked)) = (&source.remote, source.asked()) else { return Ok(None) };
        let start = Instant::now();
        let berth = self.berth(source, asked)?;
        // Whoever had the berth before may have brought it.
        if let Some(there) = self.there(source, asked)? {
            return Ok(Some(there));
        }
        let (name, url) = (source.name.clone(), remote.url.to_string());
        self.listener.hear(&Event::FetchStarted { source: name.clone(), url: url.clone() });
        let mut part = berth.part()?;
        let content = self.whole(source, remote, &mut part)?;
        let bytes = part.length();
        let path = berth.publish(&part, &source.name, content)?;
        let seconds = start.elapsed().as_secs_f64();
        self.listener.hear(&Event::Fetched { source: name, url, content, bytes, seconds });
        Ok(Some(Supplied { path, content, bytes }))
    }

    /// Takes the right to bring a file, once nobody else has it.
    fn berth(&self, source: &SourceRef, asked: Digest) -> Result<Berth<'_>, SupplyError> {
        let mut has_told = false;
        loop {
            if let Some(berth) = self.store.berth(asked)? {
                return Ok(berth);
            }
            if !has_told {
                self.listener.hear(&Event::FetchAwaited { source: source.name.clone() });
                has_told = true;
            }
            if self.cancel.load(Ordering::SeqCst) {
                return Err(fetch::Error::Cancelled.into());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Returns a download that is there and is what was asked for.
    fn there(&self, source: &SourceRef, asked: Digest) -> Result<Option<Supplied>, SupplyError> {
        let downloads = self.store.downloads();
        let Some(path) = downloads.file(asked, &source.name) else { return Ok(None) };
        let content = files::digest(&path)?;
        let expected = source.pin.or_else(|| downloads.content(asked));
        let bytes = files::size(&path)?;
        Ok((expected == Some(content)).then_some(Supplied { path, content, bytes }))
    }

    /// Brings a file to its end and checks it. One that went on from an earlier part and is wrong is
    /// brought once more from its start: the server's may be another by now.
    fn whole(
        &self,
        source: &SourceRef,
        remote: &Remote,
        part: &mut Growing,
    ) -> Result<Digest, SupplyError> {
        let mut goes_on = part.length() > 0;
        loop {
            let mut last: Option<Instant> = None;
            let mut tell = |done: u64, of: Option<u64>| {
                if last.is_none_or(|last| last.elapsed() >= LOOK) {
                    last = Some(Instant::now());
                    self.listener.hear(&Event::FetchTicked {
                        source: source.name.clone(),
                        done,
                        of,
                    });
                }
                !self.cancel.load(Ordering::SeqCst)
            };
            self.client.fetch(&remote.url, part, remote.bytes, &mut tell)?;
            let content = files::digest(part.path())?;
            let Some(wrong) = wrong(source, remote, part, content)? else { return Ok(content) };
            part.clear()?;
            if !goes_on {
                return Err(wrong);
            }
            goes_on = false;
        }
    }
}

/// Returns what a whole file has that the manifest does not ask for.
fn wrong(
    source: &SourceRef,
    remote: &Remote,
    part: &Growing,
    content: Digest,
) -> Result<Option<SupplyError>, SupplyError> {
    let page = || -> Result<&'static str, files::Error> {
        let is_page = files::map(part.path())?.trim_ascii_start().starts_with(b"<");
        Ok(if is_page { "; it looks like a web page" } else { "" })
    };
    let other = |sort, found: String, expected: String| -> Result<_, SupplyError> {
        let url = remote.url.to_string();
        Ok(Some(SupplyError::Other { url, sort, found, expected, page: page()? }))
    };
    if let Some(pin) = source.pin.filter(|pin| *pin != content) {
        return other("BLAKE3 digest", content.to_string(), pin.to_string());
    }
    let Some(expected) = source.md5 else { return Ok(None) };
    let found = files::md5(part.path())?;
    if found == expected { Ok(None) } else { other("MD5", found.to_string(), expected.to_string()) }
}
