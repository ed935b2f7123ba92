//! A receipt: what a run that found everything was asked, what it read and what it found, so that the next one that is
//! asked the same need not read a manifest and plan it to see that nothing changed.
//!
//! Approach: a plan follows from the texts of its manifest, from what is found of its sources, from the arguments and
//! from the program. The digest of the last two, which whoever calls computes, names the receipt; the others are in
//! it and looked at again. A record is the one that was found then where the file system says the same of its file.
//! Whatever is otherwise, or cannot be read, leads to a plan.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::engine::CachedBy;
use crate::engine::Ended;
use crate::engine::Error;
use crate::engine::Event;
use crate::engine::Listener;
use crate::engine::Options;
use crate::engine::Outcome;
use crate::engine::journal::Journal;
use crate::engine::teller::tell_all;
use crate::manifest;
use crate::manifest::FileRead;
use crate::plan::DataFolders;
use crate::plan::Given;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::store::Store;

/// Format of a receipt. 1: first format.
const FORMAT: u32 = 1;

/// What a run was asked, read and found.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    format: u32,
    /// Name of the study.
    study: String,
    /// Files that the manifest was read from.
    files: Vec<FileRead>,
    /// What the plan took from outside.
    given: Vec<Given>,
    /// Tasks that were wanted or needed, all of them found.
    tasks: Vec<Held>,
    /// Stored files that their records need: digest and size in bytes.
    objects: Vec<(Digest, u64)>,
    /// Digest of what the file system said of the records.
    looks: Digest,
}

/// A task that was found.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    task: TaskId,
    label: String,
    key: Digest,
}

/// What a run is asked, and where it looks for what it needs from outside.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Stands for the program and all that it was told beside the texts of the manifest.
    pub digest: Digest,
    /// Where sources are looked for.
    pub folders: &'a DataFolders,
}

impl Question<'_> {
    /// Repeats a run that had nothing to do, if it still has nothing to do: tells and notes what [`run`](crate::engine::run)
    /// would. Returns whether it did; if not, that needs a plan.
    pub fn repeat(
        &self,
        store: &Store,
        options: &Options<'_>,
        listener: &dyn Listener,
    ) -> Result<bool, Error> {
        let start = Instant::now();
        let Some(receipt) = Receipt::read(store, self.digest) else { return Ok(false) };
        // Once before anything is written: a run that needs a plan might be refused by it.
        if !manifest::is_unchanged(&receipt.files)
            || !self.folders.still_have(&receipt.given)
            || !receipt.is_there(store, options.time)
        {
            return Ok(false);
        }
        let hold = store.hold(&options.run, &receipt.study, options.time)?;
        let gate = store.pass()?;
        if !receipt.is_there(store, options.time) {
            return Ok(false); // a collection came between
        }
        let uses = receipt.tasks.iter().map(|held| (held.key, held.label.as_str()));
        hold.note(&gate, uses, options.time)?;
        drop(gate);
        let journal = Journal::open(store, &options.run)?;
        let events = receipt.events(options, || start.elapsed().as_secs_f64());
        tell_all(&events, &journal, listener);
        Ok(true)
    }

    /// Keeps a receipt of a run that found all that was wanted and all above it, given the files of its manifest and the time,
    /// seconds since 1970; of any other, none.
    pub fn keep_receipt(
        &self,
        files: Vec<FileRead>,
        (plan, wanted): (&Plan, &BTreeSet<TaskId>),
        outcome: &Outcome,
        (store, time): (&Store, u64),
    ) -> Result<(), Error> {
        let all =
            if wanted.is_empty() { plan.tasks.len() } else { plan.with_ancestors(wanted).len() };
        if outcome.tasks.len() < all {
            return Ok(()); // what is missing may come back, and then a plan tells of it
        }
        let mut objects = BTreeMap::new();
        let mut tasks = Vec::with_capacity(outcome.tasks.len());
        for (&task, ended) in &outcome.tasks {
            let Ended::Cached(record) = ended else { return Ok(()) };
            objects.extend(record.objects());
            tasks.push(Held { task, label: plan.task(task).to_string(), key: record.key_digest() });
        }
        let Some(given) = self.folders.given(plan) else { return Ok(()) };
        let receipt = Receipt {
            format: FORMAT,
            study: plan.name.clone(),
            files,
            given,
            tasks,
            objects: objects.into_iter().collect(),
            looks: Digest::of_bytes(b""),
        };
        // A manifest that came through a pipe cannot be looked at again.
        let Some(looks) = receipt.looks_in(store, time) else { return Ok(()) };
        if !manifest::is_unchanged(&receipt.files) {
            return Ok(());
        }
        let receipt = Receipt { looks, ..receipt };
        let text = serde_json::to_vec(&receipt).expect("its keys are strings");
        Ok(store.keep_receipt(self.digest, &text)?)
    }
}

