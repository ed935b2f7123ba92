//! A data set's files by name, in a folder or an archive, and the image that a table means.
//!
//! Tables and files agree seldom to the letter: endings are missing or others, in other case, paths have
//! backslashes or escapes of URLs.

use std::path::Path;
use std::sync::OnceLock;

use crate::archive;
use crate::archive::Archive;
use crate::archive::LinksOut;
use crate::archive::Member;
use crate::imaging::decode::is_image_name;
use crate::stage::StageError;
use crate::stages::file_name::last;
use crate::stages::file_name::plain;
use crate::stages::file_name::plain_words;
use crate::stages::file_name::stem;
use crate::stages::load::Params;
use crate::stages::sheet;
use crate::stages::sheet::Sheet;

/// A data set's files.
pub(super) struct Dataset {
    /// Where it lies, for errors.
    place: String,
    archive: Box<dyn Archive>,
    index: OnceLock<Index>,
}

/// How tables find images; made once one is looked for.
struct Index {
    /// Images by their path in lower case without the ending.
    stems: Numbers,
    /// Images by the last part of that.
    names: Numbers,
}

/// Numbers of files, several of which may have one name; sorted.
struct Numbers(Vec<(Box<str>, u32)>);

impl Numbers {
    fn of(found: impl Iterator<Item = (Box<str>, u32)>) -> Self {
        let mut found: Vec<(Box<str>, u32)> = found.collect();
        found.sort_unstable();
        Self(found)
    }

    /// Returns the numbers of a name, in rising order.
    fn get(&self, name: &str) -> Vec<usize> {
        let first = self.0.partition_point(|(other, _)| **other < *name);
        let same = self.0[first..].iter().take_while(|(other, _)| **other == *name);
        same.map(|(_, number)| *number as usize).collect()
    }
}

/// What a table's name of an image leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// A file, by its number.
    One(usize),
    /// None.
    None,
    /// Several, none of which is more likely meant than the others.
    Several,
}

impl Dataset {
    /// Opens a folder or an archive, and lists what is in it.
    pub(super) fn open(path: &Path, params: &Params) -> Result<Self, StageError> {
        let links_out = if params.follow_links { LinksOut::Followed } else { LinksOut::Refused };
        let archive = archive::open(path, links_out).map_err(refused)?;
        Ok(Self::of(&path.display().to_string(), archive))
    }

    /// Takes the files of an archive.
    pub(super) fn of(place: &str, archive: Box<dyn Archive>) -> Self {
        Self { place: place.to_owned(), archive, index: OnceLock::new() }
    }

    /// Returns where it lies, for errors.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Returns the files themselves.
    pub(super) fn archive(&self) -> &dyn Archive {
        &*self.archive
    }

