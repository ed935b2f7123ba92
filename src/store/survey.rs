//! A survey: what the cache holds, who used it and when last, as far as choosing needs it.
//!
//! Of each record and object it keeps a few numbers, so that a hundred thousand fit into memory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use serde::Deserialize;

use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::Store;
use crate::store::What;
use crate::store::cache::named_by_digests;
use crate::store::hold::Note;
use crate::store::hold::Notes;
use crate::store::hold::holder_of;
use crate::store::hold::lock_of;
use crate::store::hold::tell_file;
use crate::store::key;
use crate::store::layout::JOURNAL;
use crate::store::layout::digest_of_text;
use crate::store::lock::Holder;
use crate::store::lock::Lock;
use crate::store::record;

/// All that the cache holds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Stored files, by digest.
    pub(super) objects: Vec<Object>,
    /// Records, by key.
    pub(super) records: Vec<Entry>,
    /// Folders of checkpoints, by digest.
    pub(super) checkpoints: Vec<Folder>,
    /// Folders of downloads, by what was asked for.
    pub(super) downloads: Vec<Folder>,
    /// Folders of runs, by name.
    pub(super) runs: Vec<RunFolder>,
    /// Recipe -> the key that it leads to.
    pub(super) recipes: Vec<(Digest, Digest)>,
    /// Bytes and files in scratch folders.
    pub(super) scratch: (u64, usize),
    /// Bytes and number of the sightings of sources.
    pub(super) sightings: (u64, usize),
    /// Names of studies, to which the others refer by place.
    pub(super) studies: Vec<String>,
    /// Keys that live runs noted.
    pub(super) live: BTreeSet<Digest>,
    /// Reads what is noted from now on.
    pub(super) notes: Notes,
}

/// A stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// When it was written, seconds since 1970.
    pub(super) modified: u64,
}

/// A record, shortened.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Digest,
    pub(super) kind: String,
    /// When a run last used or made it, seconds since 1970.
    pub(super) last_use: u64,
    /// What it was called when it was last used, where that was noted.
    pub(super) task: Option<String>,
    /// Size of its artifacts, bytes.
    pub(super) bytes: u64,
    /// Studies that used it.
    pub(super) studies: Vec<u32>,
    /// Places of its files among the objects.
    pub(super) objects: Vec<u32>,
    /// Whether all its files are there.
    pub(super) is_whole: bool,
    /// Name of the run that has its log.
    pub(super) log_in: Option<String>,
}

/// A folder that is kept or removed as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) files: usize,
    /// When the newest file in it was written, seconds since 1970.
    pub(super) last_use: u64,
}

/// The folder of a run.
#[derive(Debug)]
pub(super) struct RunFolder {
    pub(super) name: String,
    /// Place of its study, where it noted one.
    pub(super) study: Option<u32>,
    /// When it began, seconds since 1970; when the newest file was written where it noted nothing.
    pub(super) time: u64,
    /// When it last noted or wrote something.
    pub(super) last_use: u64,
    pub(super) bytes: u64,
    pub(super) files: usize,
    /// Who holds it; of several holders the one that matters most.
    pub(super) holder: Holder,
}

/// The part of a record that a survey reads.
#[derive(Deserialize)]
struct Brief {
    key: BriefKey,
    outputs: BTreeMap<String, BriefOutput>,
    finished: u64,
    log: Option<std::path::PathBuf>,
}

#[derive(Deserialize)]
struct BriefKey {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct BriefOutput {
    digest: Digest,
    blobs: Vec<BriefBlob>,
}

#[derive(Deserialize)]
struct BriefBlob {
    size: u64,
    digest: Digest,
}

/// What the notes say of a key.
#[derive(Default)]
struct Used {
    last: u64,
    task: String,
    studies: Vec<u32>,
}

impl Survey {
    /// Surveys a cache. What is published meanwhile may be missing or seem not whole.
    pub(super) fn of(store: &Store) -> Result<Self, Error> {
        let mut survey = Self { objects: objects(store)?, ..Self::default() };
        let mut used = survey.read_runs(store)?;
        let files = store.record_files()?;
        let entries: Vec<Entry> =
            files.par_iter().filter_map(|(key, path)| entry(*key, path, &survey.objects)).collect();
        survey.records = entries;
        for entry in &mut survey.records {
            if let Some(used) = used.remove(&entry.key) {
                entry.last_use = entry.last_use.max(used.last);
                entry.task = Some(used.task);
                entry.studies = used.studies;
            }
        }
        survey.recipes = recipes(store)?;
        survey.checkpoints = folders(&store.layout.checkpoints())?;
        survey.downloads = folders(&store.layout.downloads())?;
        for folder in &mut survey.downloads {
            let noted = used.remove(&folder.digest).map_or(0, |used| used.last);
            folder.last_use = folder.last_use.max(noted);
        }
        let (bytes, files, _) = measured(&store.layout.scratches())?;
        survey.scratch = (bytes, files);
        let (bytes, files, _) = measured(&store.layout.sightings())?;
        survey.sightings = (bytes, files);
        Ok(survey)
    }

