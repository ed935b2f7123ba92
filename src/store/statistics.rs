//! Statistics: what the cache holds and how much room it takes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::files::plain;
use crate::files::plain::Entry;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::Store;
use crate::store::objects;

/// What the records of one kind hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KindStatistics {
    /// Records.
    pub records: usize,
    /// Size of their artifacts, bytes; content that several share counts for each.
    pub bytes: u64,
}

/// What the cache holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Statistics {
    /// Records.
    pub records: usize,
    /// Stored files.
    pub objects: usize,
    /// Size of the stored files, bytes.
    pub bytes: u64,
    /// Size of the checkpoints of unfinished trainings, bytes.
    pub checkpoint_bytes: u64,
    /// Kind of stage -> what its records hold.
    pub kinds: BTreeMap<String, KindStatistics>,
}

impl Store {
    /// Counts what the cache holds.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        let mut statistics = Statistics::default();
        for record in self.records()? {
            let kind = statistics.kinds.entry(record.kind().to_owned()).or_default();
            kind.records += 1;
            kind.bytes = kind.bytes.saturating_add(record.bytes()); // as the records claim
            statistics.records += 1;
        }
        if self.layout.objects().exists() {
            let mut objects = plain::walk(&self.layout.objects())?;
            objects.retain(|found| {
                found.sort == Sort::File && objects::digest_of_name(&found.name).is_some()
            });
            statistics.objects = objects.len();
            statistics.bytes = total(&objects);
        }
        if self.layout.checkpoints().exists() {
            statistics.checkpoint_bytes = total(&plain::walk(&self.layout.checkpoints())?);
        }
        Ok(statistics)
    }
}

fn total(found: &[Entry]) -> u64 {
    found.iter().fold(0, |sum: u64, found| sum.saturating_add(found.size))
}