impl Receipt {
    /// Returns the receipt of what was asked, if there is one of this format that says nothing which a terminal
    /// would obey: caches come from elsewhere.
    fn read(store: &Store, asked: Digest) -> Option<Self> {
        let receipt: Self = serde_json::from_slice(&store.receipt(asked)?).ok()?;
        let mut names =
            receipt.tasks.iter().map(|held| &held.label).chain(std::iter::once(&receipt.study));
        let is_plain = names.all(|name| !name.contains(char::is_control));
        let says_something = !receipt.files.is_empty() && !receipt.tasks.is_empty();
        (receipt.format == FORMAT && is_plain && says_something).then_some(receipt)
    }

    /// Returns whether all that was found is there as it was.
    fn is_there(&self, store: &Store, time: u64) -> bool {
        self.looks_in(store, time) == Some(self.looks) && store.has_objects(&self.objects)
    }

    fn looks_in(&self, store: &Store, time: u64) -> Option<Digest> {
        let keys: Vec<Digest> = self.tasks.iter().map(|held| held.key).collect();
        store.looks_of_records(&keys, time)
    }

    /// Returns what a run tells that finds all tasks by their recipes.
    fn events(&self, options: &Options<'_>, seconds: impl Fn() -> f64) -> Vec<Event> {
        let start = Event::RunStarted {
            run: options.run.clone(),
            study: self.study.clone(),
            time: options.time,
            needed: self.tasks.len(),
        };
        let cached = |held: &Held| Event::Cached {
            task: held.task,
            label: held.label.clone(),
            by: CachedBy::Recipe,
        };
        let mut events: Vec<Event> =
            std::iter::once(start).chain(self.tasks.iter().map(cached)).collect();
        let (cached, seconds) = (self.tasks.len(), seconds());
        events.push(Event::RunFinished { ran: 0, cached, failed: 0, skipped: 0, seconds });
        events
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::Question;
    use super::Receipt;
    use crate::digest::Digest;
    use crate::engine::Event;
    use crate::engine::Options;
    use crate::engine::Outcome;
    use crate::engine::rehearsal::Ear;
    use crate::engine::rehearsal::options;
    use crate::engine::run;
    use crate::engine::toys::NUMBER;
    use crate::engine::toys::SUM;
    use crate::engine::toys::Sketch;
    use crate::files;
    use crate::manifest::FileRead;
    use crate::plan::DataFolders;
    use crate::plan::Plan;
    use crate::store::Policy;
    use crate::store::Store;

    /// A time at which everything that was written in a test is old.
    const LATER: u64 = 1 << 40;

    fn asked() -> Digest {
        Digest::of_bytes(b"asked")
    }

    fn later(name: &str) -> Options<'static> {
        Options { time: LATER, run: name.to_owned(), ..options() }
    }

    fn study() -> Plan {
        let mut sketch = Sketch::new();
        let one = sketch.add("one", &NUMBER, &json!({"value": 3}), &[]);
        sketch.add("sum", &SUM, &json!({"value": 2}), &[one, one]);
        sketch.plan
    }

