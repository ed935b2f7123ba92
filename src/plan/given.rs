//! What a plan took from outside beside its manifest: which sources were asked for, and what was found of each.
//!
//! Does not know what is made of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::data::Finder;
use crate::stage::SourceRef;

/// A source that was asked for, and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What was asked for.
    pub source: SourceRef,
    /// Digest of its content; absent where nobody knows it.
    pub digest: Option<Digest>,
    /// Whether it was found.
    pub is_at_hand: bool,
}

impl Plan {
    /// Returns every source that the plan asks for, each once, with what it found.
    pub fn given(&self) -> Vec<Given> {
        let mut given = BTreeMap::new();
        for task in &self.tasks {
            for source in (task.kind.sources)(&task.params) {
                let Some(found) = task.sources.get(&source.name) else { continue };
                let name = serde_json::to_string(&source).expect("its keys are strings");
                given.entry(name).or_insert_with(|| Given::of(source, found));
            }
        }
        given.into_values().collect()
    }
}

impl DataFolders {
    /// Returns whether the same would be found of all of these sources now.
    pub fn still_have(&self, given: &[Given]) -> bool {
        let mut finder = Finder::new(self);
        given.iter().all(|before| {
            let found = finder.find(&before.source);
            found.is_ok_and(|found| Given::of(before.source.clone(), &found) == *before)
        })
    }
}

impl Given {
    fn of(source: SourceRef, found: &Source) -> Self {
        Self { source, digest: found.digest, is_at_hand: found.path.is_some() }
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
        files::write(&folder.path().join("second/a"), b"one").unwrap();
        let given = plan(folder.path()).0.given();
        let told: Vec<_> =
            given.iter().map(|one| (&*one.source.name, one.digest, one.is_at_hand)).collect();
        let digest = Digest::of_bytes(b"one");
        assert_eq!(told, [("a", Some(digest), true), ("b", None, false)]);
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
        let given: Vec<Given> = plan.given();
        let holds = || data.still_have(&given);
        assert!(holds());
        write("first/a", "two"); // before the other
        assert!(!holds());
        write("first/a", "one"); // the same content, elsewhere
        assert!(holds());
        remove("second/a");
        assert!(holds());
        write("second/b", "new");
        assert!(!holds());
        remove("second/b");
        assert!(holds());
        remove("first/a");
        assert!(!holds());
        files::create_folder(&folder.path().join("first/a")).unwrap(); // no file
        assert!(!holds());
    }
}
