//! Downloads: files from outside that the cache holds for sources that were found nowhere else.
//!
//! Each has a folder, named by what was asked for: the digest of the content itself, or one that stands for
//! another way to name it. In it lie the file, under its own name, a note of its content, and what there
//! is of it as long as it arrives. Knows neither servers nor manifests.

use std::path::Path;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::files;
use crate::files::Growing;
use crate::files::plain;
use crate::files::plain::Sort;
use crate::store::Error;
use crate::store::Store;
use crate::store::layout::Layout;
use crate::store::layout::digest_of_text;
use crate::store::lock::Lock;
use crate::store::objects;
use crate::store::verify::Damaged;
use crate::store::verify::Verdict;

/// What there is of a file that still arrives.
const PART: &str = ".part";
/// The digest of what was asked for, once it is known.
const CONTENT: &str = ".content";
/// Longest note of a content, bytes.
const LONGEST_NOTE: u64 = 256;

/// Where downloads are looked for. Where there is no cache yet there are none, and nothing is created.
#[derive(Debug, Clone)]
pub struct Downloads {
    layout: Layout,
}

/// The right to bring one download; one at a time has it.
#[derive(Debug)]
pub struct Berth<'a> {
    store: &'a Store,
    asked: Digest,
    _lock: Lock,
}

impl Downloads {
    /// Looks in a cache.
    pub fn of(cache: &Path) -> Self {
        let root = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        Self { layout: Layout { root } }
    }

    /// Returns the digest of the content that was asked for, where it is known.
    pub fn content(&self, asked: Digest) -> Option<Digest> {
        let note = plain::read(&self.folder(asked)?.join(CONTENT), LONGEST_NOTE).ok()?;
        digest_of_text(std::str::from_utf8(&note).ok()?.trim())
    }

    /// Returns where a download lies under a name, if it does. What it holds is for the caller to hash.
    pub fn file(&self, asked: Digest, name: &str) -> Option<PathBuf> {
        let path = self.folder(asked)?.join(file_name(name));
        matches!(plain::look(&path), Some((Sort::File, _))).then_some(path)
    }

    /// Notes which content it is that was asked for, where there is a cache.
    pub fn keep_content(&self, asked: Digest, content: Digest) -> Result<(), Error> {
        if !self.layout.version().exists() {
            return Ok(());
        }
        self.layout.refuse_links()?;
        let folder = self.layout.download(asked);
        refuse_other_than_folder(&folder)?;
        let path = folder.join(CONTENT);
        objects::clear_way(&path)?;
        Ok(files::write(&path, format!("{content}\n").as_bytes())?)
    }

    /// Returns the folder of a download, if it is one.
    fn folder(&self, asked: Digest) -> Option<PathBuf> {
        self.layout.refuse_links().ok()?;
        let folder = self.layout.download(asked);
        matches!(plain::look(&folder), Some((Sort::Folder, _))).then_some(folder)
    }
}

impl Store {
    /// Returns the downloads of this cache.
    pub fn downloads(&self) -> Downloads {
        Downloads { layout: self.layout.clone() }
    }

    /// Takes the right to bring a download; nothing where somebody else has it.
    pub fn berth(&self, asked: Digest) -> Result<Option<Berth<'_>>, Error> {
        self.prepare()?;
        self.layout.refuse_links()?;
        refuse_other_than_folder(&self.layout.download(asked))?;
        let lock = Lock::try_take(self, asked)?;
        Ok(lock.map(|lock| Berth { store: self, asked, _lock: lock }))
    }

    /// Hashes the downloads again, and notes those that are not what was asked for.
    pub(super) fn check_downloads(&self, verdict: &mut Verdict) -> Result<(), Error> {
        let downloads = self.downloads();
        for folder in files::names(&self.layout.downloads())? {
            let Some(asked) = digest_of_text(&folder) else { continue };
            let expected = downloads.content(asked);
            for name in files::names(&self.layout.download(asked))? {
                if [PART, CONTENT].contains(&name.as_str()) {
                    continue;
                }
                let path = self.layout.download(asked).join(&name);
                let why = match plain::digest(&path) {
                    Ok(found) if Some(found) == expected => None,
                    Ok(_) => Some("its content is not what was asked for".to_owned()),
                    Err(error) if error.is_missing() => continue, // collected meanwhile
                    Err(error) => Some(error.source.to_string()),
                };
                verdict.objects += 1;
                verdict.bytes += plain::look(&path).map_or(0, |(_, size)| size);
                let path = format!("downloads/{folder}/{name}");
                verdict.damaged.extend(why.map(|why| Damaged::new(path, &why)));
            }
        }
        Ok(())
    }
}

