//! Files: the only code that writes, renames or removes any.
//!
//! Whatever is written appears whole or not at all: scratch file on the same disk, sync, rename,
//! sync of the folder. Knows nothing of the cache's layout or of what the files mean.

use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::digest::Digest;
use crate::digest::Md5;

mod batch;
mod found;
mod growing;
mod look;
mod name;
mod placed;
pub mod plain;
mod unpacking;

pub use batch::Batch;
pub use found::Found;
pub use found::walk;
pub use growing::Growing;
pub use look::Look;
pub use name::file_name;
pub use placed::Placed;
pub use unpacking::MOST_FOR_ONE;
pub use unpacking::most_unpacked;

#[cfg(test)]
pub(crate) mod faults;

/// Rights of a new file, of which the user's mask takes some away.
const RIGHTS: u32 = 0o666;
/// Rights of one that nobody may write.
const READ_ONLY: u32 = 0o444;

/// A file operation that failed, with what was tried and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}", path.display())]
pub struct Error {
    /// What was tried, as a verb: `read`, `write`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

impl Error {
    /// Returns whether the disk or the user's quota is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    /// Returns whether what lies there is nothing that is read: no plain file, or a longer one than expected.
    pub fn is_strange(&self) -> bool {
        self.source.kind() == io::ErrorKind::InvalidInput
    }

    /// Returns whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// A file mapped into memory; derefs to its bytes.
#[derive(Debug)]
pub struct Mapped(Option<memmap2::Mmap>);

impl Mapped {
    fn of(file: &fs::File, size: u64, path: &Path) -> Result<Self, Error> {
        if size == 0 {
            return Ok(Self(None)); // an empty file cannot be mapped
        }
        #[expect(
            unsafe_code,
            reason = "mapping is how large images are read; objects are read-only"
        )]
        let map = attempt("map", path, || unsafe { memmap2::Mmap::map(file) })?;
        Ok(Self(Some(map)))
    }
}

impl std::ops::Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Does one thing to a file, and says what and where if it fails. Tests let it fail here.
fn attempt<T>(
    action: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T>,
) -> Result<T, Error> {
    #[cfg(test)]
    let work = || match faults::next(action, path) {
        Some(fault) => Err(fault.into()),
        None => work(),
    };
    work().map_err(|source| Error { action, path: path.to_owned(), source })
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    attempt("read", path, || fs::read(path))
}

/// Reads a file up to a number of bytes.
pub fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    attempt("read", path, || {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// Maps a file into memory. The file must not shrink meanwhile: stored objects never change.
pub fn map(path: &Path) -> Result<Mapped, Error> {
    let file = attempt("open", path, || fs::File::open(path))?;
    let size = attempt("look at", path, || file.metadata())?.len();
    Mapped::of(&file, size, path)
}

/// Returns the BLAKE3 digest of a file's content, hashed on all cores.
pub fn digest(path: &Path) -> Result<Digest, Error> {
    let mut hasher = blake3::Hasher::new();
    attempt("hash", path, || hasher.update_mmap_rayon(path).map(drop))?;
    Ok(hasher.finalize().into())
}

/// Returns the MD5 digest of a file's content.
pub fn md5(path: &Path) -> Result<Md5, Error> {
    Ok(Md5::of_bytes(&map(path)?))
}

/// Returns the names in a folder, sorted; none where there is no folder.
pub fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => attempt("list", folder, || entries)?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        attempt("list", folder, || Ok(entry?.file_name().to_string_lossy().into_owned()))
    };
    let mut names: Vec<String> = entries.map(name).collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}

/// Returns the size of a file, bytes.
pub fn size(path: &Path) -> Result<u64, Error> {
    Ok(attempt("look at", path, || fs::metadata(path))?.len())
}

