//! Any bytes as a receipt in a cache: nothing panics, nothing is told that a terminal would obey, nothing outside
//! the cache is touched, and what is not in the cache is not told to be there.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use ablate::digest::Digest;
use ablate::engine::Event;
use ablate::engine::Listener;
use ablate::engine::Options;
use ablate::engine::Question;
use ablate::plan::DataFolders;
use ablate::store::Store;
use libfuzzer_sys::fuzz_target;

/// A folder with an empty cache in it, and nothing beside it.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made").keep();
    let store = Store::open(&folder.join("cache")).expect("an empty cache");
    drop(store.pass().expect("it can be written to"));
    folder
});

static NEVER: AtomicBool = AtomicBool::new(false);

/// Hears what is told and finds nothing to obey in it.
struct Ear;

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        if let Event::Cached { label, .. } = event {
            panic!("`{label}` is in no cache");
        }
        if let Event::RunStarted { study, .. } = event {
            assert!(!study.contains(char::is_control), "{study:?}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let cache = FOLDER.join("cache");
    let store = Store::open_existing(&cache).expect("the version is right");
    let asked = Digest::of_bytes(b"asked");
    store.keep_receipt(asked, bytes).expect("it can be written");
    let options = Options::new("run", u64::MAX >> 2, &NEVER);
    let question = Question { digest: asked, folders: &DataFolders::default() };
    question.repeat(&store, &options, &Ear).expect("a plan is needed, or not");
    let beside = fs::read_dir(&*FOLDER).expect("a folder").count();
    assert_eq!(beside, 1, "something lies beside the cache");
    let _ = fs::remove_dir_all(cache.join("runs"));
});
