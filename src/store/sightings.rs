//! Sightings: what the files of a source looked like when they were last read, so that a plan over a
//! hundred thousand images reads only those that changed.
//!
//! A sighting only ever saves reading: whoever computes from a source reads all of it. Does not know
//! what a source is for.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::files;
use crate::files::Look;
use crate::files::plain;
use crate::store::Error;
use crate::store::Store;
use crate::store::cache::named_by_digests;
use crate::store::layout::Layout;

/// Format of a sighting. 1: first format.
const FORMAT: u32 = 1;
/// Longest line, bytes: a path and a few numbers.
const LONGEST_LINE: u64 = 64 << 10;
/// Bytes of a sighting after which no more is read: those of some million files.
const LONGEST: usize = 1 << 30;

/// Where sightings are kept. One whose cache is not there yet remembers nothing, and creates nothing.
#[derive(Debug, Clone)]
pub struct Sightings {
    layout: Layout,
    now: u64,
}

/// One file of a source, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Path below the source's folder; empty where the source is a file.
    pub name: String,
    /// What the file system said of it.
    pub look: Look,
    /// Digest of its content.
    pub digest: Digest,
}

/// First line of a sighting.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    /// Absolute path of the source.
    source: PathBuf,
    /// Digest of the looks of all files; absent where one of them was too young to be known by its look.
    looks: Option<Digest>,
    /// Digest of the source's content.
    digest: Digest,
}

impl Sightings {
    /// Keeps sightings in a cache, from a time on, seconds since 1970 (UTC).
    pub fn of(cache: &Path, now: u64) -> Self {
        let root = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        Self { layout: Layout { root }, now }
    }

    /// Returns the digest of a source, if its files look as they did when they were read.
    pub fn digest(&self, source: &Path, looks: Digest) -> Option<Digest> {
        let head = read_head(&self.layout.sighting(&absolute(source)?))?;
        (head.is_of(source) && head.looks == Some(looks)).then_some(head.digest)
    }

    /// Returns what was seen of each file of a source, by name; nothing where nothing is known.
    pub fn files(&self, source: &Path) -> BTreeMap<String, (Look, Digest)> {
        let mut all = BTreeMap::new();
        let Some(absolute) = absolute(source) else { return all };
        let (mut is_known, mut bytes) = (false, 0);
        // Where it cannot be read nothing is known, and the source is read instead.
        let _ = plain::read_lines(&self.layout.sighting(&absolute), 0, LONGEST_LINE, |line| {
            bytes += line.len();
            if !is_known {
                is_known = serde_json::from_slice(line).is_ok_and(|head: Head| head.is_of(source));
            } else if let Ok(Seen { name, look, digest }) = serde_json::from_slice(line) {
                all.insert(name, (look, digest));
            }
            is_known && bytes < LONGEST
        });
        all
    }

    /// Keeps what was seen of a source, but for files that may be written again without a trace.
    ///
    /// `digest` is that of its content, `looks` of the looks of all its files.
    pub fn keep(
        &self,
        source: &Path,
        (looks, digest): (Digest, Digest),
        files: &[Seen],
    ) -> Result<(), Error> {
        let Some(source) = absolute(source).filter(|_| self.layout.version().exists()) else {
            return Ok(());
        };
        self.layout.refuse_links()?;
        let all_settled = files.iter().all(|seen| seen.look.is_settled(self.now));
        let looks = all_settled.then_some(looks);
        let head = line_of(&Head { format: FORMAT, source: source.clone(), looks, digest });
        let settled = files.iter().filter(|seen| seen.look.is_settled(self.now));
        let lines = std::iter::once(head).chain(settled.map(line_of)).map(String::into_bytes);
        Ok(files::write_parts(&self.layout.sighting(&source), lines)?)
    }
}

impl Store {
    /// Forgets what was seen of a source whose content is not what it looked like.
    pub fn forget(&self, source: &Path) -> Result<(), Error> {
        let path = absolute(source).map(|source| self.layout.sighting(&source));
        Ok(path.map_or(Ok(()), |path| files::remove_file(&path))?)
    }

