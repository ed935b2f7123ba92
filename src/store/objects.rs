//! Objects: files kept by the digest of their content.

use std::path::Path;
use std::path::PathBuf;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::files;
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
pub(super) fn take_in(layout: &Layout, folder: &Path) -> Result<Listing, Error> {
    let unkeepable =
        |path: &Path, problem: String| Error::Unkeepable { path: path.into(), problem };
    let found = plain::walk(folder)?;
    if let Some(odd) = found.iter().find(|found| found.sort != Sort::File) {
        return Err(unkeepable(&odd.path, format!("it is {}", odd.sort)));
    }
    let named = |found: Entry| match TreePath::try_from(found.name) {
        Ok(name) => Ok((name, found.path, found.size)),
        Err(why) => Err(unkeepable(&found.path, why.to_string())),
    };
    let found: Vec<(TreePath, PathBuf, u64)> =
        found.into_iter().map(named).collect::<Result<_, _>>()?;
    let bytes = found.iter().fold(0, |sum: u64, (_, _, size)| sum.saturating_add(*size));
    let take =
        |(name, path, size): (TreePath, PathBuf, u64)| take_in_file(layout, name, &path, size);
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
pub(super) fn keep_list(layout: &Layout, output: &Output, scratch: &Path) -> Result<(), Error> {
    let text = output.blobs.text();
    let path = layout.object(output.digest);
    if !is_sound(&path, text.len() as u64, output.digest) {
        clear_way(&path)?;
        files::write_read_only(scratch, &path, text.as_bytes())?;
    }
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

fn take_in_file(layout: &Layout, path: TreePath, file: &Path, size: u64) -> Result<Blob, Error> {
    files::part_from_other_names(file)?;
    let digest = plain::digest(file)?;
    let object = layout.object(digest);
    if !is_sound(&object, size, digest) {
        files::sync(file)?;
        files::make_read_only(file)?;
        clear_way(&object)?;
        files::rename(file, &object)?;
    }
    Ok(Blob { digest, path, size })
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
/// replaced when it is computed again.
fn is_sound(path: &Path, size: u64, content: Digest) -> bool {
    is_there(path, size) && plain::digest(path).is_ok_and(|found| found == content)
}

/// Returns the digest that an object's two-part name stands for; nothing for what is no object,
/// such as a scratch file that an older program left.
pub(super) fn digest_of_name(name: &str) -> Option<Digest> {
    digest_of_text(&name.replacen('/', "", 1))
}
