//! Any files: what only the programs that make and read them understand.

use std::path::Path;

use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::files;

/// Any files. Knows their names and sizes; their contents stay where they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    tree: Tree,
    bytes: u64,
}

impl Artifact for Files {
    const TYPE: &'static str = "files";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let sizes = tree.0.values().map(|path| files::size(path));
        let bytes = sizes.sum::<Result<u64, files::Error>>()?;
        Ok(Self { tree: tree.clone(), bytes })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        for (name, path) in &self.tree.0 {
            files::write_scratch(&folder.join(name), &files::map(path)?)?;
        }
        Ok(())
    }

    fn summary(&self) -> serde_json::Value {
        json!({"files": self.tree.0.len(), "bytes": self.bytes})
    }
}

#[cfg(test)]
mod tests {
    use super::Artifact;
    use super::Files;
    use super::Tree;
    use super::files;

    #[test]
    fn files_survive_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        files::write(&folder.path().join("one/deep/a.bin"), b"abc").unwrap();
        files::write(&folder.path().join("one/b"), b"").unwrap();
        let read = |name: &str| Tree::of_folder(&folder.path().join(name)).unwrap();
        let found = Files::read(&read("one")).unwrap();
        found.write(&folder.path().join("two")).unwrap();
        assert_eq!(found.summary(), serde_json::json!({"files": 2, "bytes": 3}));
        assert_eq!(read("two").read("deep/a.bin").unwrap(), b"abc");
    }
}