/// Copies a file into a scratch folder and lets it be run: rights are not part of any content.
pub fn copy_executable(from: &Path, to: &Path) -> Result<(), Error> {
    write_scratch(to, &map(from)?)?;
    let mut rights = attempt("look at", to, || fs::metadata(to))?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    attempt("write", to, || fs::set_permissions(to, rights))
}

/// Lets a path in a scratch folder lead to a file elsewhere.
pub fn point(to: &Path, path: &Path) -> Result<(), Error> {
    within("link", path, || std::os::unix::fs::symlink(to, path))
}

/// Writes a file whole or not at all, and makes it last through a power cut.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let batch = Batch::default();
    batch.write(parent(path), path, bytes)?;
    batch.keep()
}

/// Does what [`write()`] does with parts that follow each other, so that the whole is never in memory.
pub fn write_parts(path: &Path, parts: impl Iterator<Item = Vec<u8>>) -> Result<(), Error> {
    let batch = Batch::default();
    batch.fill(batch.scratch(parent(path), RIGHTS)?, path, |scratch, file| {
        let mut writer = io::BufWriter::new(file);
        for part in parts {
            attempt("write", scratch, || writer.write_all(&part))?;
        }
        attempt("write", scratch, || writer.into_inner().map_err(io::IntoInnerError::into_error))
    })?;
    batch.keep()
}

/// Writes a new file without the care of [`write()`]: for scratch folders that are published whole.
pub fn write_scratch(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let file = within("write", path, || options.open(path))?;
    put(path, file, bytes).map(drop)
}

/// Opens a plain file for reading and writing, where there is one. No link is followed, no pipe waited
/// for.
pub fn open_if_there(path: &Path) -> Result<Option<fs::File>, Error> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    attempt("open", path, || match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.and_then(plain::only).map(Some),
    })
}

/// Creates an empty file in a folder, under a name that nobody else uses.
pub fn create_scratch(folder: &Path) -> Result<(PathBuf, fs::File), Error> {
    in_folder(folder, create_folder, || create_named(folder, RIGHTS, scratch_name))
}

/// Puts bytes in the place of an opened file's content, without the care of [`write()`].
pub fn overwrite(path: &Path, file: &fs::File, bytes: &[u8]) -> Result<(), Error> {
    attempt("write", path, || {
        file.write_all_at(bytes, 0)?; // whoever reads meanwhile sees no gap
        let length = bytes.len() as u64;
        if file.metadata()?.len() == length { Ok(()) } else { file.set_len(length) }
    })
}

/// Gives a file a second name on the same file system; answers whether that name was free.
pub fn link(from: &Path, to: &Path) -> Result<bool, Error> {
    attempt("create", to, || match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        made => made.map(|()| true),
    })
}

/// Adds bytes at the end of a file that [`append()`] opened.
pub fn add(path: &Path, mut file: &fs::File, bytes: &[u8]) -> Result<(), Error> {
    attempt("write", path, || file.write_all(bytes))
}

/// Opens a plain file to which lines are added at the end. No link is followed, no pipe waited for.
pub fn append(path: &Path) -> Result<fs::File, Error> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    within("write", path, || options.open(path).and_then(plain::only))
}

/// Moves a synced file or folder to a place on the same file system, replacing a file there.
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let batch = Batch::default();
    batch.give(from, to)?;
    batch.keep()
}

/// Forces a file's content to disk.
pub fn sync(path: &Path) -> Result<(), Error> {
    let file = attempt("open", path, || fs::File::open(path))?;
    attempt("sync", path, || file.sync_all())
}

/// Forces a folder's list of names to disk.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let handle = attempt("open", folder, || fs::File::open(folder))?;
    // Some network file systems cannot sync a folder; they say so and lose nothing by it.
    attempt("sync", folder, || match handle.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    })
}

/// Creates a folder and those above it; one that is there already is no error.
pub fn create_folder(folder: &Path) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that creates folders")]
    attempt("create", folder, || match fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(_) => fs::create_dir_all(folder),
    })
}

