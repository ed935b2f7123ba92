//! Objects: files kept by the digest of their content.

use std::path::Path;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::files;
use crate::files::Batch;
use crate::files::plain;
use crate::files::plain::Entry;
use crate::files::plain::Sort;
use crate::store::Blob;
use crate::store::Error;
use crate::store::Listing;
use crate::store::Output;
use crate::store::layout::Layout;
use crate::store::layout::digest_of_text;
use crate::store::listing::TreePath;

/// Most files, of less than [`plain::LARGE`] together, that one core takes in alone.
const FEW: usize = 16;

/// Moves all files of a folder on the cache's own disk into the objects; on all cores. A link would
/// lead to files of somebody else, a pipe would never end: a folder that has one is refused.
pub(super) fn take_in(layout: &Layout, folder: &Path, batch: &Batch) -> Result<Listing, Error> {
    let unkeepable =
        |path: &Path, problem: String| Error::Unkeepable { path: path.into(), problem };
    let found = plain::walk(folder)?;
    if let Some(odd) = found.iter().find(|found| found.sort != Sort::File) {
        return Err(unkeepable(&odd.path, format!("it is {}", odd.sort)));
    }
    let named = |found: Entry| match TreePath::try_from(found.name.clone()) {
        Ok(name) => Ok((name, found)),
        Err(why) => Err(unkeepable(&found.path, why.to_string())),
    };
    let bytes = found.iter().fold(0, |sum: u64, found| sum.saturating_add(found.size));
    let found: Vec<(TreePath, Entry)> = found.into_iter().map(named).collect::<Result<_, _>>()?;
    let take = |(name, found): (TreePath, Entry)| take_in_file(layout, name, &found, batch);
    // For a few small files it takes longer to wake the other cores than to do it here.
    let blobs = if bytes < plain::LARGE && found.len() <= FEW {
        found.into_iter().map(take).collect::<Result<_, _>>()?
    } else {
        found.into_par_iter().map(take).collect::<Result<_, _>>()?
    };
    Listing::of(blobs).map_err(|why| unkeepable(folder, why.to_string()))
}

/// Keeps the list of an artifact's files, so that the artifact is found by its digest alone. Goes
/// through a scratch folder that is swept: what a killed process leaves there is nobody's object.
pub(super) fn keep_list(
    layout: &Layout,
    output: &Output,
    scratch: &Path,
    batch: &Batch,
) -> Result<(), Error> {
    let text = output.blobs.text();
    let path = layout.object(output.digest);
    if !found_or_cleared(&path, text.len() as u64, output.digest)? {
        batch.write_read_only(scratch, &path, text.as_bytes())?;
    }
    rely_on(&path, batch);
    Ok(())
}

/// Returns whether the list of an artifact's files is there and of the right size.
pub(super) fn is_listed(layout: &Layout, output: &Output) -> bool {
    is_there(&layout.object(output.digest), output.blobs.text().len() as u64)
}

/// Returns whether an object is there and of the right size.
pub(super) fn is_whole(layout: &Layout, blob: &Blob) -> bool {
    is_there(&layout.object(blob.digest), blob.size)
}

fn take_in_file(
    layout: &Layout,
    path: TreePath,
    file: &Entry,
    batch: &Batch,
) -> Result<Blob, Error> {
    if file.links > 1 {
        // A content of its own: what is done to it reaches none of its other names.
        files::write(&file.path, &plain::map(&file.path)?)?;
    }
    let digest = plain::digest(&file.path)?;
    let object = layout.object(digest);
    if !found_or_cleared(&object, file.size, digest)? {
        files::settle(&file.path)?;
        batch.give(&file.path, &object)?;
    }
    rely_on(&object, batch);
    Ok(Blob { digest, path, size: file.size })
}

/// Lets an object's name last, and that of its folder, whoever gave them: another may be killed before it
/// comes to that.
fn rely_on(object: &Path, batch: &Batch) {
    batch.rely_on(object);
    if let Some(folder) = object.parent() {
        batch.rely_on(folder);
    }
}

/// Removes a folder that lies where a file of the cache is to be put: only a file gives way by itself.
pub(super) fn clear_way(path: &Path) -> Result<(), Error> {
    match plain::look(path) {
        Some((Sort::Folder, _)) => Ok(files::remove_folder(path)?),
        _ => Ok(()),
    }
}

/// Returns whether a plain file of this size lies under a path.
pub(super) fn is_there(path: &Path, size: u64) -> bool {
    plain::look(path) == Some((Sort::File, size))
}

/// Returns whether a file is there with the content that it should have: what was damaged on the disk is
/// replaced when it is computed again. A folder in its place is removed.
fn found_or_cleared(path: &Path, size: u64, content: Digest) -> Result<bool, Error> {
    let is_sound = is_there(path, size) && plain::digest(path).is_ok_and(|found| found == content);
    if !is_sound {
        clear_way(path)?;
    }
    Ok(is_sound)
}

/// Returns the digest that an object's two-part name stands for; nothing for what is no object,
/// such as a scratch file that an older program left.
pub(super) fn digest_of_name(name: &str) -> Option<Digest> {
    digest_of_text(&name.replacen('/', "", 1))
}
