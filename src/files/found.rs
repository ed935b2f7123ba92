//! A file found below a folder of the user's, where links are followed, but never in a circle.
//!
//! Does not know what is looked for, nor who may follow a link out of the folder. Folders that came from
//! elsewhere are walked by [`super::plain`].

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

/// What a walk comes to: the folders that it went through where it goes on below, and what was found.
type Step = (Option<Vec<PathBuf>>, Found);

/// One file below a walked folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path relative to the folder, parts joined by `/`.
    pub name: String,
    /// Path to open it by.
    pub path: PathBuf,
    /// What the file system says of it.
    pub look: Look,
    /// Whether a link led there from the folder to outside it.
    pub is_outside: bool,
}

impl Found {
    /// Looks at a single file, which has no name below itself.
    pub fn file(path: &Path) -> Result<Self, Error> {
        let about = attempt("look at", path, || fs::metadata(path))?;
        Ok(Self {
            name: String::new(),
            path: path.to_owned(),
            look: Look::of(&about),
            is_outside: false,
        })
    }
}

/// A folder that is being walked.
struct Walked {
    path: PathBuf,
    /// What the names in it begin with.
    prefix: String,
    is_outside: bool,
    /// Where the links that led here lie, without links: one that leads above any of them leads in a circle.
    links: Vec<PathBuf>,
}

/// Returns all files below a folder, sorted by name, looked at on all cores. What another process
/// removes meanwhile is left out. Pipes, sockets and devices, which might never end, and links that lead
/// in a circle are errors.
pub fn walk(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let mut open = vec![Walked {
        path: folder.to_owned(),
        prefix: String::new(),
        is_outside: false,
        links: Vec::new(),
    }];
    while let Some(walked) = open.pop() {
        let entries = match fs::read_dir(&walked.path) {
            Err(error) if !walked.prefix.is_empty() && has_vanished(&walked.path, &error) => {
                continue;
            }
            entries => attempt("list", &walked.path, || entries?.collect::<io::Result<Vec<_>>>())?,
        };
        let look = |entry: &fs::DirEntry| walked.look(folder, entry);
        let looked: Result<Vec<_>, Error> = entries.par_iter().map(look).collect();
        for (links, it) in looked?.into_iter().flatten() {
            match links {
                Some(links) => open.push(Walked {
                    path: it.path,
                    prefix: format!("{}/", it.name),
                    is_outside: it.is_outside,
                    links,
                }),
                None => found.push(it),
            }
        }
    }
    found.par_sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl Walked {
    /// Looks at what lies here; with the links that led to it if it is a folder.
    fn look(&self, top: &Path, entry: &fs::DirEntry) -> Result<Option<Step>, Error> {
        let path = entry.path();
        let name = format!("{}{}", self.prefix, entry.file_name().to_string_lossy());
        // Asked of the folder: quicker than by the whole path, but blind to where a link leads.
        let (is_link, about) = match entry.metadata() {
            Ok(about) if about.is_symlink() => (true, fs::metadata(&path)),
            about => (false, about),
        };
        let about = match about {
            Err(error) if has_vanished(&path, &error) => return Ok(None),
            about => attempt("look at", &path, || about)?,
        };
        let (mut links, mut is_outside) = (self.links.clone(), self.is_outside);
        if is_link {
            let whole = |path: &Path| attempt("follow", path, || fs::canonicalize(path));
            let target = whole(&path)?;
            is_outside |= !target.starts_with(whole(top)?);
            links.push(whole(&self.path)?);
            if about.is_dir() && links.iter().any(|link| link.starts_with(&target)) {
                let circle = "it is a link to a folder that it lies in";
                return attempt("follow", &path, || Err(io::Error::other(circle)));
            }
        }
        if !about.is_dir() && !about.is_file() {
            let special = "it is a pipe, a socket or a device; a plain file or a folder expected";
            return attempt("read", &path, || Err(io::Error::other(special)));
        }
        let links = about.is_dir().then_some(links);
        Ok(Some((links, Found { name, path, look: Look::of(&about), is_outside })))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::walk;

    fn told(folder: &Path) -> String {
        match walk(folder) {
            Ok(found) => {
                let word = |outside| if outside { " (outside)" } else { "" };
                let names = found.iter().map(|it| format!("{}{}", it.name, word(it.is_outside)));
                names.collect::<Vec<_>>().join(" ")
            }
            Err(error) => {
                let at = error.path.strip_prefix(folder).unwrap().display().to_string();
                format!("cannot {} {at}: {}", error.action, error.source)
            }
        }
    }

    #[test]
    fn links_are_followed_and_those_that_lead_out_are_known() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        for place in [at("a/1"), at("b/2"), other.path().join("3")] {
            crate::files::write(&place, b"").unwrap();
        }
        symlink(at("a/1"), at("b/inside")).unwrap();
        symlink(at("a"), at("c")).unwrap();
        symlink(other.path(), at("d")).unwrap();
        symlink(other.path().join("3"), at("e")).unwrap();
        assert_eq!(told(folder.path()), "a/1 b/2 b/inside c/1 d/3 (outside) e (outside)");
        let there = other.path().join("there");
        symlink(folder.path(), &there).unwrap();
        crate::files::remove_file(&at("d")).unwrap();
        crate::files::remove_file(&at("e")).unwrap();
        assert_eq!(told(&there).split(' ').count(), 4);
        assert!(walk(&there).unwrap().iter().all(|it| !it.is_outside));
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        crate::files::write(&at("a/1"), b"").unwrap();
        crate::files::write(&at("b/2"), b"").unwrap();
        symlink("..", at("a/up")).unwrap();
        insta::assert_snapshot!(told(folder.path()), @"cannot follow a/up: it is a link to a folder that it lies in");
        crate::files::remove_file(&at("a/up")).unwrap();
        symlink(at("b"), at("a/over")).unwrap();
        symlink(at("a"), at("b/back")).unwrap();
        assert!(told(folder.path()).ends_with("it is a link to a folder that it lies in"));
    }

    #[test]
    fn what_might_never_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = UnixListener::bind(folder.path().join("socket.png")).unwrap();
        insta::assert_snapshot!(told(folder.path()), @"cannot read socket.png: it is a pipe, a socket or a device; a plain file or a folder expected");
    }
}
