//! A lease: the right to compute and publish what a key stands for, held by one at a time.
//!
//! Without having missed nobody gets a lease, and without a lease nobody can publish.

use std::collections::BTreeMap;
use std::path::PathBuf;

use litemap::LiteMap;
use serde_json::Value;

use crate::digest::Digest;
use crate::files;
use crate::files::Batch;
use crate::store::Error;
use crate::store::Key;
use crate::store::Output;
use crate::store::Record;
use crate::store::Store;
use crate::store::layout::FORMAT;
use crate::store::lock::Lock;
use crate::store::objects;
use crate::store::sweep;

/// What the cache answers when asked for a key.
#[derive(Debug)]
pub enum Found<'a> {
    /// The task was done before.
    Hit(Box<Record>),
    /// Nobody has done it, and nobody else may until the lease is dropped.
    Miss(Lease<'a>),
}

/// The right to publish under a key; dropping it gives it back and removes its scratch folder.
#[derive(Debug)]
pub struct Lease<'a> {
    store: &'a Store,
    key: Digest,
    scratch: PathBuf,
    _lock: Lock,
}

/// The right to go on with something that has no record of its own; dropping it gives it back.
#[derive(Debug)]
pub struct Claim<'a> {
    store: &'a Store,
    what: Digest,
    _lock: Lock,
}

impl Claim<'_> {
    /// Returns an empty folder on the cache's disk, which goes with the claim.
    pub fn folder(&self) -> Result<PathBuf, Error> {
        sweep::sweep_key(&self.store.layout, self.what)?; // left by a crash
        let folder = self.store.layout.scratch(self.what, &self.store.hearts.unique_name());
        files::create_folder(&folder)?;
        Ok(folder)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let _ = sweep::sweep_key(&self.store.layout, self.what);
    }
}

/// What a task left at one output port.
#[derive(Debug, Clone)]
pub struct Made {
    /// Folder with the artifact's files, below the lease's scratch folder.
    pub folder: PathBuf,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
}

/// What is recorded beside the outputs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Everything that decided the outputs; its digest is the lease's key.
    pub key: Key,
    /// Digest of the recipe, where it is known.
    pub recipe: Option<Digest>,
    /// Seconds that the task took.
    pub seconds: f64,
    /// Device that it ran on; absent for work inside the engine.
    pub device: Option<String>,
    /// Threads that it kept busy.
    pub threads: Option<usize>,
    /// Most memory that it took, bytes, where that was measured.
    pub memory: Option<u64>,
    /// Name of the machine, where known.
    pub machine: Option<String>,
    /// When it ended, seconds since 1970 (UTC).
    pub finished: u64,
    /// Its log; absent where nothing was said.
    pub log: Option<PathBuf>,
}

impl Facts {
    /// Returns those of a task of which nothing but its key is known.
    pub fn of(key: Key) -> Self {
        Self {
            key,
            recipe: None,
            seconds: 0.0,
            device: None,
            threads: None,
            memory: None,
            machine: None,
            finished: 0,
            log: None,
        }
    }
}

impl Store {
    /// Looks for a key, and takes the lease on it where it misses; answers nothing while somebody else
    /// has that.
    pub fn lookup(&self, key: Digest) -> Result<Option<Found<'_>>, Error> {
        if let Some(record) = self.find(key) {
            return Ok(Some(Found::Hit(Box::new(record))));
        }
        self.prepare()?;
        match Lock::try_take(self, key)? {
            Some(lock) => self.look_again(key, lock).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the right to something that has no record; answers nothing while somebody else has it.
    pub fn claim(&self, what: Digest) -> Result<Option<Claim<'_>>, Error> {
        self.prepare()?;
        let lock = Lock::try_take(self, what)?;
        Ok(lock.map(|lock| Claim { store: self, what, _lock: lock }))
    }

    /// Looks once more under the lock: whoever held it before may have published.
    fn look_again(&self, key: Digest, lock: Lock) -> Result<Found<'_>, Error> {
        if let Some(record) = self.find(key) {
            return Ok(Found::Hit(Box::new(record)));
        }
        sweep::sweep_key(&self.layout, key)?; // left by a crash, or by a holder who sleeps
        let scratch = self.layout.scratch(key, &self.hearts.unique_name());
        files::create_folder(&scratch)?;
        Ok(Found::Miss(Lease { store: self, key, scratch, _lock: lock }))
    }
}

