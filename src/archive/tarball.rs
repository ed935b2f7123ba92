//! A `.tar` or a `.tar.gz`, as an archive. A plain one is read side by side; of a compressed one, one
//! thread unpacks while the others work.

use std::collections::BTreeMap;
use std::io;
use std::io::Cursor;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelBridge;
use rayon::iter::ParallelIterator;
use tar::EntryType;

use crate::archive::Archive;
use crate::archive::Error;
use crate::archive::MOST_MEMBERS;
use crate::archive::Member;
use crate::archive::Work;
use crate::archive::name;
use crate::archive::sorted;
use crate::archive::too_long;
use crate::files;
use crate::files::Mapped;

/// Longest run of headers between two files, bytes: long names and attributes are headers as well.
const LONGEST_HEADERS: u64 = 1 << 20;

/// A `.tar` or a `.tar.gz`.
pub(super) struct Tarball {
    path: PathBuf,
    mapped: Mapped,
    is_packed: bool,
    members: Vec<Member>,
    places: Vec<Place>,
}

/// Where a file is found.
struct Place {
    /// Number among all entries.
    entry: usize,
    /// Offset of its content, bytes; of the unpacked archive.
    start: u64,
    /// What it is, if it is no plain file.
    oddity: Option<&'static str>,
}

impl Tarball {
    /// Opens an archive that is not compressed.
    pub(super) fn plain(path: &Path, mapped: Mapped) -> Result<Self, Error> {
        Self::list(path, mapped, false)
    }

    /// Opens an archive that gzip compressed.
    pub(super) fn packed(path: &Path, mapped: Mapped) -> Result<Self, Error> {
        Self::list(path, mapped, true)
    }

    fn list(path: &Path, mapped: Mapped, is_packed: bool) -> Result<Self, Error> {
        let broken = |problem: String| Error::broken(path, problem);
        let mut found = Vec::new();
        walk(reader(&mapped, is_packed), |entry, file| {
            let header = file.header().entry_type();
            if header.is_dir() {
                return Ok(());
            }
            if found.len() == MOST_MEMBERS {
                return Err(format!("more than {MOST_MEMBERS} files"));
            }
            let name = name::plain(&String::from_utf8_lossy(&file.path_bytes()))?;
            let place = Place { entry, start: file.raw_file_position(), oddity: oddity(header) };
            found.push((Member { name, size: file.size() }, place));
            Ok(())
        })
        .map_err(broken)?;
        if found.is_empty() {
            return Err(broken("it holds no file, or is no zip and no tar".to_owned()));
        }
        let (members, places) = sorted(path, found)?;
        Ok(Self { path: path.to_owned(), mapped, is_packed, members, places })
    }

    fn check(&self, number: usize, longest: u64) -> Result<(), String> {
        let most = files::most_unpacked(self.mapped.len() as u64);
        let longest = if self.is_packed { longest.min(most) } else { longest };
        match self.places[number].oddity {
            Some(oddity) => Err(format!("it is {oddity}; a plain file expected")),
            None if self.members[number].size > longest => Err(too_long(longest)),
            None => Ok(()),
        }
    }

    /// Returns the content of a file of an archive that is not compressed.
    fn slice(&self, number: usize) -> Result<Vec<u8>, String> {
        let (start, size) = (self.places[number].start, self.members[number].size);
        let end = usize::try_from(start.saturating_add(size)).unwrap_or(usize::MAX);
        let bytes = self.mapped.get(start as usize..end);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| "the archive ends within it".to_owned())
    }
}

impl Archive for Tarball {
    fn members(&self) -> &[Member] {
        &self.members
    }

    fn each(&self, wanted: &[usize], longest: u64, work: &Work<'_>) -> Result<(), Error> {
        if !self.is_packed {
            wanted.par_iter().for_each(|&number| {
                work(number, self.check(number, longest).and_then(|()| self.slice(number)));
            });
            return Ok(());
        }
        let mut left: BTreeMap<usize, usize> =
            wanted.iter().map(|&number| (self.places[number].entry, number)).collect();
        let (sender, receiver) = std::sync::mpsc::sync_channel(rayon::current_num_threads() * 2);
        let unpack = move || {
            walk(reader(&self.mapped, true), |entry, file| {
                let Some(number) = left.remove(&entry) else { return Ok(()) };
                let content = self.check(number, longest).and_then(|()| {
                    let mut bytes = Vec::new();
                    let read = file.take(longest).read_to_end(&mut bytes);
                    read.map(|_| bytes).map_err(|error| error.to_string())
                });
                let _ = sender.send((number, content)); // whoever listens has gone: it fails there
                Ok(())
            })
        };
        // A thread of its own: one of rayon's that waited for room would be missing at the work.
        std::thread::scope(|scope| {
            let unpacking = scope.spawn(unpack);
            receiver.into_iter().par_bridge().for_each(|(number, content)| work(number, content));
            unpacking.join().unwrap_or_else(|_| Err("it cannot be unpacked".to_owned()))
        })
        .map_err(|problem| Error::broken(&self.path, problem))
    }
}

/// Returns what an entry is that is no plain file.
fn oddity(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous => None,
        EntryType::Symlink | EntryType::Link => Some("a link"),
        EntryType::GNUSparse => Some("a file with holes"),
        _ => Some("a pipe, a device or something unknown"),
    }
}

fn reader(mapped: &Mapped, is_packed: bool) -> Box<dyn Read + '_> {
    let bytes = Cursor::new(&**mapped);
    if is_packed { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) }
}

/// A reader that gives out no more than it is allowed: headers of a hostile archive would fill the memory.
struct Rationed<'a> {
    reader: Box<dyn Read + 'a>,
    left: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Rationed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other(format!("headers of more than {LONGEST_HEADERS} bytes")));
        }
        let most = into.len().min(usize::try_from(self.left.get()).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut into[..most])?;
        self.left.set(self.left.get() - read as u64);
        Ok(read)
    }
}

/// Shows every entry, with its number.
fn walk(
    reader: Box<dyn Read + '_>,
    mut each: impl FnMut(usize, &mut tar::Entry<'_, Rationed<'_>>) -> Result<(), String>,
) -> Result<(), String> {
    let left = std::rc::Rc::new(std::cell::Cell::new(LONGEST_HEADERS));
    let mut archive = tar::Archive::new(Rationed { reader, left: std::rc::Rc::clone(&left) });
    let unreadable = |error: io::Error| format!("it cannot be read as an archive: {error}");
    let entries = archive.entries().map_err(unreadable)?;
    for (number, entry) in entries.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        left.set(u64::MAX);
        each(number, &mut entry)?;
        // What is left of a file is passed over here, so that only headers are rationed.
        io::copy(&mut entry, &mut io::sink()).map_err(unreadable)?;
        left.set(LONGEST_HEADERS);
    }
    Ok(())
}
