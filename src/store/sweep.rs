//! Sweeping: clears away what dead processes left behind: scratch folders and lock files.

use crate::digest::Digest;
use crate::files;
use crate::store::Error;
use crate::store::Store;
use crate::store::layout::Layout;
use crate::store::layout::digest_of_name;
use crate::store::lock;
use crate::store::lock::Lock;

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
