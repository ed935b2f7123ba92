//! Objects: files kept by the digest of their content.

use std::path::Path;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::digest::canonical;
use crate::files;
use crate::store::Blob;
use crate::store::Error;
use crate::store::Output;
use crate::store::layout::Layout;

/// Moves all files of a folder on the cache's own disk into the objects; on all cores.
pub(super) fn take_in(layout: &Layout, folder: &Path) -> Result<Vec<Blob>, Error> {
    files::walk(folder)?.into_par_iter().map(|found| take_in_file(layout, found)).collect()
}

/// Keeps the list of an artifact's files, so that the artifact is found by its digest alone. Goes
/// through a scratch folder that is swept: what a killed process leaves there is nobody's object.
pub(super) fn keep_list(layout: &Layout, output: &Output, scratch: &Path) -> Result<(), Error> {
    let text = canonical(&output.blobs);
    let path = layout.object(output.digest);
    if !is_there(&path, text.len() as u64) {
        files::write_through(scratch, &path, text.as_bytes())?;
        files::make_read_only(&path)?;
    }
    Ok(())
}

/// Returns whether the list of an artifact's files is there and of the right size.
pub(super) fn is_listed(layout: &Layout, output: &Output) -> bool {
    is_there(&layout.object(output.digest), canonical(&output.blobs).len() as u64)
}

/// Returns whether an object is there and of the right size.
pub(super) fn is_whole(layout: &Layout, blob: &Blob) -> bool {
    is_there(&layout.object(blob.digest), blob.size)
}

fn take_in_file(layout: &Layout, found: files::Found) -> Result<Blob, Error> {
    let digest = files::digest(&found.path)?;
    let object = layout.object(digest);
    if !is_there(&object, found.size) {
        files::sync(&found.path)?;
        files::make_read_only(&found.path)?;
        files::rename(&found.path, &object)?;
    }
    Ok(Blob { path: found.name, size: found.size, digest })
}

fn is_there(path: &Path, size: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() == size)
}

/// Returns the digest that an object's two-part name stands for; nothing for what is no object,
/// such as a scratch file that an older program left.
pub(super) fn digest_of_name(name: &str) -> Option<Digest> {
    name.replacen('/', "", 1).parse().ok()
}
