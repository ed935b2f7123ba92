//! Data folders: where files from outside are looked for, and what they contain.
//!
//! Names come from manifests and enter keys with the digest of their content; paths never do.

use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::digest::Digest;
use crate::digest::Md5;
use crate::files;
use crate::files::Found;
use crate::files::Look;
use crate::plan::Source;
use crate::stage::SourceKind;
use crate::stage::SourceRef;
use crate::store::Downloads;
use crate::store::Seen;
use crate::store::Sightings;

/// Folders in which files from outside are looked for.
#[derive(Debug, Clone, Default)]
pub struct DataFolders {
    /// The folders, first to last.
    pub folders: Vec<PathBuf>,
    /// What is known of sources that were read before, so that a plan need not read them again.
    pub sightings: Option<Sightings>,
    /// Where files lie that were fetched for sources which are in none of the folders.
    pub downloads: Option<Downloads>,
}

impl DataFolders {
    /// Returns the folders that the user gives, and then the one beside the manifest.
    pub fn new(given: impl IntoIterator<Item = PathBuf>, manifest: &Path) -> Self {
        let beside = manifest.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new(".")).to_owned();
        let folders = given.into_iter().chain([beside]).collect();
        Self { folders, sightings: None, downloads: None }
    }

    /// Takes the word of what was seen before for sources that look the same.
    #[must_use]
    pub fn with_sightings(self, sightings: Sightings) -> Self {
        Self { sightings: Some(sightings), ..self }
    }

    /// Takes what was fetched for sources that are in none of the folders.
    #[must_use]
    pub fn with_downloads(self, downloads: Downloads) -> Self {
        Self { downloads: Some(downloads), ..self }
    }

    /// Returns the first file or folder of this name.
    pub fn find(&self, name: &str, kind: SourceKind) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| kind.fits(path))
    }
}

/// Why a source cannot be used.
pub(super) enum Refused {
    /// It could not be read.
    Unreadable(files::Error),
    /// Its content is not what the manifest demands.
    Changed { path: PathBuf, pin: Digest, found: Digest },
    /// Its MD5 is not what the manifest demands.
    OtherMd5 { path: PathBuf, expected: Md5, found: Md5 },
    /// Its name leads out of the data folders.
    Outside,
    /// A file is there where a folder is meant, or the other way round.
    Other(SourceKind),
}

/// Finds sources, and looks at and hashes each only once.
pub(super) struct Finder<'a> {
    folders: &'a DataFolders,
    hashed: BTreeMap<PathBuf, Hashed>,
}

/// What is known of a source that was found.
#[derive(Clone, Copy)]
struct Hashed {
    digest: Digest,
    looks: Digest,
}

impl<'a> Finder<'a> {
    /// Looks in the given folders.
    pub(super) fn new(folders: &'a DataFolders) -> Self {
        Self { folders, hashed: BTreeMap::new() }
    }

    /// Finds a source. One that is nowhere is no error: a plan can be made without data.
    pub(super) fn find(&mut self, wanted: &SourceRef) -> Result<Source, Refused> {
        if leads_out(&wanted.name) {
            return Err(Refused::Outside);
        }
        let Some(path) = self.folders.find(&wanted.name, wanted.kind) else {
            let other = wanted.kind.other();
            return match self.folders.find(&wanted.name, other) {
                Some(_) => Err(Refused::Other(other)),
                None => self.fetched(wanted).map_err(Refused::Unreadable),
            };
        };
        let found = self.digest_once(&path).map_err(Refused::Unreadable)?;
        if let Some(pin) = wanted.pin.filter(|pin| *pin != found) {
            return Err(Refused::Changed { path, pin, found });
        }
        self.check_md5(wanted, &path, found)?;
        Ok(Source { path: Some(path), digest: Some(found) })
    }

