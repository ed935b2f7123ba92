//! The collector: removes what nobody needs, and never what a living run relies on.
//!
//! First it surveys the cache and chooses, while runs go on. Then it shuts the gate, again and again
//! for a moment each, and removes records; and when those are gone, the files that no record names.
//! Each time it reads under the gate what was noted and published since, and spares that. Why each
//! interleaving is safe stands in `docs/decisions/0012-notes-before-use.md`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use crate::digest::Digest;
use crate::files;
use crate::store::Collection;
use crate::store::Error;
use crate::store::Policy;
use crate::store::Store;
use crate::store::What;
use crate::store::gate::Gate;
use crate::store::hold::Note;
use crate::store::hold::holder_of;
use crate::store::hold::lock_of;
use crate::store::lock::Holder;
use crate::store::lock::Lock;
use crate::store::survey::Survey;
use crate::store::survey::named_by;
use crate::store::sweep;
use crate::store::victims::unneeded;

/// Things that are removed while the gate is shut once: a run waits for no more than these.
const BATCH: usize = 4096;
/// Longest time for which a lock on another machine is watched, and the time between two looks.
const WATCH: (Duration, Duration) = (Duration::from_secs(100), Duration::from_millis(500));

impl Store {
    /// Says what a collection would remove.
    pub fn would_collect(&self, policy: &Policy) -> Result<Collection, Error> {
        let survey = Survey::of(self)?;
        let chosen = self.victims(&survey, policy)?;
        let mut told = Collection::default();
        let gone: BTreeSet<usize> = chosen.records.iter().copied().collect();
        for &at in &chosen.records {
            told.count_record(&survey, &survey.records[at]);
        }
        let keys: BTreeSet<Digest> = gone.iter().map(|&at| survey.records[at].key).collect();
        for place in unneeded(&survey, &keys, policy) {
            told.count_object(survey.objects[place as usize].size);
        }
        for (what, chosen) in
            [(What::Checkpoints, &chosen.checkpoints), (What::Download, &chosen.downloads)]
        {
            for &at in chosen {
                told.count_folder(what, survey.folders(what)[at]);
            }
        }
        for &at in &chosen.runs {
            told.count_run(&survey, &survey.runs[at]);
        }
        let kept = survey.records.iter().map(|entry| entry.key).filter(|key| !keys.contains(key));
        let kept: BTreeSet<Digest> = kept.collect();
        told.recipes = survey.recipes.iter().filter(|(_, key)| !kept.contains(key)).count();
        told.files += told.recipes;
        told.finish(&survey, policy);
        Ok(told)
    }

    /// Removes what a policy does not keep and wishes gone, and what no record leads to.
    pub fn collect(&self, policy: &Policy) -> Result<Collection, Error> {
        self.prepare()?;
        let alone = Lock::try_take(self, Digest::of_bytes(b"collection"))?;
        let alone = alone.ok_or_else(|| Error::Collecting { folder: self.folder().to_owned() })?;
        let mut survey = Survey::of(self)?;
        self.await_silence(&mut survey)?;
        let chosen = self.victims(&survey, policy)?;
        let (since, gone) = (BTreeSet::new(), BTreeSet::new());
        let mut work = Work { store: self, survey, since, gone, told: Collection::default() };
        work.remove_records(&chosen.records)?;
        work.remove_objects(policy)?;
        work.remove_recipes()?;
        work.remove_folders(What::Checkpoints, &chosen.checkpoints, policy)?;
        work.remove_folders(What::Download, &chosen.downloads, policy)?;
        work.remove_runs(&chosen.runs)?;
        sweep::sweep(self)?;
        self.forget_the_lost()?;
        self.drop_receipts()?;
        work.told.finish(&work.survey, policy);
        drop(alone);
        Ok(work.told)
    }

    /// Waits until it is known of each run on another machine whether it lives; one that does, without
    /// its lock being seen here, does not see the gate either.
    fn await_silence(&self, survey: &mut Survey) -> Result<(), Error> {
        let start = Instant::now();
        for run in survey.runs.iter_mut().filter(|run| run.holder == Holder::Felt) {
            while run.holder == Holder::Felt {
                if start.elapsed() > WATCH.0 {
                    return Err(Error::Unseen { run: run.name.clone() });
                }
                std::thread::sleep(WATCH.1);
                run.holder = self.holder(&run.name)?;
            }
        }
        Ok(())
    }

