//! A file found below a folder of the user's, where links are followed.
//!
//! Does not know what is looked for. Folders that came from elsewhere are walked by [`super::plain`].

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;

use crate::files::Error;
use crate::files::Look;
use crate::files::attempt;
use crate::files::has_vanished;

/// One file below a walked folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path relative to the folder, parts joined by `/`.
    pub name: String,
    /// Path to open it by.
    pub path: PathBuf,
    /// What the file system says of it.
    pub look: Look,
}

impl Found {
    /// Looks at a single file, which has no name below itself.
    pub fn file(path: &Path) -> Result<Self, Error> {
        let about = attempt("look at", path, || fs::metadata(path))?;
        Ok(Self { name: String::new(), path: path.to_owned(), look: Look::of(&about) })
    }
}

/// Returns all files below a folder, sorted by name, looked at on all cores. What another process
/// removes meanwhile is left out.
pub fn walk(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if !prefix.is_empty() && has_vanished(&folder, &error) => continue,
            entries => attempt("list", &folder, || entries?.collect::<io::Result<Vec<_>>>())?,
        };
        let look = |entry: &fs::DirEntry| {
            let path = entry.path();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            // Asked of the folder: quicker than by the whole path, but blind to where a link leads.
            let about = match entry.metadata() {
                Ok(about) if about.is_symlink() => fs::metadata(&path),
                about => about,
            };
            let about = match about {
                Err(error) if has_vanished(&path, &error) => return Ok(None),
                about => attempt("look at", &path, || about)?,
            };
            Ok(Some((about.is_dir(), Found { name, path, look: Look::of(&about) })))
        };
        let looked: Result<Vec<_>, Error> = entries.par_iter().map(look).collect();
        for (is_folder, it) in looked?.into_iter().flatten() {
            if is_folder {
                open.push((it.path, format!("{}/", it.name)));
            } else {
                found.push(it);
            }
        }
    }
    found.par_sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