    /// Finds a source that is in no folder among what was fetched. What lies there and is not what was
    /// asked for is as good as nothing.
    fn fetched(&mut self, wanted: &SourceRef) -> Result<Source, files::Error> {
        let downloads = self.folders.downloads.as_ref();
        let (Some(downloads), Some(asked)) = (downloads, wanted.asked()) else {
            return Ok(Source { path: None, digest: wanted.pin });
        };
        let digest = wanted.pin.or_else(|| downloads.content(asked));
        let path = downloads.file(asked, &wanted.name).filter(|path| wanted.kind.fits(path));
        let path = match path {
            Some(path) if Some(self.digest_once(&path)?) == digest => Some(path),
            _ => None,
        };
        Ok(Source { path, digest })
    }

    /// Refuses a file with another MD5 than the manifest demands. That a content has it is noted, so that
    /// it is computed once.
    fn check_md5(&self, wanted: &SourceRef, path: &Path, found: Digest) -> Result<(), Refused> {
        let (Some(expected), Some(asked)) = (wanted.md5, wanted.asked()) else { return Ok(()) };
        let downloads = self.folders.downloads.as_ref().filter(|_| wanted.pin.is_none());
        if downloads.and_then(|downloads| downloads.content(asked)) == Some(found) {
            return Ok(());
        }
        let md5 = files::md5(path).map_err(Refused::Unreadable)?;
        if md5 != expected {
            return Err(Refused::OtherMd5 { path: path.to_owned(), expected, found: md5 });
        }
        if let Some(downloads) = downloads
            && let Err(error) = downloads.keep_content(asked, found)
        {
            tracing::debug!("{error}: the MD5 of `{}` will be computed again", path.display());
        }
        Ok(())
    }
}

impl Finder<'_> {
    /// Returns the digest of a source, computed once a plan.
    fn digest_once(&mut self, path: &Path) -> Result<Digest, files::Error> {
        Ok(self.hashed_once(path)?.digest)
    }

    /// Returns the digest of the looks of a source's files, looked at once a plan.
    pub(super) fn looks_once(&mut self, path: &Path) -> Result<Digest, files::Error> {
        Ok(self.hashed_once(path)?.looks)
    }

    fn hashed_once(&mut self, path: &Path) -> Result<Hashed, files::Error> {
        if let Some(hashed) = self.hashed.get(path) {
            return Ok(*hashed);
        }
        let found = found(path)?;
        let looks = looks(&found);
        let hashed = Hashed { digest: self.digest(path, found, looks)?, looks };
        self.hashed.insert(path.to_owned(), hashed);
        Ok(hashed)
    }

    /// Returns the digest of a source; only what was not seen before is read.
    fn digest(
        &self,
        path: &Path,
        found: Vec<Found>,
        looks: Digest,
    ) -> Result<Digest, files::Error> {
        let Some(sightings) = &self.folders.sightings else {
            return read_all(found);
        };
        if let Some(digest) = sightings.digest(path, looks) {
            return Ok(digest);
        }
        let seen = read(found, &sightings.files(path))?;
        let digest = content(&seen);
        if let Err(error) = sightings.keep(path, (looks, digest), &seen) {
            tracing::debug!("{error}: `{}` will be read again", path.display());
        }
        Ok(digest)
    }
}

/// Returns where a source with a content lies, if it is there.
pub fn find_source(
    folders: &DataFolders,
    wanted: &SourceRef,
    content: Option<Digest>,
) -> Option<PathBuf> {
    let wanted = SourceRef { pin: content, ..wanted.clone() };
    Finder::new(folders).find(&wanted).ok()?.path.filter(|_| content.is_some())
}

/// Returns whether a name leads out of the folder that it is looked for in.
fn leads_out(name: &str) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !Path::new(name).components().all(inside)
}

/// Returns the digest of a file's content, or of a folder's sorted list of names, sizes and digests; all
/// of it is read.
pub(super) fn digest(path: &Path) -> Result<Digest, files::Error> {
    read_all(found(path)?)
}

fn read_all(found: Vec<Found>) -> Result<Digest, files::Error> {
    Ok(content(&read(found, &BTreeMap::new())?))
}

