//! Sweeping: clears away what dead processes left behind, scratch folders and lock files, and what no
//! process of ours ever left where work is done.

use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::files::plain::Entry;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::Store;
use crate::store::layout::Layout;
use crate::store::layout::digest_of_name;
use crate::store::lock;
use crate::store::lock::Lock;
use crate::store::pulse::LONGEST_LOCK;

/// Removes links, pipes and devices where locks and checkpoints lie, and locks that say too much:
/// whoever brought the cache put them there, and a lock is written to, a checkpoint gone on from.
pub(super) fn sweep_strangers(layout: &Layout) -> Result<(), Error> {
    for (folder, longest) in [(layout.locks(), LONGEST_LOCK), (layout.checkpoints(), u64::MAX)] {
        if plain::look(&folder).is_none() {
            continue;
        }
        let is_strange = |found: &&Entry| found.sort != Sort::File || found.size > longest;
        for stranger in plain::walk(&folder)?.iter().filter(is_strange) {
            files::remove_file(&stranger.path)?;
        }
    }
    Ok(())
}

/// Removes every scratch folder whose key nobody holds a lease on.
pub(super) fn sweep(store: &Store) -> Result<(), Error> {
    for name in files::names(&store.layout.scratches())? {
        let path = store.layout.scratches().join(name);
        let Some(key) = digest_of_name(&path) else { continue };
        if let Some(lock) = Lock::try_take(store, key)? {
            files::remove_folder(&path)?;
            drop(lock);
        }
    }
    lock::sweep(store)
}

/// Removes every scratch folder of a key; whoever calls holds the lease on it.
pub(super) fn sweep_key(layout: &Layout, key: Digest) -> Result<(), Error> {
    for name in files::names(&layout.scratches())? {
        let path = layout.scratches().join(name);
        if digest_of_name(&path) == Some(key) {
            files::remove_folder(&path)?;
        }
    }
    Ok(())
}
