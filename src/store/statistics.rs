//! Statistics: what the cache holds, how much room it takes, for whom, and since when.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::store::Error;
use crate::store::Store;
use crate::store::survey::Survey;

/// What the records of one kind hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct KindStatistics {
    /// Records.
    pub records: usize,
    /// Size of their artifacts, bytes; content that several share counts for each.
    pub bytes: u64,
}

/// What a study used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct StudyStatistics {
    /// Records.
    pub records: usize,
    /// Records that no other study used.
    pub own_records: usize,
    /// Size of their files, bytes; content that several of them share counts once.
    pub bytes: u64,
    /// Size of those files that no other study used, bytes: what would be free without this study.
    pub own_bytes: u64,
    /// When it last used any of them, seconds since 1970 (UTC).
    pub last_use: u64,
}

/// What was last used in some stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AgeStatistics {
    /// Longest time since the last use, days; absent for what is older than all others.
    pub days: Option<u64>,
    /// Records.
    pub records: usize,
    /// Size of their files, bytes; content that several share counts once, where it was last used.
    pub bytes: u64,
}

/// Files that are counted and not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pile {
    /// How many there are.
    pub count: usize,
    /// Size, bytes.
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
    /// Size of the checkpoints, bytes.
    pub checkpoint_bytes: u64,
    /// Kind of stage -> what its records hold.
    pub kinds: BTreeMap<String, KindStatistics>,
    /// Study -> what it used, as far as its runs noted it.
    pub studies: BTreeMap<String, StudyStatistics>,
    /// What no run noted that it used.
    pub unnoted: KindStatistics,
    /// By time since the last use, the latest first.
    pub ages: Vec<AgeStatistics>,
    /// Folders of checkpoints.
    pub checkpoints: Pile,
    /// Journals and logs, by run.
    pub runs: Pile,
    /// Stored files that no record names; part of `objects`.
    pub orphans: Pile,
    /// Files that are being made, or that dead processes left.
    pub scratch: Pile,
    /// What is known of sources that were read before.
    pub sightings: Pile,
    /// Files that were fetched for sources.
    pub downloads: Pile,
}

/// Bounds between ages, days.
const AGES: [u64; 4] = [1, 7, 30, 91];
const DAY: u64 = 86_400;

impl Store {
    /// Counts what the cache holds, given the time, seconds since 1970 (UTC).
    pub fn statistics(&self, now: u64) -> Result<Statistics, Error> {
        let survey = Survey::of(self)?;
        let mut statistics = Statistics {
            records: survey.records.len(),
            objects: survey.objects.len(),
            bytes: survey.objects.iter().map(|object| object.size).sum(),
            ages: ages(&survey, now),
            studies: studies(&survey),
            scratch: Pile { bytes: survey.scratch.0, count: survey.scratch.1 },
            sightings: Pile { bytes: survey.sightings.0, count: survey.sightings.1 },
            ..Statistics::default()
        };
        for entry in &survey.records {
            let kind = statistics.kinds.entry(entry.kind.clone()).or_default();
            let unnoted = entry.studies.is_empty().then_some(&mut statistics.unnoted);
            for held in std::iter::once(kind).chain(unnoted) {
                held.records += 1;
                held.bytes += entry.bytes;
            }
        }
        for folder in &survey.checkpoints {
            statistics.checkpoints.add(folder.bytes);
        }
        statistics.checkpoint_bytes = statistics.checkpoints.bytes;
        for folder in &survey.downloads {
            statistics.downloads.add(folder.bytes);
        }
        for run in &survey.runs {
            statistics.runs.add(run.bytes);
        }
        for place in survey.unnamed(|_| true) {
            statistics.orphans.add(survey.objects[place as usize].size);
        }
        Ok(statistics)
    }
}

impl Pile {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Counts by time since the last use. An object is as old as the latest use of a record that names it.
fn ages(survey: &Survey, now: u64) -> Vec<AgeStatistics> {
    let mut last = vec![None; survey.objects.len()];
    let bounds = AGES.into_iter().map(Some).chain([None]);
    let mut ages: Vec<AgeStatistics> =
        bounds.map(|days| AgeStatistics { days, ..AgeStatistics::default() }).collect();
    let age = |time: u64| AGES.partition_point(|days| now.saturating_sub(time) >= days * DAY);
    for entry in &survey.records {
        ages[age(entry.last_use)].records += 1;
        for &place in &entry.objects {
            let last = &mut last[place as usize];
            *last = Some(entry.last_use).max(*last);
        }
    }
    for (object, last) in survey.objects.iter().zip(last) {
        if let Some(last) = last {
            ages[age(last)].bytes += object.size;
        }
    }
    ages
}

/// Counts by study: everything that it used, and what it alone used.
fn studies(survey: &Survey) -> BTreeMap<String, StudyStatistics> {
    /// Where nobody has used an object yet, and where several have.
    const NOBODY: u32 = u32::MAX;
    const SEVERAL: u32 = u32::MAX - 1;
    /// Stands for all that no run noted.
    const UNNOTED: u32 = u32::MAX - 2;
    let mut owners = vec![NOBODY; survey.objects.len()];
    let mut used: Vec<Vec<usize>> = vec![Vec::new(); survey.studies.len()];
    for (at, entry) in survey.records.iter().enumerate() {
        entry.studies.iter().for_each(|&study| used[study as usize].push(at));
        let owner = match entry.studies.as_slice() {
            [] => UNNOTED,
            [study] => *study,
            _ => SEVERAL,
        };
        for &place in &entry.objects {
            let known = &mut owners[place as usize];
            *known = if *known == NOBODY || *known == owner { owner } else { SEVERAL };
        }
    }
    let mut counted = vec![NOBODY; survey.objects.len()];
    let mut studies = BTreeMap::new();
    for (study, records) in (0..).zip(used) {
        let mut held = StudyStatistics { records: records.len(), ..StudyStatistics::default() };
        for entry in records.into_iter().map(|at| &survey.records[at]) {
            held.own_records += usize::from(entry.studies.len() == 1);
            for place in entry.objects.iter().map(|&place| place as usize) {
                if counted[place] != study {
                    counted[place] = study;
                    held.bytes += survey.objects[place].size;
                    if owners[place] == study {
                        held.own_bytes += survey.objects[place].size;
                    }
                }
            }
        }
        let runs = survey.runs.iter().filter(|run| run.study == Some(study));
        held.last_use = runs.map(|run| run.last_use).max().unwrap_or_default();
        studies.insert(survey.study(study).to_owned(), held);
    }
    studies
}