    /// Returns the name of a study.
    pub(super) fn study(&self, place: u32) -> &str {
        &self.studies[place as usize]
    }

    /// Returns the folders of one sort, downloads or checkpoints.
    pub(super) fn folders(&self, what: What) -> &[Folder] {
        if what == What::Download { &self.downloads } else { &self.checkpoints }
    }

    /// Returns the objects that none of the wanted records names, by place.
    pub(super) fn unnamed(&self, is_wanted: impl Fn(&Entry) -> bool) -> Vec<u32> {
        let mut is_named = vec![false; self.objects.len()];
        for entry in self.records.iter().filter(|entry| is_wanted(entry)) {
            entry.objects.iter().for_each(|&place| is_named[place as usize] = true);
        }
        (0..).zip(is_named).filter(|(_, is_named)| !is_named).map(|(place, _)| place).collect()
    }

    /// Returns the last runs of each study, by name.
    pub(super) fn last_runs(&self, count: usize) -> BTreeSet<&str> {
        let mut studies: BTreeMap<u32, Vec<&RunFolder>> = BTreeMap::new();
        for run in &self.runs {
            if let Some(study) = run.study {
                studies.entry(study).or_default().push(run);
            }
        }
        let mut last = BTreeSet::new();
        for runs in studies.values_mut() {
            runs.sort_by_key(|run| (run.time, &run.name));
            last.extend(runs.iter().rev().take(count).map(|run| run.name.as_str()));
        }
        last
    }