    /// Returns all files, sorted by name.
    pub(super) fn members(&self) -> &[Member] {
        self.archive.members()
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let images =
                || self.images().map(|number| (number, self.members()[number].name.to_lowercase()));
            let stems = images().map(|(number, name)| (stem(&name).into(), number as u32));
            let names = images().map(|(number, name)| (last(stem(&name)).into(), number as u32));
            Index { stems: Numbers::of(stems), names: Numbers::of(names) }
        })
    }

    /// Returns the numbers of all images, in the order of their names.
    pub(super) fn images(&self) -> impl Iterator<Item = usize> {
        let members = self.members().iter().enumerate();
        members.filter(|(_, member)| is_image(&member.name)).map(|(number, _)| number)
    }

    /// Returns the bytes of a table.
    pub(super) fn table(&self, number: usize) -> Result<Vec<u8>, StageError> {
        archive::read(self.archive(), number, sheet::LONGEST).map_err(refused)
    }

    /// Reads a table whose first line names the columns.
    pub(super) fn sheet(&self, number: usize) -> Result<Sheet, StageError> {
        Sheet::read(&self.members()[number].name, &self.table(number)?)
    }

    /// Returns a file by its path, in any case if no other has it exactly.
    pub(super) fn file(&self, name: &str) -> Option<usize> {
        let (members, name) = (self.members(), plain(name));
        let exact = members.binary_search_by(|member| member.name.as_str().cmp(&name)).ok();
        exact.or_else(|| members.iter().position(|it| it.name.eq_ignore_ascii_case(&name)))
    }

    /// Returns the files whose path, in plain words, ends so: `training labels.csv`.
    pub(super) fn files_ending(&self, words: &str) -> Vec<usize> {
        let members = self.members().iter().enumerate();
        let fits = |name: &str| is_visible(name) && plain_words(name).ends_with(words);
        members.filter(|(_, member)| fits(&member.name)).map(|(number, _)| number).collect()
    }

    /// Finds the image that a table means by a path below `root`; one without a folder may also lie
    /// deeper. The ending may be missing, or another than the file's.
    pub(super) fn image(&self, root: &str, cell: &str) -> Match {
        let name = plain(cell);
        let path = if root.is_empty() { name.clone() } else { format!("{root}/{name}") };
        let members = self.members();
        if let Ok(number) = members.binary_search_by(|member| member.name.cmp(&path)) {
            return Match::One(number);
        }
        let whole = path.to_lowercase();
        let below = |number: &usize| {
            root.is_empty() || members[*number].name.starts_with(&format!("{root}/"))
        };
        // The name as it stands may lack its ending, and have a point in it all the same.
        for stem in [whole.as_str(), stem(&whole)] {
            let mut found = self.index().stems.get(stem);
            if found.is_empty() && !name.contains('/') {
                found = self.index().names.get(last(stem));
                found.retain(below);
            }
            if !found.is_empty() {
                return self.likeliest(&found, &whole);
            }
        }
        Match::None
    }

    /// Finds the image of a name, with any ending, in a folder whose path, in plain words, has these.
    pub(super) fn image_within(&self, words: &str, name: &str) -> Match {
        let name = plain(name).to_lowercase();
        let folder = |number: &usize| {
            let path = &self.members()[*number].name;
            path.rsplit_once('/').is_some_and(|(folder, _)| plain_words(folder).contains(words))
        };
        for stem in [last(&name), stem(last(&name))] {
            let mut found = self.index().names.get(stem);
            found.retain(folder);
            if !found.is_empty() {
                return self.likeliest(&found, &name);
            }
        }
        Match::None
    }

    /// Chooses among files whose names differ in case or ending alone: the one without a difference in
    /// the ending, or the only one.
    fn likeliest(&self, found: &[usize], name: &str) -> Match {
        let is_same = |number: &&usize| {
            let path = self.members()[**number].name.to_lowercase();
            last(&path) == last(name)
        };
        let same: Vec<usize> = found.iter().filter(is_same).copied().collect();
        match (found, same.as_slice()) {
            ([only], _) | (_, [only]) => Match::One(*only),
            ([], _) => Match::None,
            _ => Match::Several,
        }
    }
}

/// Returns the error for an archive that cannot be read.
pub(super) fn refused(error: archive::Error) -> StageError {
    match error {
        archive::Error::File(error) => error.into(),
        broken => StageError::data(broken.to_string())
            .help("fetch the file again, and compare its size or digest with the publisher's"),
    }
}

/// Returns whether an image has this name; what systems hide beside images is none.
fn is_image(name: &str) -> bool {
    is_image_name(name) && is_visible(name)
}

fn is_visible(name: &str) -> bool {
    !name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

#[cfg(test)]
mod tests {
    use super::Dataset;
    use super::Match;
    use super::Params;

    fn found(names: &[&str], root: &str, cell: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            crate::files::write(&folder.path().join(name), b"").unwrap();
        }
        let dataset = Dataset::open(folder.path(), &Params::default()).unwrap();
        match dataset.image(root, cell) {
            Match::One(number) => dataset.members()[number].name.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_image_is_found_by_what_tables_call_it() {
        let names =
            ["a/1.l.JPG", "a/2.png", "b/2.png", "b/2.jpg", "b/deep/3.tif", "4.png", "4.PNG"];
        let found = |root: &str, cell: &str| found(&names, root, cell);
        assert_eq!(found("", "\\a\\1.l.jpg"), "a/1.l.JPG");
        assert_eq!(found("a", "1.l"), "a/1.l.JPG");
        assert_eq!(found("", "1.l.png"), "a/1.l.JPG");
        assert_eq!(found("a", "2"), "a/2.png");
        assert_eq!(found("b", "2"), "Several");
        assert_eq!(found("b", "2.JPG"), "b/2.jpg");
        assert_eq!(found("", "2.jpg"), "b/2.jpg");
        assert_eq!(found("", "2"), "Several");
        assert_eq!(found("b", "3"), "b/deep/3.tif");
        assert_eq!(found("a", "3"), "None");
        assert_eq!(found("", "a/3"), "None");
        assert_eq!(found("", "4.PNG"), "4.PNG");
        assert_eq!(found("", "4.Png"), "Several");
    }
}