    /// Returns who holds a run.
    fn holder(&self, run: &str) -> Result<Holder, Error> {
        let mut holder = Holder::Nobody;
        for name in files::names(&self.layout.runs().join(run))? {
            if let Some(text) = holder_of(&name) {
                holder = holder.max(Lock::holder(self, lock_of(run, text))?);
            }
        }
        Ok(holder)
    }
}

/// A collection at work.
struct Work<'a> {
    store: &'a Store,
    survey: Survey,
    /// Keys that runs noted since the survey.
    since: BTreeSet<Digest>,
    /// Keys of the records that were removed.
    gone: BTreeSet<Digest>,
    told: Collection,
}

impl Work<'_> {
    /// Shuts the gate, and reads what was noted since the last time.
    fn shut(&mut self) -> Result<Gate, Error> {
        let gate = self.store.shut()?;
        let (store, since) = (self.store, &mut self.since);
        let mut fresh = BTreeMap::new();
        self.survey.notes.tell(store, |run, file, note| {
            if let Note::Use { key, .. } = note {
                since.insert(key);
            }
            fresh.insert(run.to_owned(), file.to_owned());
        })?;
        for (run, file) in fresh {
            let holder = holder_of(&file).unwrap_or_default();
            if Lock::holder(store, lock_of(&run, holder))? == Holder::Felt {
                return Err(Error::Unseen { run });
            }
        }
        Ok(gate)
    }

    fn is_spared(&self, key: Digest) -> bool {
        self.since.contains(&key) || self.survey.live.contains(&key)
    }

    fn remove_records(&mut self, chosen: &[usize]) -> Result<(), Error> {
        for batch in chosen.chunks(BATCH) {
            let gate = self.shut()?;
            for &at in batch {
                let entry = &self.survey.records[at];
                if self.is_spared(entry.key) {
                    self.told.spared += 1;
                    continue;
                }
                files::remove(&self.store.layout.record(entry.key))?;
                self.gone.insert(entry.key);
                self.told.count_record(&self.survey, entry);
            }
            drop(gate);
        }
        Ok(())
    }

    /// Removes the objects that no record names.
    fn remove_objects(&mut self, policy: &Policy) -> Result<(), Error> {
        let candidates = unneeded(&self.survey, &self.gone, policy);
        for batch in candidates.chunks(BATCH) {
            let gate = self.shut()?;
            let named = self.named_since()?;
            for &place in batch {
                let object = self.survey.objects[place as usize];
                if named.contains(&object.digest) {
                    continue;
                }
                files::remove_file(&self.store.layout.object(object.digest))?;
                self.told.count_object(object.size);
            }
            drop(gate);
        }
        Ok(())
    }

    /// Returns what records name that the survey did not see as they are now: new ones, those that were
    /// not whole and may have been made again, and those that somebody has noted since.
    fn named_since(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut named = BTreeSet::new();
        for name in files::names(&self.store.layout.records())? {
            let path = self.store.layout.records().join(name);
            let Some(key) = crate::store::layout::digest_of_name(&path) else { continue };
            let records = &self.survey.records;
            let known = records.binary_search_by_key(&key, |entry| entry.key);
            let is_as_seen = known.is_ok_and(|at| records[at].is_whole)
                && !self.gone.contains(&key)
                && !self.since.contains(&key);
            if !is_as_seen {
                named.extend(named_by(&path));
            }
        }
        Ok(named)
    }

    /// Removes recipes that lead to no record. One that is removed though it has just been noted anew
    /// costs a look by content, so no gate is shut.
    fn remove_recipes(&mut self) -> Result<(), Error> {
        for (recipe, key) in &self.survey.recipes {
            if !self.store.layout.record(*key).exists() {
                files::remove_file(&self.store.layout.recipe(*recipe))?;
                self.told.recipes += 1;
                self.told.files += 1;
            }
        }
        Ok(())
    }

    /// Removes folders that go as one.
    fn remove_folders(
        &mut self,
        what: What,
        chosen: &[usize],
        policy: &Policy,
    ) -> Result<(), Error> {
        for &at in chosen {
            let folder = self.survey.folders(what)[at];
            let gate = self.shut()?;
            let is_needed = self.is_spared(folder.digest)
                || policy.checkpoints.contains(&folder.digest)
                || policy.keys.contains(&folder.digest);
            // The training that goes on from it, or whoever brings the file, holds the lock.
            let lock = if is_needed { None } else { Lock::try_take(self.store, folder.digest)? };
            drop(gate);
            let Some(lock) = lock else {
                self.told.spared += 1;
                continue;
            };
            match what {
                What::Download => {
                    files::remove_folder(&self.store.layout.download(folder.digest))?;
                }
                _ => self.store.drop_checkpoints(folder.digest, |_| true)?,
            }
            drop(lock);
            self.told.count_folder(what, folder);
        }
        Ok(())
    }

    fn remove_runs(&mut self, chosen: &[usize]) -> Result<(), Error> {
        for &at in chosen {
            let gate = self.shut()?;
            let run = &self.survey.runs[at];
            if self.store.holder(&run.name)? != Holder::Nobody {
                self.told.spared += 1; // another of that name has begun
                continue;
            }
            files::remove_folder(&self.store.layout.runs().join(&run.name))?;
            drop(gate);
            self.told.count_run(&self.survey, run);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::Collection;
    use super::Digest;
    use super::Policy;
    use super::Store;
    use super::Survey;
    use super::Work;
    use super::files;
    use crate::files::plain;
    use crate::store::Error;
    use crate::store::Facts;
    use crate::store::Found;
    use crate::store::Key;
    use crate::store::Made;
    use crate::store::victims::GRACE;

    const NOW: u64 = 1_000_000;

    /// Nothing is kept, nothing is too young.
    fn all() -> Policy {
        Policy { now: u64::MAX, ..Policy::default() }
    }

    fn key(name: &str) -> Digest {
        Digest::of_value(&json!({"kind": "toy", "name": name}))
    }

    /// Publishes a record whose files have the given contents.
    fn publish(store: &Store, name: &str, contents: &[&str]) {
        let Some(Found::Miss(lease)) = store.lookup(key(name)).unwrap() else { panic!("{name}") };
        let folder = lease.scratch().join("value");
        for text in contents {
            files::write_scratch(&folder.join(text), text.as_bytes()).unwrap();
        }
        let made = Made { folder, summary: json!({}) };
        let facts = Facts {
            recipe: Some(Digest::of_bytes(name.as_bytes())),
            finished: NOW,
            ..Facts::of(Key::of(&json!({"kind": "toy", "name": name})))
        };
        lease.publish(&BTreeMap::from([("value".to_owned(), made)]), facts).unwrap();
    }

    fn note(store: &Store, run: &str, names: &[&str], time: u64) {
        let hold = store.hold(run, "study", time).unwrap();
        let uses = names.iter().map(|name| (key(name), *name));
        hold.note(&store.pass().unwrap(), uses, time).unwrap();
    }

    fn names_of(told: &Collection) -> Vec<&str> {
        told.victims.iter().map(|one| one.task.as_deref().unwrap_or(one.name.as_str())).collect()
    }

    fn whole(store: &Store, names: &[&str]) -> Vec<bool> {
        names.iter().map(|name| store.find(key(name)).is_some()).collect()
    }

    /// Starts a collection that has surveyed and not yet removed anything.
    fn begun(store: &Store) -> Work<'_> {
        let survey = Survey::of(store).unwrap();
        let (since, gone) = (BTreeSet::new(), BTreeSet::new());
        Work { store, survey, since, gone, told: Collection::default() }
    }

    #[test]
    fn what_nobody_needs_goes_and_content_that_is_shared_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, "old", &["a", "b"]);
        publish(&store, "new", &["b", "c"]);
        let policy = Policy { keys: BTreeSet::from([key("new")]), ..all() };
        let told = store.would_collect(&policy).unwrap();
        assert_eq!(whole(&store, &["old", "new"]), [true, true]);
        assert_eq!(store.collect(&policy).unwrap(), told);
        assert_eq!(whole(&store, &["old", "new"]), [false, true]);
        // The record, its recipe, its list of files and `a`.
        assert_eq!((told.records, told.recipes, told.objects, told.files), (1, 1, 2, 4));
        let verdict = store.verify().unwrap();
        assert!(verdict.is_sound() && verdict.orphaned.is_empty());
        assert_eq!(told.left, verdict.bytes);
        assert_eq!(store.collect(&all()).unwrap().left, 0);
    }

    #[test]
    fn the_last_runs_of_each_study_and_the_last_use_of_a_record_come_from_notes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for name in ["a", "b", "c"] {
            publish(&store, name, &[name]);
        }
        note(&store, "run-1", &["a", "b"], NOW + 10);
        note(&store, "run-2", &["b"], NOW + 20);
        note(&store, "run-3", &["c"], NOW + 30);
        let told = |policy| store.would_collect(&policy).unwrap();
        let kept = told(Policy { keep_runs: Some(2), ..all() });
        assert_eq!(names_of(&kept), ["a", "run-1"]);
        let old = told(Policy { older_than: Some(15), now: NOW + 30, ..Policy::default() });
        assert_eq!(names_of(&old), ["a", "run-1"]);
        let large = told(Policy { max_size: Some(0), keep_runs: Some(1), ..all() });
        assert_eq!(names_of(&large), ["a", "b"]);
        assert_eq!(large.missed, Some(0));
    }

    #[test]
    fn without_notes_no_run_can_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, "a", &["a"]);
        drop(store.open_journal("older").unwrap());
        let error = store.collect(&Policy { keep_runs: Some(1), ..all() }).unwrap_err();
        assert!(matches!(error, Error::Silent { run } if run == "older"));
        assert!(store.find(key("a")).is_some());
    }

    #[test]
    fn what_a_living_run_noted_stays_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (run, gc) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        for name in ["used", "other"] {
            publish(&run, name, &[name]);
        }
        let hold = run.hold("run", "study", NOW).unwrap();
        hold.note(&run.pass().unwrap(), [(key("used"), "used")].into_iter(), NOW).unwrap();
        gc.collect(&all()).unwrap();
        assert_eq!(whole(&gc, &["used", "other"]), [true, false]);
        drop(hold);
        gc.collect(&all()).unwrap();
        assert_eq!(whole(&gc, &["used", "other"]), [false, false]);
    }

    #[test]
    fn what_is_noted_after_the_survey_stays_too() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for name in ["found", "other"] {
            publish(&store, name, &[name]);
        }
        let mut work = begun(&store);
        note(&store, "run", &["found"], NOW); // begun and ended meanwhile
        work.remove_records(&[0, 1]).unwrap();
        work.remove_objects(&all()).unwrap();
        assert_eq!(whole(&store, &["found", "other"]), [true, false]);
        assert_eq!((work.told.records, work.told.spared), (1, 1));
    }

    #[test]
    fn content_that_a_publication_found_stored_is_not_taken_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, "old", &["shared"]);
        publish(&store, "again", &["same"]);
        let mut work = begun(&store);
        work.remove_records(&[0, 1]).unwrap();
        // Both records are gone, their files are not yet: one is made under another key, one again.
        publish(&store, "new", &["shared"]);
        publish(&store, "again", &["same"]);
        work.remove_objects(&all()).unwrap();
        assert_eq!(whole(&store, &["old", "new", "again"]), [false, true, true]);
        assert!(store.verify().unwrap().is_sound());
    }

    #[test]
    fn a_record_that_was_made_again_with_another_result_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, "a", &["one"]);
        publish(&store, "b", &["two"]);
        let lost = store.layout.object(Digest::of_bytes(b"one"));
        files::remove_file(&lost).unwrap();
        let mut work = begun(&store);
        let victim = work.survey.records.iter().position(|one| one.key == key("b")).unwrap();
        work.remove_records(&[victim]).unwrap();
        publish(&store, "a", &["two"]);
        work.remove_objects(&all()).unwrap();
        assert_eq!(whole(&store, &["a", "b"]), [true, false]);
    }

    #[test]
    fn a_young_file_that_no_record_names_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        drop(store.pass().unwrap());
        let stray = store.layout.object(Digest::of_bytes(b"stray"));
        files::write(&stray, b"stray").unwrap();
        let written = plain::walk(&store.layout.objects()).unwrap()[0].modified;
        let at = |now| store.collect(&Policy { now, older_than: Some(0), ..all() }).unwrap();
        assert_eq!((at(written + GRACE - 1).objects, stray.exists()), (0, true));
        assert_eq!((at(written + GRACE).objects, stray.exists()), (1, false));
    }

    #[test]
    fn checkpoints_go_like_records_but_not_from_a_training_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = |name: &str| store.checkpoints(key(name)).join("epoch-000001/state");
        let _lease = store.lookup(key("training")).unwrap();
        for name in ["dead", "kept", "training"] {
            files::write(&path(name), b"state").unwrap();
        }
        let policy = Policy { checkpoints: BTreeSet::from([key("kept")]), ..all() };
        let told = store.collect(&policy).unwrap();
        assert_eq!((told.checkpoints, told.bytes), (1, 5));
        assert_eq!(
            ["dead", "kept", "training"].map(|name| path(name).exists()),
            [false, true, true]
        );
    }

    #[test]
    fn one_collection_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        drop(store.pass().unwrap());
        let lock = super::Lock::try_take(&store, Digest::of_bytes(b"collection")).unwrap();
        assert!(matches!(store.collect(&all()), Err(Error::Collecting { .. })));
        drop(lock);
        store.collect(&all()).unwrap();
    }
}
