//! What a plan took from outside beside its manifest: which sources were asked for, and what was found of each.
//!
//! Does not know what is made of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::data::Finder;
use crate::stage::SourceRef;

/// A source that was asked for, and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What was asked for.
    pub source: SourceRef,
    /// Digest of its content; absent where nobody knows it.
    pub digest: Option<Digest>,
    /// Digest of what the file system says of its files, and of links that lead there from elsewhere; absent where it
    /// was not found.
    pub looks: Option<Digest>,
}

impl DataFolders {
    /// Returns every source that a plan asks for, each once, with what is found of it now; nothing where that is not
    /// what the plan found.
    pub fn given(&self, plan: &Plan) -> Option<Vec<Given>> {
        let mut finder = Finder::new(self);
        let mut given = BTreeMap::new();
        for task in &plan.tasks {
            for source in task.sources_named() {
                let name = serde_json::to_string(&source).expect("its keys are strings");
                if given.contains_key(&name) {
                    continue;
                }
                let found = Given::of(source, &mut finder)?;
                let planned = task.sources.get(&found.source.name)?;
                let is_same = planned.digest == found.digest
                    && planned.path.is_some() == found.looks.is_some();
                given.insert(name, is_same.then_some(found)?);
            }
        }
        Some(given.into_values().collect())
    }

    /// Returns whether the same would be found of all of these sources now.
    pub fn still_have(&self, given: &[Given]) -> bool {
        let mut finder = Finder::new(self);
        let mut now = |before: &Given| Given::of(before.source.clone(), &mut finder);
        given.iter().all(|before| now(before).as_ref() == Some(before))
    }
}

impl Given {
    /// Finds a source; nothing where a plan would refuse it.
    fn of(source: SourceRef, finder: &mut Finder<'_>) -> Option<Self> {
        let found = finder.find(&source).ok()?;
        let looks = found.path.as_deref().map(|path| finder.looks_once(path));
        Some(Self { source, digest: found.digest, looks: looks.transpose().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Given;
    use crate::digest::Digest;
    use crate::files;
    use crate::manifest;
    use crate::plan::DataFolders;
    use crate::plan::Plan;
    use crate::plan::build;
    use crate::plan::toys::TOYS;
    use crate::stage::SourceKind;
    use crate::stage::SourceRef;

    fn plan(folder: &Path) -> (Plan, DataFolders) {
        let path = folder.join("study.yaml");
        let stages = "one: {kind: draw, params: {file: a}}, two: {kind: draw, params: {file: b}}, again: {kind: draw, params: {file: a, count: 9}}";
        let text = format!("ablate: 1\nname: x\nstages: {{{stages}}}\n");
        files::write(&path, text.as_bytes()).unwrap();
        let manifest = manifest::load(&path, &[]).unwrap();
        let data = DataFolders::new([folder.join("first"), folder.join("second")], &path);
        (build(&manifest.document, TOYS, &data).unwrap(), data)
    }

    #[test]
    fn each_source_is_told_once_with_what_was_found_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("second/a");
        files::write(&path, b"one").unwrap();
        let (plan, data) = plan(folder.path());
        let given = data.given(&plan).unwrap();
        let told: Vec<_> =
            given.iter().map(|one| (&*one.source.name, one.digest, one.looks.is_some())).collect();
        let digest = Digest::of_bytes(b"one");
        assert_eq!(told, [("a", Some(digest), true), ("b", None, false)]);
        files::write(&path, b"two").unwrap();
        assert_eq!(data.given(&plan), None, "the plan is of another file");
    }

    #[test]
    fn whatever_is_found_otherwise_shows() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            files::write(&folder.path().join(name), text.as_bytes()).unwrap();
        };
        let remove = |name: &str| files::remove(&folder.path().join(name)).unwrap();
        write("second/a", "one");
        let (plan, data) = plan(folder.path());
        let given = data.given(&plan).unwrap();
        let holds = || data.still_have(&given);
        assert!(holds());
        write("first/a", "two"); // before the other
        assert!(!holds());
        remove("first/a");
        assert!(holds());
        write("second/b", "new");
        assert!(!holds());
        remove("second/b");
        assert!(holds());
        remove("second/a");
        assert!(!holds());
        files::create_folder(&folder.path().join("second/a")).unwrap(); // no file
        assert!(!holds());
    }

    #[test]
    fn a_file_that_a_link_leads_to_from_elsewhere_is_found_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("data/photos/a"), folder.path().join("a"));
        files::write(&inside, b"one").unwrap();
        let source = SourceRef { kind: SourceKind::Folder, ..SourceRef::file("photos", "folder") };
        let data = DataFolders::new([folder.path().join("data")], Path::new("x"));
        let given = || Given::of(source.clone(), &mut super::Finder::new(&data)).unwrap();
        let before = given();
        assert!(data.still_have(std::slice::from_ref(&before)));
        files::rename(&inside, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        let after = given();
        assert_eq!(after.digest, before.digest);
        assert!(!data.still_have(&[before]) && data.still_have(&[after]));
    }
}