    /// Removes the sightings of sources that are gone.
    pub(super) fn forget_the_lost(&self) -> Result<(), Error> {
        for (_, path) in named_by_digests(&self.layout.sightings())? {
            let is_there = read_head(&path).is_some_and(|head| head.source.exists());
            if !is_there {
                files::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

impl Head {
    /// Returns whether it tells of a source, in the format that is known.
    fn is_of(&self, source: &Path) -> bool {
        self.format == FORMAT && absolute(source).is_some_and(|source| source == self.source)
    }
}

fn read_head(path: &Path) -> Option<Head> {
    let mut head = None;
    let told = |line: &[u8]| {
        head = serde_json::from_slice(line).ok();
        false
    };
    plain::read_lines(path, 0, LONGEST_LINE, told).ok()?;
    head
}

fn line_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("its keys are strings") + "\n"
}

/// Returns the absolute path of a source, where JSON can hold it.
fn absolute(source: &Path) -> Option<PathBuf> {
    std::path::absolute(source).ok().filter(|path| path.to_str().is_some())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Seen;
    use super::Sightings;
    use crate::digest::Digest;
    use crate::files;
    use crate::files::Found;
    use crate::store::Store;

    /// A time at which everything that was written in a test is old.
    const LATER: u64 = 1 << 40;

    fn seen(path: &Path) -> Seen {
        let Found { name, look, .. } = Found::file(path).unwrap();
        Seen { name, look, digest: files::digest(path).unwrap() }
    }

    /// Returns a cache that exists, with a source beside it.
    fn cache() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (cache, source) = (folder.path().join("cache"), folder.path().join("a.png"));
        files::write(&cache.join("VERSION"), b"1\n").unwrap();
        files::write(&source, b"pixels").unwrap();
        (folder, cache, source)
    }

    #[test]
    fn what_was_seen_is_known_until_the_source_is_gone() {
        let (_folder, cache, source) = cache();
        let sightings = Sightings::of(&cache, LATER);
        let (looks, digest) = (Digest::of_bytes(b"looks"), Digest::of_bytes(b"content"));
        assert_eq!(sightings.digest(&source, looks), None);
        sightings.keep(&source, (looks, digest), &[seen(&source)]).unwrap();
        assert_eq!(sightings.digest(&source, looks), Some(digest));
        assert_eq!(sightings.digest(&source, digest), None);
        let known = sightings.files(&source);
        assert_eq!(known[""], (seen(&source).look, Digest::of_bytes(b"pixels")));
        let store = Store::open(&cache).unwrap();
        store.forget_the_lost().unwrap();
        assert_eq!(store.statistics(0).unwrap().sightings.count, 1);
        files::remove_file(&source).unwrap();
        store.forget_the_lost().unwrap();
        assert_eq!(store.statistics(0).unwrap().sightings.count, 0);
    }

    #[test]
    fn what_may_be_written_again_without_a_trace_is_not_known() {
        let (_folder, cache, source) = cache();
        let look = seen(&source).look;
        let sightings = Sightings::of(&cache, look.changed.0.cast_unsigned());
        let (looks, digest) = (Digest::of_bytes(b"looks"), Digest::of_bytes(b"content"));
        sightings.keep(&source, (looks, digest), &[seen(&source)]).unwrap();
        assert_eq!((sightings.digest(&source, looks), sightings.files(&source).len()), (None, 0));
    }

    #[test]
    fn nothing_is_kept_where_no_cache_is_and_nothing_believed_that_is_of_another_source() {
        let (folder, cache, source) = cache();
        let (looks, digest) = (Digest::of_bytes(b"looks"), Digest::of_bytes(b"content"));
        let nowhere = folder.path().join("none");
        Sightings::of(&nowhere, LATER).keep(&source, (looks, digest), &[]).unwrap();
        assert!(!nowhere.exists());
        let sightings = Sightings::of(&cache, LATER);
        sightings.keep(&source, (looks, digest), &[seen(&source)]).unwrap();
        let other = folder.path().join("b.png");
        let [from, to] = [&source, &other].map(|path| sightings.layout.sighting(path));
        let text = files::read(&from).unwrap();
        let long = "x".repeat(100_000);
        for text in [&text[..], b"", b"{}\n", long.as_bytes(), &text[..text.len() / 2]] {
            files::write(&to, text).unwrap();
            assert_eq!(sightings.digest(&other, looks), None);
            assert!(sightings.files(&other).is_empty());
        }
        // Half a sighting of the right source: what there is of it counts.
        files::write(&from, &text[..text.len() - 2]).unwrap();
        assert_eq!(sightings.digest(&source, looks), Some(digest));
        assert!(sightings.files(&source).is_empty());
    }
}