/// Returns the files that a source consists of; one that is a file has no name below itself.
fn found(path: &Path) -> Result<Vec<Found>, files::Error> {
    if path.is_dir() { files::walk(path) } else { Ok(vec![Found::file(path)?]) }
}

/// Reads files, but for those that look as when they were last read.
fn read(
    found: Vec<Found>,
    known: &BTreeMap<String, (Look, Digest)>,
) -> Result<Vec<Seen>, files::Error> {
    let read = |Found { name, path, look, .. }| {
        let digest = match known.get(&name) {
            Some((before, digest)) if *before == look => *digest,
            _ => files::digest(&path)?,
        };
        Ok(Seen { name, look, digest })
    };
    found.into_par_iter().map(read).collect()
}

fn content(seen: &[Seen]) -> Digest {
    if let [only] = seen
        && only.name.is_empty()
    {
        return only.digest;
    }
    Digest::of_items(seen.iter().map(|seen| (&*seen.name, seen.look.size, seen.digest)))
}

/// Returns the digest of all that the file system says of files, and of links that lead out to them.
fn looks(found: &[Found]) -> Digest {
    Digest::of_parts(found.iter().map(|file| {
        let mut bytes = (file.name.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(file.name.as_bytes());
        bytes.extend_from_slice(&file.look.bytes());
        bytes.extend(file.is_outside.then_some(1));
        bytes
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::Finder;
    use crate::digest::Digest;
    use crate::manifest;
    use crate::plan::DataFolders;
    use crate::plan::Plan;
    use crate::plan::build;
    use crate::plan::toys::TOYS;
    use crate::stage::SourceKind;
    use crate::stage::SourceRef;

    /// A time at which everything that was written in a test is old.
    const LATER: u64 = 1 << 40;

    fn plan(folder: &Path, params: &str) -> Result<Plan, String> {
        let path = folder.join("study.yaml");
        let text =
            format!("ablate: 1\nname: x\nstages: {{numbers: {{kind: draw, params: {params}}}}}\n");
        crate::files::write(&path, text.as_bytes()).unwrap();
        let manifest = manifest::load(&path, &[]).unwrap();
        let data = DataFolders::new([folder.join("data")], &path);
        build(&manifest.document, TOYS, &data).map_err(|problems| {
            manifest.report(problems).to_string().replace(&folder.display().to_string(), ".")
        })
    }

    #[test]
    fn a_file_is_found_in_the_first_folder_and_its_content_makes_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            crate::files::write(&folder.path().join(name), text.as_bytes()).unwrap();
        };
        let recipe = || plan(folder.path(), "{file: n.csv}").unwrap().tasks[0].recipe;
        assert_eq!(recipe(), None);
        let missing = plan(folder.path(), "{file: n.csv}").unwrap().missing_sources();
        let [(crate::plan::TaskId(0), wanted)] = missing.as_slice() else { panic!("{missing:?}") };
        assert_eq!((&*wanted.name, &*wanted.param), ("n.csv", "file"));
        write("n.csv", "1");
        let beside = recipe();
        write("data/n.csv", "2");
        assert!(beside.is_some() && recipe().is_some() && recipe() != beside);
        write("data/n.csv", "1");
        assert_eq!(recipe(), beside);
    }

    /// Rewrites what was seen of each file: as if it had held something else.
    fn falsify(cache: &Path) {
        for found in crate::files::walk(&cache.join("sightings")).unwrap() {
            let text = String::from_utf8(crate::files::read(&found.path).unwrap()).unwrap();
            let known = Digest::of_bytes(b"known").to_string();
            let lines = text.lines().map(|line| match line.rsplit_once("digest\":\"") {
                Some((before, after)) => format!("{before}digest\":\"{known}{}\n", &after[64..]),
                None => panic!("{line}"),
            });
            crate::files::write(&found.path, lines.collect::<String>().as_bytes()).unwrap();
        }
    }

    #[test]
    fn what_looks_as_it_did_is_not_read_again_and_what_does_not_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            crate::files::write(&folder.path().join(name), text.as_bytes()).unwrap();
        };
        for name in ["photos/a", "photos/deep/b", "one"] {
            write(name, name);
        }
        write("cache/VERSION", "1\n");
        let digests = |now: u64| {
            let sightings = crate::store::Sightings::of(&folder.path().join("cache"), now);
            let folders = DataFolders::new([folder.path().to_owned()], Path::new("x"))
                .with_sightings(sightings);
            let of = |kind, name: &str| {
                let (name, param, pin) = (name.to_owned(), "file".to_owned(), None);
                let wanted = SourceRef { name, param, kind, pin, md5: None, remote: None };
                let Ok(source) = Finder::new(&folders).find(&wanted) else {
                    panic!("{}", wanted.name)
                };
                source.digest.unwrap()
            };
            (of(SourceKind::Folder, "photos"), of(SourceKind::File, "one"))
        };
        let content = |a: Digest, b: Digest| {
            Digest::of_value(&json!([["a", 8, a.to_string()], ["deep/b", 13, b.to_string()]]))
        };
        let [a, b, one] = [b"photos/a" as &[u8], b"photos/deep/b", b"one"].map(Digest::of_bytes);
        let known = Digest::of_bytes(b"known");
        // Too young to be known by their looks: read each time.
        for _ in 0..2 {
            assert_eq!(digests(0), (content(a, b), one));
            falsify(&folder.path().join("cache"));
        }
        assert_eq!(digests(LATER), (content(a, b), one));
        falsify(&folder.path().join("cache"));
        assert_eq!(digests(LATER), (known, known));
        // One file of the folder is written again: only that is read.
        write("photos/a", "PHOTOS/A");
        assert_eq!(digests(LATER).0, content(Digest::of_bytes(b"PHOTOS/A"), known));
        write("photos/c", "");
        assert!(digests(LATER).0 != content(Digest::of_bytes(b"PHOTOS/A"), known));
    }

    #[test]
    fn names_of_another_sort_and_names_that_lead_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        crate::files::write(&folder.path().join("data/deep/n.csv"), b"1").unwrap();
        let refusal = |params: &str| plan(folder.path(), params).unwrap_err();
        assert!(plan(folder.path(), "{file: ./deep/n.csv}").unwrap().tasks[0].recipe.is_some());
        insta::assert_snapshot!(refusal("{file: deep}"), @"./study.yaml:3:47: `deep` is a folder; `file` takes a file (help: name a file, or the param for a folder)");
        insta::assert_snapshot!(refusal("{file: /deep/n.csv}"), @"./study.yaml:3:47: `/deep/n.csv` leads out of the data folders; what comes from outside is named, not located (help: write `file: n.csv`, and give its folder with `--data DIR` or ABLATE_DATA)");
        insta::assert_snapshot!(refusal("{file: deep/../../n.csv}"), @"./study.yaml:3:47: `deep/../../n.csv` leads out of the data folders; what comes from outside is named, not located (help: write `file: n.csv`, and give its folder with `--data DIR` or ABLATE_DATA)");
        insta::assert_snapshot!(refusal("{file: ..}"), @"./study.yaml:3:47: `..` leads out of the data folders; what comes from outside is named, not located (help: write `file: NAME`, and give its folder with `--data DIR` or ABLATE_DATA)");
    }

    #[test]
    fn a_pin_stands_for_a_missing_file_and_refuses_another() {
        let folder = tempfile::tempdir().unwrap();
        let params = format!("{{file: n.csv, blake3: {}}}", Digest::of_bytes(b"1"));
        assert!(plan(folder.path(), &params).unwrap().tasks[0].recipe.is_some());
        crate::files::write(&folder.path().join("n.csv"), b"2").unwrap();
        insta::assert_snapshot!(plan(folder.path(), &params).unwrap_err(), @"./study.yaml:3:47: `./n.csv` is not the file that the manifest asks for: its digest is 813e9b729141e7f385afa0a2d0df3e6c3789e427ffe4aeef566a565bc8f2fe3d, expected d63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487 (help: fetch the file again, or change `blake3` if the new content is meant)");
    }
}