    /// Reads the folders of runs; returns what they say of each key.
    ///
    /// Notes come before locks: a run that begins in between is seen to live, and what it notes is
    /// told the next time.
    fn read_runs(&mut self, store: &Store) -> Result<BTreeMap<Digest, Used>, Error> {
        let mut used: BTreeMap<Digest, Used> = BTreeMap::new();
        let mut about: BTreeMap<String, (u32, u64, u64)> = BTreeMap::new();
        let studies = &mut self.studies;
        self.notes.tell(store, |run, _, note| match note {
            Note::Run { study, time } => {
                let known = studies.iter().position(|known| *known == study);
                let place = known.unwrap_or(studies.len());
                if known.is_none() {
                    studies.push(study);
                }
                about.insert(run.to_owned(), (place as u32, time, time));
            }
            Note::Use { key, task, time } => {
                let used = used.entry(key).or_default();
                if time >= used.last {
                    (used.last, used.task) = (time, task);
                }
                let Some((study, _, last)) = about.get_mut(run) else { return };
                *last = time.max(*last);
                if !used.studies.contains(study) {
                    used.studies.push(*study);
                }
            }
        })?;
        for name in files::names(&store.layout.runs())? {
            let folder = store.layout.runs().join(&name);
            if !is_folder(&folder) {
                continue;
            }
            let inside = files::names(&folder)?;
            if !inside.iter().any(|file| file == JOURNAL || holder_of(file).is_some()) {
                continue; // no run left this
            }
            let mut holder = Holder::Nobody;
            for file in inside {
                if let Some(text) = holder_of(&file) {
                    holder = holder.max(Lock::holder(store, lock_of(&name, text))?);
                }
            }
            let (bytes, files, newest) = measured(&folder)?;
            let about = about.get(&name);
            let study = about.map(|(study, _, _)| *study);
            let (time, last_use) = about.map_or((newest, newest), |(_, time, last)| (*time, *last));
            self.runs.push(RunFolder { name, study, time, last_use, bytes, files, holder });
        }
        let live = self.runs.iter().filter(|run| run.holder != Holder::Nobody);
        let live: BTreeSet<&str> = live.map(|run| run.name.as_str()).collect();
        self.live = store.noted_by(&live)?;
        Ok(used)
    }
}

impl Store {
    /// Returns every key that some runs noted.
    pub(super) fn noted_by(&self, runs: &BTreeSet<&str>) -> Result<BTreeSet<Digest>, Error> {
        let mut keys = BTreeSet::new();
        for run in runs {
            let folder = self.layout.runs().join(run);
            for name in files::names(&folder)?.iter().filter(|name| holder_of(name).is_some()) {
                tell_file(&folder.join(name), 0, |note| {
                    if let Note::Use { key, .. } = note {
                        keys.insert(key);
                    }
                })?;
            }
        }
        Ok(keys)
    }
}

/// Returns the digests of everything that a record names, files and lists of files.
pub(super) fn named_by(path: &Path) -> Vec<Digest> {
    read(path).map_or_else(Vec::new, |brief| {
        let outputs = brief.outputs.values();
        let all = outputs.flat_map(|output| {
            std::iter::once(output.digest).chain(output.blobs.iter().map(|blob| blob.digest))
        });
        all.collect()
    })
}

fn read(path: &Path) -> Option<Brief> {
    serde_json::from_slice(&plain::read(path, record::LONGEST).ok()?).ok()
}

/// Reads a record; one that cannot be read is a miss for everybody, and names nothing.
fn entry(key: Digest, path: &Path, objects: &[Object]) -> Option<Entry> {
    let brief = read(path)?;
    let mut places = Vec::new();
    let mut is_whole = true;
    for output in brief.outputs.values() {
        let files = output.blobs.iter().map(|blob| (blob.digest, Some(blob.size)));
        for (digest, size) in std::iter::once((output.digest, None)).chain(files) {
            match objects.binary_search_by_key(&digest, |object| object.digest) {
                Ok(place) => {
                    is_whole &= size.is_none_or(|size| size == objects[place].size);
                    places.push(place as u32);
                }
                Err(_) => is_whole = false,
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    let blobs = brief.outputs.values().flat_map(|output| &output.blobs);
    let bytes = blobs.fold(0, |sum: u64, blob| sum.saturating_add(blob.size)); // as it claims
    // …/runs/<run>/logs/<task>.log
    let run = brief.log.as_deref().and_then(|log| log.parent()?.parent()?.file_name());
    Some(Entry {
        key,
        kind: key::kind_of(brief.key.kind.as_deref()).to_owned(),
        last_use: brief.finished,
        task: None,
        bytes,
        studies: Vec::new(),
        objects: places,
        is_whole,
        log_in: run.map(|name| name.to_string_lossy().into_owned()),
    })
}

/// Lists the objects folder by folder, so that no more than one is in memory by name.
fn objects(store: &Store) -> Result<Vec<Object>, Error> {
    let root = store.layout.objects();
    let mut all = Vec::new();
    for name in files::names(&root)? {
        let folder = root.join(&name);
        if !is_folder(&folder) {
            continue;
        }
        for found in plain::walk(&folder)?.into_iter().filter(|found| found.sort == Sort::File) {
            if let Some(digest) = digest_of_text(&format!("{name}{}", found.name)) {
                all.push(Object { digest, size: found.size, modified: found.modified });
            }
        }
    }
    all.sort_unstable_by_key(|object| object.digest);
    Ok(all)
}

fn recipes(store: &Store) -> Result<Vec<(Digest, Digest)>, Error> {
    let recipes = named_by_digests(&store.layout.recipes())?.into_iter();
    Ok(recipes.filter_map(|(recipe, _)| Some((recipe, store.key_of(recipe)?))).collect())
}

/// Returns the folders that are named by digests.
fn folders(root: &Path) -> Result<Vec<Folder>, Error> {
    let mut found = Vec::new();
    for name in files::names(root)? {
        let Some(digest) = digest_of_text(&name) else { continue };
        let (bytes, files, last_use) = measured(&root.join(name))?;
        found.push(Folder { digest, bytes, files, last_use });
    }
    Ok(found)
}

fn is_folder(path: &Path) -> bool {
    plain::look(path).is_some_and(|(sort, _)| sort == Sort::Folder)
}

/// Returns the bytes and the number of files below a folder, and when the newest was written.
fn measured(folder: &Path) -> Result<(u64, usize, u64), Error> {
    let found = match plain::walk(folder) {
        Err(error) if error.is_missing() => Vec::new(),
        found => found?,
    };
    let bytes = found.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
    let newest = found.iter().map(|file| file.modified).max().unwrap_or_default();
    Ok((bytes, found.len(), newest))
}