impl Berth<'_> {
    /// Opens what there is of the file.
    pub fn part(&self) -> Result<Growing, Error> {
        let path = self.store.layout.download(self.asked).join(PART);
        if plain::look(&path).is_some_and(|(sort, _)| sort != Sort::File) {
            files::remove(&path)?;
        }
        Ok(Growing::open(&path)?)
    }

    /// Makes a part that is whole the download, under a name; the content is that of the part.
    pub fn publish(self, part: &Growing, name: &str, content: Digest) -> Result<PathBuf, Error> {
        // The note first: a file without one is not believed.
        self.store.downloads().keep_content(self.asked, content)?;
        let path = self.store.layout.download(self.asked).join(file_name(name));
        objects::clear_way(&path)?;
        files::settle(part.path())?;
        files::rename(part.path(), &path)?;
        Ok(path)
    }
}

/// Returns the name under which a source's file lies: the last part of its own, so that its ending tells
/// what it is, and never one of those that the cache uses.
fn file_name(source: &str) -> String {
    let name = source.rsplit('/').next().unwrap_or(source);
    let name: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

fn refuse_other_than_folder(path: &Path) -> Result<(), Error> {
    match plain::look(path) {
        None | Some((Sort::Folder, _)) => Ok(()),
        Some((sort, _)) => Err(Error::NoFolder { path: path.to_owned(), sort }),
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Store;
    use super::file_name;
    use crate::files;

    #[test]
    fn a_download_is_there_once_it_is_whole_and_is_brought_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (asked, content) = (Digest::of_bytes(b"asked"), Digest::of_bytes(b"abc"));
        let berth = store.berth(asked).unwrap().unwrap();
        assert!(Store::open(folder.path()).unwrap().berth(asked).unwrap().is_none());
        berth.part().unwrap().write(b"ab").unwrap();
        drop(berth);
        let found = || store.downloads().file(asked, "deep/a.npz");
        assert_eq!((found(), store.downloads().content(asked)), (None, None));
        let berth = store.berth(asked).unwrap().unwrap();
        let mut part = berth.part().unwrap();
        assert_eq!(part.length(), 2);
        part.write(b"c").unwrap();
        let path = berth.publish(&part, "deep/a.npz", content).unwrap();
        assert_eq!(files::read(&path).unwrap(), b"abc");
        assert_eq!(path.file_name().unwrap(), "a.npz");
        assert_eq!((found(), store.downloads().content(asked)), (Some(path), Some(content)));
        assert_eq!(store.downloads().file(asked, "b.npz"), None);
    }

    #[test]
    fn what_is_no_longer_what_was_asked_for_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let asked = Digest::of_bytes(b"abc");
        let berth = store.berth(asked).unwrap().unwrap();
        let mut part = berth.part().unwrap();
        part.write(b"abc").unwrap();
        let path = berth.publish(&part, "a.npz", asked).unwrap();
        assert!(store.verify().unwrap().is_sound());
        files::remove_file(&path).unwrap();
        files::write(&path, b"abd").unwrap();
        let verdict = store.verify().unwrap();
        assert_eq!(verdict.damaged[0].path, format!("downloads/{asked}/a.npz"));
        store.repair(&verdict).unwrap();
        assert_eq!(store.downloads().file(asked, "a.npz"), None);
    }

    #[test]
    fn nothing_is_noted_where_no_cache_is_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (asked, content) = (Digest::of_bytes(b"asked"), Digest::of_bytes(b"abc"));
        let store = Store::open(&folder.path().join("none")).unwrap();
        store.downloads().keep_content(asked, content).unwrap();
        assert!(!store.folder().exists());
        let store = Store::open(folder.path()).unwrap();
        drop(store.berth(asked).unwrap());
        files::write(&folder.path().join("elsewhere/a.npz"), b"abc").unwrap();
        files::point(&folder.path().join("elsewhere"), &store.layout.download(asked)).unwrap();
        assert_eq!(store.downloads().file(asked, "a.npz"), None);
        assert!(store.berth(asked).is_err());
    }

    #[test]
    fn no_name_is_one_that_the_cache_uses() {
        let names = ["a.zip", "deep/a.zip", "", "deep/", ".part", "..", "a\nb"].map(file_name);
        assert_eq!(names, ["a.zip", "a.zip", "_", "_", "_.part", "_..", "a_b"]);
    }
}
