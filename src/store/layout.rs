//! The layout of the cache: which path holds what.

use std::path::Path;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::files::file_name;
use crate::files::plain;
use crate::files::plain::Sort;
use crate::store::Error;

/// Format of the layout and of the records. 1: first format.
pub(super) const FORMAT: u32 = 1;

/// What tells backup programs to leave the folder out (<https://bford.info/cachedir/>).
pub(super) const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
# This folder is a cache made by ablate; all in it can be computed again.\n";

/// Name of a run's journal in its folder.
pub(super) const JOURNAL: &str = "events.jsonl";

/// The folders of a cache.
const FOLDERS: [&str; 10] = [
    "objects",
    "records",
    "recipes",
    "receipts",
    "sightings",
    "downloads",
    "locks",
    "scratch",
    "checkpoints",
    "runs",
];

/// Where everything lies below the cache's folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The cache's folder, as an absolute path.
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn version(&self) -> PathBuf {
        self.root.join("VERSION")
    }

    pub(super) fn tag(&self) -> PathBuf {
        self.root.join("CACHEDIR.TAG")
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Returns where content lies: two digits, then the others, so that no folder grows too long.
    pub(super) fn object(&self, content: Digest) -> PathBuf {
        let digits = content.to_string();
        self.root.join(format!("objects/{}/{}", &digits[..2], &digits[2..]))
    }

    pub(super) fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    pub(super) fn record(&self, key: Digest) -> PathBuf {
        self.root.join(format!("records/{key}.json"))
    }

    pub(super) fn recipes(&self) -> PathBuf {
        self.root.join("recipes")
    }

    pub(super) fn recipe(&self, recipe: Digest) -> PathBuf {
        self.root.join(format!("recipes/{recipe}.json"))
    }

    pub(super) fn receipts(&self) -> PathBuf {
        self.root.join("receipts")
    }

    pub(super) fn receipt(&self, asked: Digest) -> PathBuf {
        self.root.join(format!("receipts/{asked}.json"))
    }

    pub(super) fn sightings(&self) -> PathBuf {
        self.root.join("sightings")
    }

    /// Returns where is kept what was seen of a source, told by its absolute path.
    pub(super) fn sighting(&self, source: &Path) -> PathBuf {
        let name = Digest::of_bytes(source.as_os_str().as_encoded_bytes());
        self.root.join(format!("sightings/{name}.jsonl"))
    }

    pub(super) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// Returns the folder of a download, told by what was asked for.
    pub(super) fn download(&self, asked: Digest) -> PathBuf {
        self.root.join(format!("downloads/{asked}"))
    }

    pub(super) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    pub(super) fn lock(&self, key: Digest) -> PathBuf {
        self.root.join(format!("locks/{key}.lock"))
    }

    pub(super) fn scratches(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Returns the folder that only one holder of the key's lease uses, told by a name of its own.
    pub(super) fn scratch(&self, key: Digest, holder: &str) -> PathBuf {
        self.root.join(format!("scratch/{key}.{holder}"))
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Refuses a cache with a link, or anything else that is no folder, where it keeps its folders: what
    /// lies behind a link is not the cache's. The cache's own folder may be reached by one.
    pub(super) fn refuse_links(&self) -> Result<(), Error> {
        for name in FOLDERS {
            refuse_link(&self.root.join(name))?;
        }
        if plain::look(&self.objects()).is_none() {
            return Ok(());
        }
        for entry in std::fs::read_dir(self.objects()).into_iter().flatten().flatten() {
            // Most file systems tell the sort with the name, so that a cache opens fast.
            if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                refuse_link(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Refuses links where a run's journal and logs are to be written.
    pub(super) fn refuse_linked_run(&self, run: &str) -> Result<(), Error> {
        refuse_link(&self.run(run))?;
        refuse_link(&self.run(run).join("logs"))
    }

    pub(super) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    pub(super) fn run(&self, run: &str) -> PathBuf {
        self.runs().join(file_name(run))
    }

    pub(super) fn log(&self, run: &str, label: &str) -> PathBuf {
        self.run(run).join("logs").join(format!("{}.log", file_name(label)))
    }
}

/// Returns the digest that a file name such as `<digest>.json` stands for.
pub(super) fn digest_of_name(path: &Path) -> Option<Digest> {
    digest_of_text(path.file_stem()?.to_str()?)
}

/// Returns the digest that a text stands for as the cache writes it, in lower case.
pub(super) fn digest_of_text(text: &str) -> Option<Digest> {
    text.parse().ok().filter(|digest: &Digest| digest.to_string() == text)
}

fn refuse_link(path: &Path) -> Result<(), Error> {
    match plain::look(path) {
        None | Some((Sort::Folder, _)) => Ok(()),
        Some((sort, _)) => Err(Error::NoFolder { path: path.to_owned(), sort }),
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use super::Layout;
    use super::digest_of_name;

    #[test]
    fn no_label_leads_out_of_the_folder_of_its_run() {
        let layout = Layout { root: "/cache".into() };
        let path = layout.log("2026", "../fit[arm=a/b,seed=1]");
        let name = path.strip_prefix("/cache/runs/2026/logs").unwrap().to_str().unwrap();
        assert!(name.starts_with("_fit[arm=a_b,seed=1]-") && !name.contains('/'), "{name}");
    }

    #[test]
    fn the_name_of_a_record_is_its_key() {
        let key = Digest::of_bytes(b"key");
        let layout = Layout { root: "/cache".into() };
        assert_eq!(digest_of_name(&layout.record(key)), Some(key));
        assert_eq!(digest_of_name("/cache/records/README".as_ref()), None);
    }
}