/// Creates a folder and those above it, and makes their names last through a power cut.
pub fn create_lasting_folder(folder: &Path) -> Result<(), Error> {
    let batch = Batch::default();
    batch.create_folder(folder)?;
    batch.keep()
}

/// Does what [`attempt`] does, in a folder that is created where it is missing.
fn within<T>(
    action: &'static str,
    path: &Path,
    work: impl Fn() -> io::Result<T>,
) -> Result<T, Error> {
    in_folder(parent(path), create_folder, || attempt(action, path, &work))
}

/// Does something in a folder; where that fails for want of the folder, creates it and does it again.
fn in_folder<T>(
    folder: &Path,
    create: impl FnOnce(&Path) -> Result<(), Error>,
    work: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    match work() {
        Err(error) if error.is_missing() => create(folder).and_then(|()| work()),
        done => done,
    }
}

/// Takes away the right to write a plain file, and forces it to disk.
pub fn settle(path: &Path) -> Result<(), Error> {
    let (file, _) = plain::open(path)?;
    let mut rights = attempt("look at", path, || file.metadata())?.permissions();
    rights.set_readonly(true);
    attempt("protect", path, || file.set_permissions(rights))?;
    attempt("sync", path, || file.sync_all())
}

/// Removes a file; one that is gone already is no error.
pub fn remove_file(path: &Path) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that removes")]
    attempt("remove", path, || gone_is_fine(fs::remove_file(path)))
}

/// Removes a folder with all in it, also folders that nobody may write to, as some programs leave them; one
/// that is gone already is no error.
pub fn remove_folder(folder: &Path) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that removes")]
    attempt("remove", folder, || match gone_is_fine(fs::remove_dir_all(folder)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(folder)?;
            gone_is_fine(fs::remove_dir_all(folder))
        }
        removed => removed,
    })
}

/// Lets a folder and those below it be written to.
fn open_up(folder: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Ok(()); // a link has no rights of its own
    }
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes whatever lies under a path so that nobody ever finds a part of it there: it loses its name first,
/// to one that only scratch files have. What is gone already is no error.
pub fn remove_at_once(path: &Path) -> Result<(), Error> {
    loop {
        let scratch = parent(path).join(scratch_name());
        #[expect(clippy::disallowed_methods, reason = "this is the one place that renames")]
        match attempt("remove", path, || fs::rename(path, &scratch)) {
            Ok(()) => return remove(&scratch),
            Err(error) if error.is_missing() => return Ok(()),
            // Left by another machine's process of the same number.
            Err(error) if error.source.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            other => return other,
        }
    }
}

/// Removes whatever lies under a path; where a link does, the link and not what it leads to.
pub fn remove(path: &Path) -> Result<(), Error> {
    match plain::look(path) {
        Some((plain::Sort::Folder, _)) => remove_folder(path),
        _ => remove_file(path),
    }
}

/// Returns a file name that no other process or thread of this machine uses.
pub fn scratch_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".scratch-{}-{next}", std::process::id())
}

/// Creates a file under the first of the names that is free. A process on another machine that
/// shares the folder may have the same number and so the same names.
fn create_named(
    folder: &Path,
    rights: u32,
    mut name: impl FnMut() -> String,
) -> Result<(PathBuf, fs::File), Error> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(rights);
    loop {
        let path = folder.join(name());
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return attempt("write", &path, || opened).map(|file| (path, file)),
        }
    }
}

/// Writes into an opened file.
fn put(path: &Path, mut file: fs::File, bytes: &[u8]) -> Result<fs::File, Error> {
    let written = attempt("write", path, || file.write_all(bytes));
    #[cfg(test)]
    if written.as_ref().is_err_and(faults::is_short) {
        let _ = file.write_all(&bytes[..bytes.len() / 2]);
    }
    written.map(|()| file)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Returns whether nothing has this name any more; a link that leads nowhere still has it.
fn has_vanished(path: &Path, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err()
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
