//! Mishaps: each change to a file in the cache fails in turn; what is told is clear, the cache stays
//! whole, and the next run gives what an undisturbed one gives.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::digest::Digest;
use crate::engine::Outcome;
use crate::engine::rehearsal::Ear;
use crate::engine::rehearsal::options;
use crate::engine::run;
use crate::engine::toys::NUMBER;
use crate::engine::toys::SUM;
use crate::engine::toys::Sketch;
use crate::files;
use crate::files::faults;
use crate::files::faults::Fault;
use crate::plan::TaskId;
use crate::store::Policy;
use crate::store::Store;

/// Two numbers, their sum, and the double of that.
fn study() -> Sketch {
    let mut sketch = Sketch::new();
    let one = sketch.add("one", &NUMBER, &json!({"value": 3}), &[]);
    let two = sketch.add("two", &NUMBER, &json!({"value": 4}), &[]);
    let sum = sketch.add("sum", &SUM, &json!({}), &[one, two]);
    sketch.add("double", &SUM, &json!({}), &[sum, sum]);
    sketch
}

/// Returns what each task made.
fn digests(outcome: &Outcome) -> BTreeMap<TaskId, Digest> {
    let tasks = outcome.tasks.keys();
    tasks
        .filter_map(|&id| Some((id, outcome.record(id)?.output("value").unwrap().digest)))
        .collect()
}

/// Returns a folder in memory where the machine has one: what is asked is not how fast its disk syncs.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs the study; returns what each task made, and every problem that was told.
fn attempt(cache: &Path) -> (BTreeMap<TaskId, Digest>, Vec<String>) {
    let sketch = study();
    let store = Store::open(cache).unwrap();
    match run(&sketch.plan, &BTreeSet::new(), &store, &options(), &Ear::default()) {
        Err(error) => (BTreeMap::new(), vec![error.to_string()]),
        Ok(outcome) => {
            let told = outcome.failures().map(|(_, failure)| failure.problem.clone()).collect();
            (digests(&outcome), told)
        }
    }
}

#[test]
fn whichever_change_to_the_cache_fails_it_stays_whole_and_the_next_run_completes() {
    let folder = quick_folder();
    let (wanted, told) = attempt(&folder.path().join("undisturbed"));
    assert!(wanted.len() == 4 && told.is_empty(), "{told:?}");
    for fault in [Fault::Full, Fault::Short, Fault::Broken, Fault::Forbidden] {
        let mut fatal = 0;
        for after in 0.. {
            let cache = folder.path().join(format!("{fault:?}-{after}"));
            faults::set(&cache, fault, after);
            let (made, told) = attempt(&cache);
            if !faults::clear(&cache) {
                // There are not as many changes: each has failed once.
                assert!(after > 50 && fatal > 20, "{fault:?}: {after} changes, {fatal} fatal");
                break;
            }
            let at = format!("{fault:?} after {after} changes: {told:?}");
            assert!(told.len() <= 1, "one fault, one problem: {at}");
            assert_eq!(told.is_empty(), made == wanted, "{at}");
            for problem in &told {
                let place = format!("{fault:?}-{after}");
                assert!(problem.contains("cannot ") && problem.contains(&place), "{at}");
                fatal += 1;
            }
            let verdict = Store::open(&cache).unwrap().verify().unwrap();
            assert!(verdict.is_sound(), "{at}: {verdict:?}");
            let (made, told) = attempt(&cache);
            assert_eq!((made, told), (wanted.clone(), vec![]), "the run after {at}");
            assert!(Store::open(&cache).unwrap().verify().unwrap().is_sound(), "{at}");
        }
    }
}

/// Damages the largest object of a cache.
fn damage(cache: &Path) {
    let objects = files::walk(&cache.join("objects")).unwrap().into_iter();
    let largest = objects.max_by_key(|found| files::size(&found.path).unwrap()).unwrap();
    let mut bytes = files::read(&largest.path).unwrap();
    bytes[0] ^= 1;
    files::remove_file(&largest.path).unwrap();
    files::write(&largest.path, &bytes).unwrap();
}

#[test]
fn whichever_change_fails_while_garbage_goes_or_damage_is_repaired_the_cache_stays_whole() {
    let folder = quick_folder();
    let (wanted, _) = attempt(&folder.path().join("undisturbed"));
    let (last, _) = wanted.last_key_value().unwrap();
    let collect = |store: &Store| {
        let all = Policy { now: u64::MAX, older_than: Some(0), ..Policy::default() };
        store.collect(&all).map(drop).map_err(|error| error.to_string())
    };
    let repair = |store: &Store| {
        let verdict = store.verify().unwrap();
        store.repair(&verdict).map(drop).map_err(|error| error.to_string())
    };
    for name in ["collect", "repair"] {
        for fault in [Fault::Full, Fault::Broken, Fault::Forbidden] {
            for after in 0.. {
                let cache = folder.path().join(format!("{name}-{fault:?}-{after}"));
                attempt(&cache);
                if name == "repair" {
                    damage(&cache);
                }
                faults::set(&cache, fault, after);
                let store = Store::open(&cache).unwrap();
                let told = if name == "repair" { repair(&store) } else { collect(&store) };
                if !faults::clear(&cache) {
                    assert!(after > 2, "{name}: {after} changes");
                    break;
                }
                let at = format!("{name}, {fault:?} after {after} changes: {told:?}");
                let place = format!("{name}-{fault:?}-{after}");
                assert!(told.is_ok() || told.unwrap_err().contains(&place), "{at}");
                repair(&Store::open(&cache).unwrap()).unwrap();
                assert!(Store::open(&cache).unwrap().verify().unwrap().is_sound(), "{at}");
                // What nobody needs any more is not made again.
                let (made, told) = attempt(&cache);
                assert!(told.is_empty() && made.contains_key(last), "the run after {at}: {told:?}");
                assert!(made.iter().all(|(id, made)| wanted[id] == *made), "the run after {at}");
            }
        }
    }
}
