//! Sweeping: clears away what dead processes left in the scratch folder.

use crate::files;
use crate::store::Error;
use crate::store::layout::Layout;
use crate::store::layout::digest_of_name;
use crate::store::lease::Lock;

/// Removes every scratch folder whose key nobody holds a lease on.
pub(super) fn sweep(layout: &Layout) -> Result<(), Error> {
    let Ok(entries) = std::fs::read_dir(layout.scratches()) else {
        return Ok(()); // no scratch folder, nothing to sweep
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(key) = digest_of_name(&path) else { continue };
        if let Some(lock) = Lock::try_take(layout, key)? {
            files::remove_folder(&path)?;
            drop(lock);
        }
    }
    Ok(())
}
