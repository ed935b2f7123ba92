//! A collection: what it is to keep and to remove, and what it removed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::digest::Digest;
use crate::store::survey::Entry;
use crate::store::survey::Folder;
use crate::store::survey::RunFolder;
use crate::store::survey::Survey;

/// What a collection keeps and what it is to remove.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Keys of records that stay.
    pub keys: BTreeSet<Digest>,
    /// Folders of checkpoints that stay, by the digest that names them.
    pub checkpoints: BTreeSet<Digest>,
    /// Whether all that this many last runs of each study used stays.
    pub keep_runs: Option<usize>,
    /// What was last used this many seconds ago, or longer, goes.
    pub older_than: Option<u64>,
    /// What was used least recently goes until the files take no more than this many bytes.
    pub max_size: Option<u64>,
    /// The time, seconds since 1970 (UTC).
    pub now: u64,
}

/// What sort of thing a victim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A record, with those of its files that no other names.
    Record,
    /// The checkpoints of a training.
    Checkpoints,
    /// A file that was fetched for a source, or what there is of it.
    Download,
    /// The journal and the logs of a run.
    Run,
}

/// Something that a collection removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Victim {
    /// What sort of thing it is.
    pub what: What,
    /// Its key, digest or name.
    pub name: String,
    /// Kind of stage, of a record.
    pub kind: Option<String>,
    /// Studies that used it, where that was noted.
    pub studies: Vec<String>,
    /// What its task was called when it was last used, where that was noted.
    pub task: Option<String>,
    /// Size of its files, bytes; content that something else shares stays on the disk.
    pub bytes: u64,
    /// When it was last used, seconds since 1970 (UTC).
    pub last_use: u64,
}

/// What a collection removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Collection {
    /// What went by name, the least recently used first.
    pub victims: Vec<Victim>,
    /// Records.
    pub records: usize,
    /// Folders of checkpoints.
    pub checkpoints: usize,
    /// Files that were fetched for sources.
    pub downloads: usize,
    /// Runs.
    pub runs: usize,
    /// Recipes that lead nowhere.
    pub recipes: usize,
    /// Stored files that no record names any more; those that none named before count too.
    pub objects: usize,
    /// Files of all sorts.
    pub files: usize,
    /// Size of all of them, bytes.
    pub bytes: u64,
    /// Chosen things that stayed, since a run had come to need them meanwhile.
    pub spared: usize,
    /// Size of the stored files, checkpoints and downloads that are left, bytes.
    pub left: u64,
    /// Size that was wished for, where what must stay takes more.
    pub missed: Option<u64>,
}

impl Collection {
    pub(super) fn count_record(&mut self, survey: &Survey, entry: &Entry) {
        self.records += 1;
        self.files += 1;
        let studies = entry.studies.iter().map(|&place| survey.study(place).to_owned()).collect();
        self.victims.push(Victim {
            what: What::Record,
            name: entry.key.to_string(),
            kind: Some(entry.kind.clone()),
            studies,
            task: entry.task.clone(),
            bytes: entry.bytes,
            last_use: entry.last_use,
        });
    }

    pub(super) fn count_object(&mut self, size: u64) {
        self.objects += 1;
        self.files += 1;
        self.bytes += size;
    }

    /// Counts a folder that goes as one.
    pub(super) fn count_folder(&mut self, what: What, folder: Folder) {
        if what == What::Download {
            self.downloads += 1;
        } else {
            self.checkpoints += 1;
        }
        self.files += folder.files;
        self.bytes += folder.bytes;
        self.victims.push(Victim {
            what,
            name: folder.digest.to_string(),
            kind: None,
            studies: Vec::new(),
            task: None,
            bytes: folder.bytes,
            last_use: folder.last_use,
        });
    }

    pub(super) fn count_run(&mut self, survey: &Survey, run: &RunFolder) {
        self.runs += 1;
        self.files += run.files;
        self.bytes += run.bytes;
        self.victims.push(Victim {
            what: What::Run,
            name: run.name.clone(),
            kind: None,
            studies: run.study.map(|place| survey.study(place).to_owned()).into_iter().collect(),
            task: None,
            bytes: run.bytes,
            last_use: run.last_use,
        });
    }

    /// Adds up what is left.
    pub(super) fn finish(&mut self, survey: &Survey, policy: &Policy) {
        let held: u64 = survey.objects.iter().map(|object| object.size).sum();
        let folders = survey.checkpoints.iter().chain(&survey.downloads);
        let folders: u64 = folders.map(|folder| folder.bytes).sum();
        let runs = self.victims.iter().filter(|victim| victim.what == What::Run);
        let runs: u64 = runs.map(|victim| victim.bytes).sum();
        self.left = (held + folders).saturating_sub(self.bytes - runs);
        self.missed = policy.max_size.filter(|&most| self.left > most);
    }
}
