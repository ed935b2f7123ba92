//! Archives: files by name, packed into one file or, just as well, in a folder; or, in Parquet files, one a row.
//!
//! Nothing is ever unpacked to disk. Trusts nothing: names that lead out, links, and files longer than
//! they may be are refused. Does not know what the files are.

mod error;
mod folder;
mod name;
mod shard;
mod shards;
mod tarball;
mod zipped;

use std::path::Path;

use crate::files;

pub use error::Error;
pub use name::is_packed;
pub use shards::Shards;

/// Most files of an archive.
pub const MOST_MEMBERS: usize = 2_000_000;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Path inside the archive, parts joined by `/`.
    pub name: String,
    /// Size in bytes, as the archive says.
    pub size: u64,
}

/// What is done with each file: takes its number, and its content or why there is none.
pub type Work<'a> = dyn Fn(usize, Result<Vec<u8>, String>) + Sync + 'a;

/// Files by name.
pub trait Archive: Send + Sync {
    /// Returns all files, sorted by name.
    fn members(&self) -> &[Member];

    /// Reads files, which are given by their numbers in rising order, and does something with each: on
    /// rayon's threads, in any order. One that is longer than `longest` bytes has no content. An error
    /// is one of the whole archive.
    fn each(&self, wanted: &[usize], longest: u64, work: &Work<'_>) -> Result<(), Error>;
}

/// What becomes of links that lead out of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinksOut {
    /// They have no content.
    Refused,
    /// They are the files that they lead to.
    Followed,
}

/// Opens a folder, a `.zip`, a `.tar` or a `.tar.gz`; which of them, the content says. Links in packed
/// archives are never followed.
pub fn open(path: &Path, links_out: LinksOut) -> Result<Box<dyn Archive>, Error> {
    if path.is_dir() {
        return Ok(Box::new(folder::Folder::open(path, links_out)?));
    }
    let mapped = files::map(path)?;
    match mapped.get(..2) {
        Some(b"PK") => Ok(Box::new(zipped::Zip::open(path, mapped)?)),
        Some([0x1f, 0x8b]) => Ok(Box::new(tarball::Tarball::packed(path, mapped)?)),
        _ if mapped.get(257..262) == Some(b"ustar") => {
            Ok(Box::new(tarball::Tarball::plain(path, mapped)?))
        }
        _ => {
            Err(Error::broken(path, "no folder, .zip, .tar or .tar.gz: its content begins as none"))
        }
    }
}

/// Reads one file of at most `longest` bytes.
pub fn read(archive: &dyn Archive, member: usize, longest: u64) -> Result<Vec<u8>, Error> {
    let read = std::sync::Mutex::new(Err("it is not there".to_owned()));
    let keep = |_: usize, content| {
        *read.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = content;
    };
    archive.each(&[member], longest, &keep)?;
    let content = read.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    content
        .map_err(|problem| Error::Member { name: archive.members()[member].name.clone(), problem })
}

/// Sorts members by name, each with what finds it; refuses an archive that holds a name twice.
fn sorted<T>(path: &Path, mut found: Vec<(Member, T)>) -> Result<(Vec<Member>, Vec<T>), Error> {
    found.sort_by(|(one, _), (two, _)| one.name.cmp(&two.name));
    let twice = found.windows(2).find(|pair| pair[0].0.name == pair[1].0.name);
    if let Some(pair) = twice {
        return Err(Error::broken(path, format!("it holds `{}` twice", pair[0].0.name)));
    }
    Ok(found.into_iter().unzip())
}

/// Returns what is wrong with a content that is longer than it may be.
fn too_long(longest: u64) -> String {
    format!("it is longer than {longest} bytes")
}

#[cfg(test)]
mod tests;
