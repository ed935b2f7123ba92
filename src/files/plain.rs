//! Plain files: reading in a folder that came from elsewhere, where anything may lie.
//!
//! Follows no link, opens nothing that waits or is a device, and reads no more than it is told to.

use std::fmt;
use std::fs;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::io::Seek;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::digest::Digest;
use crate::files::Error;
use crate::files::Mapped;
use crate::files::attempt;
use crate::files::has_vanished;

/// Files from this size on are hashed by all cores together, smaller ones by one core each.
pub const LARGE: u64 = 1 << 20;

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, a socket or a device.
    Special,
}

impl Sort {
    fn of(kind: fs::FileType) -> Self {
        match kind {
            _ if kind.is_symlink() => Self::Link,
            _ if kind.is_dir() => Self::Folder,
            _ if kind.is_file() => Self::File,
            _ => Self::Special,
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a plain file",
            Self::Folder => "a folder",
            Self::Link => "a symbolic link",
            Self::Special => "a pipe, socket or device",
        })
    }
}

/// Something below a walked folder that is no folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the folder, parts joined by `/`; what is no text in it became U+FFFD.
    pub name: String,
    /// Path to open it by.
    pub path: PathBuf,
    /// What it is.
    pub sort: Sort,
    /// Size in bytes; 0 where it is no plain file.
    pub size: u64,
    /// When its content was written, seconds since 1970 (UTC); 0 where the file system does not say.
    pub modified: u64,
    /// How many names it has: hard links.
    pub links: u64,
}

/// Returns what lies under a path and how long it is; nothing where nothing does.
pub fn look(path: &Path) -> Option<(Sort, u64)> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((Sort::of(about.file_type()), about.len()))
}

/// Returns all that the file system says of a plain file; nothing where none lies under the path.
pub fn about(path: &Path) -> Option<fs::Metadata> {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)
}

/// Opens a plain file; returns it with its size in bytes.
pub fn open(path: &Path) -> Result<(fs::File, u64), Error> {
    attempt("open", path, || {
        check(Sort::of(fs::symlink_metadata(path)?.file_type()))?;
        // What lies there may be another thing by now: no link is followed, no pipe waited for.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let about = file.metadata()?;
        check(Sort::of(about.file_type()))?;
        Ok((file, about.len()))
    })
}

/// Returns an opened file if it is a plain one.
pub(super) fn only(file: fs::File) -> io::Result<fs::File> {
    check(Sort::of(file.metadata()?.file_type()))?;
    Ok(file)
}

fn check(sort: Sort) -> io::Result<()> {
    match sort {
        Sort::File => Ok(()),
        other => Err(refusal(format!("it is {other}; a plain file expected"))),
    }
}

