//! Any bytes as a record, a recipe, an artifact's list and a source's sighting in a cache: nothing panics,
//! no path leads out of the cache, nothing outside is touched, and what is repaired is sound.

#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::sync::LazyLock;

use ablate::digest::Digest;
use ablate::files;
use ablate::store::Facts;
use ablate::store::Found;
use ablate::store::Key;
use ablate::store::Made;
use ablate::store::Sightings;
use ablate::store::Store;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::json;

/// A source of which something was seen.
const SOURCE: &str = "/source";

/// A folder with a cache that holds one artifact of two files, and nothing beside it.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made").keep();
    let store = Store::open(&folder.join("cache")).expect("an empty cache");
    let key = Key::of(&json!({"kind": "toy"}));
    let Ok(Some(Found::Miss(lease))) = store.lookup(key.digest()) else {
        panic!("the cache is empty");
    };
    let made = lease.scratch().join("value");
    for (name, text) in [("a", "one"), ("deep/b", "two")] {
        files::write_scratch(&made.join(name), text.as_bytes()).expect("a file");
    }
    let made = Made { folder: made, summary: json!({"images": 2}) };
    lease.publish(&BTreeMap::from([("value".to_owned(), made)]), Facts::of(key)).expect("it is kept");
    folder
});

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    if !path.exists() {
        fs::write(path, bytes).expect("it can be written");
    }
}

/// Every path leads from a name that stays below any folder to an object of the cache.
fn check(tree: &BTreeMap<String, PathBuf>, cache: &Path) {
    for (name, path) in tree {
        assert!(path.starts_with(cache.join("objects")), "{}", path.display());
        let parts = Path::new(name).components();
        assert!(parts.clone().count() > 0 && !name.contains('\n'), "{name:?}");
        assert!(parts.into_iter().all(|part| matches!(part, Component::Normal(_))), "{name:?}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let cache = FOLDER.join("cache");
    let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let key = Digest::of_value(&value["key"]);
    let list = Digest::of_bytes(bytes).to_string();
    let object = cache.join(format!("objects/{}/{}", &list[..2], &list[2..]));
    let record = cache.join(format!("records/{key}.json"));
    let sighting = Digest::of_bytes(SOURCE.as_bytes());
    let sighting = cache.join(format!("sightings/{sighting}.jsonl"));
    let own = record.exists();
    put(&record, bytes);
    put(&cache.join(format!("recipes/{key}.json")), bytes);
    put(&object, bytes);
    put(&sighting, bytes);

    let store = Store::open_existing(&cache).expect("the version is right");
    if let Some(found) = store.find(key) {
        assert_eq!(found.key_digest(), key);
        for output in found.outputs.values() {
            check(&store.files(output), &cache);
            let tree = store.checked_tree(output.digest).expect("a hit has its files");
            assert_eq!(tree, store.files(output));
        }
    }
    let sightings = Sightings::of(&cache, 0);
    let _ = (sightings.digest(SOURCE.as_ref(), key), sightings.files(SOURCE.as_ref()));
    let _ = store.by_recipe(key);
    let _ = store.records().expect("the folder can be listed");
    let _ = store.statistics(0).expect("the folder can be counted");
    if let Ok(tree) = store.tree(Digest::of_bytes(bytes)) {
        check(&tree, &cache);
    }
    let verdict = store.verify().expect("everything can be looked at");
    store.repair(&verdict).expect("what is damaged can be removed");
    let again = store.verify().expect("everything can be looked at");
    assert!(again.is_sound(), "{again:?}");

    let beside: Vec<_> = fs::read_dir(&*FOLDER).expect("a folder").flatten().collect();
    assert_eq!(beside.len(), 1, "something lies beside the cache: {beside:?}");
    let _ = fs::remove_file(&sighting);
    let _ = fs::remove_file(&object);
    let _ = fs::remove_dir(object.parent().expect("a folder")); // stays where other objects are
    let _ = fs::remove_file(cache.join(format!("recipes/{key}.json")));
    if !own {
        let _ = fs::remove_file(&record);
    }
});