impl Lease<'_> {
    /// Returns the key's digest.
    pub fn key(&self) -> Digest {
        self.key
    }

    /// Returns an empty folder on the cache's disk, for what the task writes.
    pub fn scratch(&self) -> &PathBuf {
        &self.scratch
    }

    /// Stores what a task made: contents first, the record last, so that whoever sees the record
    /// sees all of it, and a crash or a full disk before that publishes nothing.
    pub fn publish(self, made: &BTreeMap<String, Made>, facts: Facts) -> Result<Record, Error> {
        let layout = &self.store.layout;
        // Between a look at what is stored already and the record that names it nothing is collected.
        let _gate = self.store.pass()?;
        let mut outputs = LiteMap::new();
        let batch = Batch::default();
        for (port, made) in made {
            let blobs = objects::take_in(layout, &made.folder, &batch)?;
            let output = Output::of(blobs, made.summary.clone());
            objects::keep_list(layout, &output, &self.scratch, &batch)?;
            outputs.insert(port.clone(), output);
        }
        batch.keep()?;
        let record = Record {
            format: FORMAT,
            key: facts.key,
            recipe: facts.recipe,
            outputs,
            seconds: facts.seconds,
            device: facts.device,
            threads: facts.threads,
            memory: facts.memory,
            machine: facts.machine,
            finished: facts.finished,
            log: facts.log,
        };
        debug_assert_eq!(record.key_digest(), self.key, "the lease is on the key of the record");
        let batch = Batch::default();
        self.store.write_record(&record, self.key, &self.scratch, &batch)?;
        let noted = record.recipe.map_or(Ok(()), |recipe| {
            self.store.write_recipe(recipe, self.key, &self.scratch, &batch)
        });
        batch.keep()?; // the record is seen from now on, whatever became of the recipe
        noted.map(|()| record)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next process that writes.
        let _ = files::remove_folder(&self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::path::PathBuf;

    use serde_json::json;

    use super::Facts;
    use super::Found;
    use super::Key;
    use super::Lease;
    use super::Made;
    use crate::digest::Digest;
    use crate::files;
    use crate::files::faults;
    use crate::store::Record;
    use crate::store::Store;

    const KEY: &str = "toy";

    fn key() -> Digest {
        Digest::of_value(&KEY)
    }

    fn facts(recipe: Option<Digest>) -> Facts {
        Facts {
            recipe,
            seconds: 1.5,
            threads: Some(2),
            finished: 1_700_000_000,
            ..Facts::of(Key::of(&KEY))
        }
    }

    fn miss(store: &Store) -> Lease<'_> {
        match store.lookup(key()).unwrap() {
            Some(Found::Miss(lease)) => lease,
            other => panic!("{other:?}"),
        }
    }

    /// Writes two files, one of them with the given text, as what the port `value` gives.
    fn make(lease: &Lease<'_>, text: &str) -> BTreeMap<String, Made> {
        let folder = lease.scratch().join("value");
        files::write_scratch(&folder.join("a.txt"), text.as_bytes()).unwrap();
        files::write_scratch(&folder.join("deep/b.txt"), b"always the same").unwrap();
        BTreeMap::from([("value".to_owned(), Made { folder, summary: json!({"n": 2}) })])
    }

    fn publish(store: &Store, recipe: Option<Digest>) -> Record {
        let lease = miss(store);
        let made = make(&lease, "text");
        lease.publish(&made, facts(recipe)).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        files::walk(folder).unwrap().into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn what_was_published_is_found_by_key_and_by_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let recipe = Digest::of_bytes(b"recipe");
        assert_eq!(store.by_recipe(recipe), None);
        let record = publish(&store, Some(recipe));
        assert_eq!(store.find(key()).as_ref(), Some(&record));
        assert_eq!(store.by_recipe(recipe).as_ref(), Some(&record));
        let tree = store.tree(record.output("value").unwrap().digest).unwrap();
        assert_eq!(tree, store.files(record.output("value").unwrap()));
        assert_eq!(files::read(&tree["deep/b.txt"]).unwrap(), b"always the same");
        assert_eq!(record.output("value").unwrap().bytes, 19);
    }

    #[test]
    fn nothing_but_the_result_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, None);
        let mut names = names(folder.path());
        names.retain(|name| !name.starts_with("objects/"));
        assert_eq!(
            names,
            ["CACHEDIR.TAG".into(), "VERSION".into(), format!("records/{}.json", key())]
        );
    }

    #[test]
    fn what_a_record_names_lasts_before_the_record_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // The second finds its files there already, but not that anybody saw to it that they last.
        for name in ["first", "second"] {
            let key = Digest::of_value(&name);
            let Some(Found::Miss(lease)) = store.lookup(key).unwrap() else { panic!("{name}") };
            let made = make(&lease, "text");
            faults::watch(folder.path());
            let record = lease.publish(&made, Facts::of(Key::of(&name))).unwrap();
            let deeds = faults::seen(folder.path());
            let path = store.layout.record(key);
            let seen = deeds.iter().position(|deed| *deed == ("write", path.clone())).unwrap();
            for (object, _) in record.objects() {
                let object = store.layout.object(object);
                let named = |deed: &(&str, PathBuf)| deed.0 != "sync" && deed.1 == object;
                let named = deeds.iter().rposition(named).unwrap_or(0);
                for above in object.ancestors().skip(1).take(2) {
                    let synced = deeds.iter().rposition(|deed| *deed == ("sync", above.to_owned()));
                    assert!(synced.is_some_and(|at| named <= at && at < seen), "{name}: {deeds:?}");
                }
            }
        }
    }

    #[test]
    fn a_dropped_lease_publishes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lease = miss(&store);
        make(&lease, "text");
        drop(lease);
        assert_eq!(names(folder.path()), ["CACHEDIR.TAG", "VERSION"]);
    }

    #[test]
    fn a_failed_publication_leaves_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lease = miss(&store);
        let mut made = make(&lease, "text");
        let gone = Made { folder: lease.scratch().join("gone"), summary: json!({}) };
        made.insert("zzz".to_owned(), gone);
        let error = lease.publish(&made, facts(None)).unwrap_err().to_string();
        assert!(error.contains("gone"), "{error}");
        assert_eq!(store.find(key()), None);
        assert!(store.verify().unwrap().is_sound());
        publish(&store, None);
    }

    #[test]
    fn a_key_is_leased_to_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        let lease = miss(&one);
        assert!(two.lookup(key()).unwrap().is_none());
        let made = make(&lease, "text");
        assert!(two.lookup(key()).unwrap().is_none());
        lease.publish(&made, facts(None)).unwrap();
        let found = two.lookup(key()).unwrap();
        assert!(matches!(found, Some(Found::Hit(_))), "whoever waited finds what was published");
    }

    #[test]
    fn a_record_that_lost_a_file_is_a_miss_and_can_be_published_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = publish(&store, None);
        let lost = &store.files(record.output("value").unwrap())["a.txt"];
        files::remove_file(lost).unwrap();
        assert_eq!(store.find(key()), None);
        assert_eq!(publish(&store, None).outputs, record.outputs);
        files::remove_file(lost).unwrap();
        files::write(lost, b"longer than before").unwrap();
        assert_eq!(store.find(key()), None);
        publish(&store, None);
        assert_eq!(files::read(lost).unwrap(), b"text");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, None);
        let path = folder.path().join(format!("records/{}.json", key()));
        let text = String::from_utf8(files::read(&path).unwrap()).unwrap();
        files::write(&path, &text.as_bytes()[..text.len() / 2]).unwrap();
        assert_eq!(store.find(key()), None);
        files::write(&path, text.replace("\"format\": 1", "\"format\": 2").as_bytes()).unwrap();
        assert_eq!(store.find(key()), None);
        files::write(&path, text.as_bytes()).unwrap();
        assert!(store.find(key()).is_some());
    }

    #[test]
    fn what_a_crash_left_is_swept_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lease = miss(&store);
        make(&lease, "text");
        let dead = Digest::of_bytes(b"dead");
        let left = folder.path().join(format!("scratch/{dead}/value/half"));
        files::write(&left, b"half").unwrap();
        Store::open(folder.path()).unwrap().prepare().unwrap();
        assert!(!left.exists());
        assert!(lease.scratch().join("value/a.txt").exists());
        assert!(!folder.path().join(format!("locks/{dead}.lock")).exists());
    }

    #[test]
    fn stored_files_are_read_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        publish(&store, None);
        for found in files::walk(&folder.path().join("objects")).unwrap() {
            let rights = std::fs::metadata(&found.path).unwrap().permissions();
            assert!(rights.readonly(), "{}", found.name);
        }
    }
}