/// Reads a plain file of at most `longest` bytes whole.
pub fn read(path: &Path, longest: u64) -> Result<Vec<u8>, Error> {
    let (file, size) = open(path)?;
    attempt("read", path, || {
        let too_long = || refusal(format!("it is longer than {longest} bytes"));
        if size > longest {
            return Err(too_long());
        }
        // One byte of room more than there should be: the end shows in the read that finds it.
        let mut bytes = Vec::with_capacity(size as usize + 1);
        file.take(longest + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > longest { Err(too_long()) } else { Ok(bytes) }
    })
}

/// Tells each whole line of a plain file from an offset on, without its line feed, as long as the other
/// side answers that it wants more; returns the offset behind the last one. Keeps no more than a line in
/// memory, and ends at one of more than `longest` bytes.
pub fn read_lines(
    path: &Path,
    from: u64,
    longest: u64,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<u64, Error> {
    let (mut file, _) = open(path)?;
    attempt("read", path, || {
        file.seek(io::SeekFrom::Start(from))?;
        let (mut reader, mut line, mut until) = (io::BufReader::new(file), Vec::new(), from);
        while reader.by_ref().take(longest).read_until(b'\n', &mut line)? > 0 {
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            let goes_on = each(whole);
            until += line.len() as u64;
            line.clear();
            if !goes_on {
                break;
            }
        }
        Ok(until)
    })
}

/// Maps a plain file into memory. The file must not shrink meanwhile: stored objects never change.
pub fn map(path: &Path) -> Result<Mapped, Error> {
    let (file, size) = open(path)?;
    Mapped::of(&file, size, path)
}

/// Returns the BLAKE3 digest of a plain file's content: of a large one on all cores.
pub fn digest(path: &Path) -> Result<Digest, Error> {
    let (file, size) = open(path)?;
    let mut hasher = blake3::Hasher::new();
    if size < LARGE {
        let mut bytes = Vec::with_capacity(size as usize + 1); // the end shows in the read that finds it
        attempt("hash", path, || {
            (&file).take(LARGE).read_to_end(&mut bytes)?;
            hasher.update(&bytes);
            // It has grown meanwhile, and is no longer small.
            if bytes.len() as u64 == LARGE { hasher.update_reader(&file).map(drop) } else { Ok(()) }
        })?;
    } else {
        hasher.update_rayon(&Mapped::of(&file, size, path)?);
    }
    Ok(hasher.finalize().into())
}

/// Returns everything below a folder but the folders themselves, sorted by name. What another
/// process removes meanwhile is left out.
pub fn walk(folder: &Path) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        if look(&folder).is_some_and(|(sort, _)| sort != Sort::Folder) {
            return attempt("list", &folder, || Err(refusal("it is no folder".to_owned())));
        }
        let entries = match fs::read_dir(&folder) {
            Err(error) if !prefix.is_empty() && has_vanished(&folder, &error) => continue,
            entries => attempt("list", &folder, || entries)?,
        };
        for entry in entries {
            let entry = attempt("list", &folder, || entry)?;
            let path = entry.path();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let Ok(about) = fs::symlink_metadata(&path) else { continue }; // gone meanwhile
            match Sort::of(about.file_type()) {
                Sort::Folder => open.push((path, format!("{name}/"))),
                sort => {
                    let size = if sort == Sort::File { about.len() } else { 0 };
                    let since =
                        about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                    let modified = since.map_or(0, |since| since.as_secs());
                    found.push(Entry { name, path, sort, size, modified, links: about.nlink() });
                }
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn refusal(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::Digest;
    use super::Sort;
    use crate::files;

    #[test]
    fn what_is_no_plain_file_is_neither_read_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        files::write(&at("file"), b"text").unwrap();
        symlink(at("file"), at("link")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(pipe.success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert_eq!(super::read(&at("file"), 4).unwrap(), b"text");
        assert_eq!(super::digest(&at("file")).unwrap(), Digest::of_bytes(b"text"));
        let why = |name: &str| super::read(&at(name), 9).unwrap_err().source.to_string();
        insta::assert_snapshot!(why("link"), @"it is a symbolic link; a plain file expected");
        insta::assert_snapshot!(why("pipe"), @"it is a pipe, socket or device; a plain file expected");
        insta::assert_snapshot!(why("socket"), @"it is a pipe, socket or device; a plain file expected");
        insta::assert_snapshot!(why("."), @"it is a folder; a plain file expected");
        assert!(super::read(&at("none"), 9).unwrap_err().is_missing());
        for name in ["link", "pipe", "socket", "."] {
            assert!(super::digest(&at(name)).is_err() && super::map(&at(name)).is_err());
        }
        let looks = ["file", "link", "pipe", "socket", ".", "none"];
        let seen = looks.map(|name| super::about(&at(name)).map(|about| about.len()));
        assert_eq!(seen, [Some(4), None, None, None, None, None]);
        let sorts: Vec<Sort> =
            super::walk(folder.path()).unwrap().iter().map(|entry| entry.sort).collect();
        assert_eq!(sorts, [Sort::File, Sort::Link, Sort::Special, Sort::Special]);
    }

    #[test]
    fn no_more_is_read_than_was_bargained_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        std::fs::File::create_new(&path).unwrap().set_len(1 << 40).unwrap();
        let error = super::read(&path, 9).unwrap_err().source.to_string();
        assert_eq!(error, "it is longer than 9 bytes");
    }

    #[test]
    fn a_walk_goes_round_no_circle() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            files::create_folder(&folder.path().join("deep")).unwrap();
            symlink("..", folder.path().join("deep").join(name)).unwrap();
        }
        assert_eq!(super::walk(folder.path()).unwrap().len(), 2);
        symlink("deep", folder.path().join("link")).unwrap();
        assert!(super::walk(&folder.path().join("link")).is_err());
    }
}
