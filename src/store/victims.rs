//! Victims: what a policy picks from a survey.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::store::Error;
use crate::store::Policy;
use crate::store::Store;
use crate::store::choice::Item;
use crate::store::choice::Wish;
use crate::store::choice::choose;
use crate::store::lock::Holder;
use crate::store::lock::Lock;
use crate::store::survey::RunFolder;
use crate::store::survey::Survey;

/// Age below which a file that no record names is left alone, seconds.
pub(super) const GRACE: u64 = 3600;

/// What is to go, by place in the survey.
#[derive(Debug)]
pub(super) struct Victims {
    pub(super) records: Vec<usize>,
    pub(super) checkpoints: Vec<usize>,
    pub(super) downloads: Vec<usize>,
    pub(super) runs: Vec<usize>,
}

impl Store {
    /// Picks from a survey what is to go.
    pub(super) fn victims(&self, survey: &Survey, policy: &Policy) -> Result<Victims, Error> {
        let last = policy.keep_runs.map(|count| survey.last_runs(count)).unwrap_or_default();
        if policy.keep_runs.is_some_and(|count| count > 0)
            && let (true, Some(run)) = (last.is_empty(), survey.runs.last())
        {
            return Err(Error::Silent { run: run.name.clone() });
        }
        let held = self.noted_by(&last)?;
        let is_root = |key: &Digest| {
            policy.keys.contains(key) || held.contains(key) || survey.live.contains(key)
        };
        let records = survey.records.iter().map(|entry| Item {
            is_root: is_root(&entry.key),
            last_use: entry.last_use,
            own: 0,
            objects: entry.objects.clone(),
        });
        let mut items: Vec<Item> = records.collect();
        for folder in survey.checkpoints.iter().chain(&survey.downloads) {
            let is_held = Lock::holder(self, folder.digest)? != Holder::Nobody;
            items.push(Item {
                is_root: is_held
                    || is_root(&folder.digest)
                    || policy.checkpoints.contains(&folder.digest),
                last_use: folder.last_use,
                own: folder.bytes,
                objects: Vec::new(),
            });
        }
        let before = policy.older_than.map(|age| policy.now.saturating_sub(age));
        let sizes: Vec<u64> = survey.objects.iter().map(|object| object.size).collect();
        let wish = Wish { before, max_size: policy.max_size };
        let chosen = choose(&items, &sizes, young_orphans(survey, policy), wish).victims;
        let (first, second) =
            (survey.records.len(), survey.records.len() + survey.checkpoints.len());
        let between = |from: usize, to: usize| {
            let part = chosen.iter().filter(move |&&at| (from..to).contains(&at));
            part.map(move |at| at - from).collect::<Vec<usize>>()
        };
        let records = between(0, first);
        let (checkpoints, downloads) = (between(first, second), between(second, usize::MAX));
        let gone: BTreeSet<usize> = records.iter().copied().collect();
        let kept = survey.records.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        let logs: BTreeSet<&str> = kept.filter_map(|(_, entry)| entry.log_in.as_deref()).collect();
        // A run goes by age; by being none of the last where nothing else decides; never for room.
        let is_over = |run: &RunFolder| match before {
            Some(before) => run.last_use <= before,
            None => policy.keep_runs.is_some() && policy.max_size.is_none(),
        };
        let mut runs: Vec<usize> = (0..survey.runs.len()).collect();
        runs.retain(|&at| {
            let run = &survey.runs[at];
            let stays = run.holder != Holder::Nobody
                || last.contains(run.name.as_str())
                || logs.contains(run.name.as_str());
            !stays && is_over(run)
        });
        runs.sort_by_key(|&at| survey.runs[at].last_use);
        Ok(Victims { records, checkpoints, downloads, runs })
    }
}

/// Returns the objects that no record names but those that are gone, by place; those that none named
/// at all only where they are no longer young.
pub(super) fn unneeded(survey: &Survey, gone: &BTreeSet<Digest>, policy: &Policy) -> Vec<u32> {
    let orphans: BTreeSet<u32> = survey.unnamed(|_| true).into_iter().collect();
    let unnamed = survey.unnamed(|entry| !gone.contains(&entry.key)).into_iter();
    let is_young = |place: u32| survey.objects[place as usize].modified + GRACE > policy.now;
    unnamed.filter(|place| !orphans.contains(place) || !is_young(*place)).collect()
}

/// Returns the size of the objects that no record names and that are too young to go.
fn young_orphans(survey: &Survey, policy: &Policy) -> u64 {
    let orphans = survey.unnamed(|_| true).into_iter().map(|place| survey.objects[place as usize]);
    let young = orphans.filter(|object| object.modified + GRACE > policy.now);
    young.map(|object| object.size).sum()
}