    /// A cache beside the file that stands for a manifest.
    struct Bench {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("cache")).unwrap();
            files::write(&folder.path().join("study.yaml"), b"a study").unwrap();
            Self { folder, store }
        }

        fn manifest(&self) -> FileRead {
            let digest = Digest::of_bytes(b"a study");
            FileRead { path: self.folder.path().join("study.yaml"), digest }
        }

        /// Runs a study and keeps a receipt where there is one; returns what was told.
        fn run(&self, name: &str) -> Vec<Event> {
            let (ear, plan) = (Ear::default(), &study());
            let outcome = run(plan, &BTreeSet::new(), &self.store, &later(name), &ear).unwrap();
            self.keep(plan, &outcome, LATER);
            ear.heard()
        }

        fn keep(&self, plan: &Plan, outcome: &Outcome, time: u64) {
            let question = Question { digest: asked(), folders: &DataFolders::default() };
            let (files, all) = (vec![self.manifest()], BTreeSet::new());
            question.keep_receipt(files, (plan, &all), outcome, (&self.store, time)).unwrap();
        }

        fn repeat(&self, asked: Digest) -> Option<Vec<Event>> {
            let (ear, folders) = (Ear::default(), DataFolders::default());
            let question = Question { digest: asked, folders: &folders };
            let did = question.repeat(&self.store, &later("third"), &ear).unwrap();
            assert_eq!(ear.heard().is_empty(), !did);
            did.then(|| ear.heard())
        }

        fn first_below(&self, folder: &str) -> std::path::PathBuf {
            let found = files::walk(&self.store.folder().join(folder)).unwrap();
            found.first().expect("something lies there").path.clone()
        }
    }

    fn without_times(events: &[Event]) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::RunFinished { ran, cached, failed, skipped, .. } => {
                format!("finished {ran} {cached} {failed} {skipped}")
            }
            Event::RunStarted { study, time, needed, .. } => {
                format!("started {study} {time} {needed}")
            }
            other => format!("{other:?}"),
        };
        events.iter().map(text).collect()
    }

    #[test]
    fn what_is_told_and_noted_is_what_a_run_tells_and_notes() {
        let bench = Bench::new();
        bench.run("first");
        assert_eq!(bench.repeat(asked()), None, "a run that ran something left a receipt");
        let planned = bench.run("second");
        let repeated = bench.repeat(asked()).expect("nothing changed");
        assert_eq!(without_times(&repeated), without_times(&planned));
        assert_eq!(bench.repeat(Digest::of_bytes(b"other")), None);
        let notes = |run: &str| {
            let found = files::walk(&bench.store.folder().join("runs").join(run)).unwrap();
            let held = found.iter().find(|found| found.name.starts_with("held.")).unwrap();
            String::from_utf8(files::read(&held.path).unwrap()).unwrap()
        };
        assert_eq!(notes("second").lines().count(), 3);
        assert_eq!(notes("third"), notes("second"));
    }

    #[test]
    fn whatever_changed_needs_a_plan() {
        type Change = fn(&Bench);
        let changes: [(&str, Change); 7] = [
            ("another text", |bench| {
                files::write(&bench.manifest().path, b"A study").unwrap();
            }),
            ("no manifest", |bench| files::remove(&bench.manifest().path).unwrap()),
            ("no record", |bench| files::remove(&bench.first_below("records")).unwrap()),
            ("a record that was written again", |bench| {
                let path = bench.first_below("records");
                std::thread::sleep(std::time::Duration::from_millis(20));
                files::write(&path, &files::read(&path).unwrap()).unwrap();
            }),
            ("no content", |bench| files::remove(&bench.first_below("objects")).unwrap()),
            ("less content", |bench| {
                let path = bench.first_below("objects");
                files::remove(&path).unwrap();
                files::write(&path, b"").unwrap();
            }),
            ("a collection", |bench| {
                bench.store.collect(&Policy::default()).map(drop).unwrap();
            }),
        ];
        for (name, change) in changes {
            let bench = Bench::new();
            bench.run("first");
            bench.run("second");
            assert!(bench.repeat(asked()).is_some(), "{name}");
            change(&bench);
            assert_eq!(bench.repeat(asked()), None, "{name}");
        }
    }

    #[test]
    fn records_that_were_just_written_leave_no_receipt() {
        let bench = Bench::new();
        bench.run("first");
        let outcome =
            run(&study(), &BTreeSet::new(), &bench.store, &later("second"), &Ear::default());
        bench.keep(&study(), &outcome.unwrap(), 0);
        assert_eq!(bench.repeat(asked()), None);
    }

    #[test]
    fn a_receipt_from_elsewhere_says_nothing_that_a_terminal_obeys_and_is_of_this_format() {
        let bench = Bench::new();
        bench.run("first");
        bench.run("second");
        let sound = String::from_utf8(bench.store.receipt(asked()).unwrap()).unwrap();
        let read = |text: &str| {
            bench.store.keep_receipt(asked(), text.as_bytes()).unwrap();
            Receipt::read(&bench.store, asked()).is_some()
        };
        assert!(read(&sound));
        assert!(!read(&sound.replace("\"label\":\"sum", "\"label\":\"\\u001b[2J")));
        assert!(!read(&sound.replace("\"study\":\"", "\"study\":\"\\u009b")));
        assert!(!read(&sound.replace("\"format\":1", "\"format\":2")));
        let [first, last] = ["\"files\":[", "],\"given\":"].map(|text| sound.find(text).unwrap());
        assert!(!read(&format!("{}{}", &sound[..first + 9], &sound[last..])), "no file");
        for text in ["", "{}", &sound[..sound.len() / 2]] {
            assert!(!read(text), "{text}");
        }
        let devices = sound.replace(&bench.manifest().path.display().to_string(), "/dev/zero");
        assert!(read(&devices));
        assert_eq!(bench.repeat(asked()), None); // and the device is not read
    }
}
