//! A trial: one run of a kind in a scratch folder, for tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use crate::artifact::Artifact;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::artifact::Tree;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Device;
use crate::stage::Observer;
use crate::stage::ParamProblem;
use crate::stage::Produced;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stage::Trees;
use crate::stage::Unwatched;

/// An observer that asks to stop.
pub(super) struct Stopping;

impl Observer for Stopping {
    fn cancelled(&self) -> bool {
        true
    }
}

/// What a kind is run with.
pub(super) struct Trial<'a> {
    pub(super) kind: StageKind,
    pub(super) params: Value,
    pub(super) inputs: Vec<(&'a str, Vec<&'a ImageSet>)>,
    pub(super) sources: Vec<(&'a str, &'a Path)>,
    pub(super) seed: u64,
    pub(super) threads: usize,
}

impl Trial<'_> {
    /// Returns a trial of a kind without inputs and sources.
    pub(super) fn of(kind: StageKind, params: Value) -> Self {
        Self { kind, params, inputs: vec![], sources: vec![], seed: 1, threads: 2 }
    }

    /// Runs it and reads every image set that leaves.
    pub(super) fn run(&self) -> Result<BTreeMap<String, ImageSet>, StageError> {
        self.watched_by(&Unwatched)
    }

    /// Runs it and reads one artifact that leaves.
    pub(super) fn read<A: Artifact>(&self, port: &str) -> Result<A, StageError> {
        let scratch = tempfile::tempdir().expect("tests may write scratch files");
        let produced = self.produced(scratch.path(), &Unwatched)?;
        Ok(A::read(&Tree::of_folder(&produced[port].folder)?)?)
    }

    /// Runs it under the eyes of an observer.
    pub(super) fn watched_by(
        &self,
        observer: &dyn Observer,
    ) -> Result<BTreeMap<String, ImageSet>, StageError> {
        let scratch = tempfile::tempdir().expect("tests may write scratch files");
        let produced = self.produced(scratch.path(), observer)?;
        let is_set = |port: &str| {
            (self.kind.ports)(&self.params)
                .output(port)
                .is_some_and(|port| port.artifact == ImageSet::TYPE)
        };
        let read = |folder: &Path| ImageSet::read(&Tree::of_folder(folder)?);
        let sets = produced.into_iter().filter(|(port, _)| is_set(port));
        sets.map(|(port, made)| Ok((port, read(&made.folder)?))).collect()
    }

    fn produced(
        &self,
        scratch: &Path,
        observer: &dyn Observer,
    ) -> Result<BTreeMap<String, Produced>, StageError> {
        let params = self.kind.resolve(&self.params).expect("the params of a trial are right");
        let mut trees = Trees::new();
        for (port, sets) in &self.inputs {
            for (number, set) in sets.iter().enumerate() {
                let folder = scratch.join(format!("in-{port}-{number}"));
                set.write(&folder)?;
                trees.entry((*port).to_owned()).or_default().push(Tree::of_folder(&folder)?);
            }
        }
        let owned = |(name, path): &(&str, &Path)| ((*name).to_owned(), PathBuf::from(path));
        let cx = Context {
            seed: Seed(self.seed),
            device: Device::Cpu,
            threads: self.threads,
            sources: self.sources.iter().map(owned).collect(),
            folder: scratch.join("task"),
            environment: None,
            guard: None,
            checkpoints: None,
            observer,
        };
        (self.kind.run)(&cx, &params, &trees, &scratch.join("out"))
    }
}

/// Returns a training image without a group: its name, its number there, and its label.
pub(super) fn sample(name: &str, index: usize, label: Option<usize>) -> Sample {
    let (id, partition) = (format!("{name}/{index}"), Partition::Train);
    Sample { id, label, partition, group: None, origin: name.to_owned() }
}

/// Returns what is wrong with params, a line each.
pub(super) fn problems(kind: &StageKind, params: &Value) -> String {
    let found = kind.resolve(params).expect_err("these params are wrong");
    let line = |found: &ParamProblem| format!("{}: {}", found.path.join("."), found.problem);
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns what is said of an error: the problem, and what to do about it.
pub(super) fn told(error: &StageError) -> String {
    match error.remedy() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}
