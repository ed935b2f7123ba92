//! Tasks: the stages of a manifest, one for each cell that they span.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use litemap::LiteMap;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::artifact::Partition;
use crate::digest::Digest;
use crate::files;
use crate::plan::Params;
use crate::plan::TaskKey;
use crate::plan::data;
use crate::plan::key::FORMAT;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::PortName;
use crate::stage::Ports;
use crate::stage::Resources;
use crate::stage::SourceRef;
use crate::stage::StageKind;

/// A task of a plan: an index into [`Plan::tasks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub usize);

/// A named dimension of the study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// Name; `seed` sets the seed of the stages that span it.
    pub name: String,
    /// Values, in the manifest's order.
    pub values: Vec<AxisValue>,
}

/// One value of an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisValue {
    /// How slices, labels and tables call it.
    pub name: String,
    /// What `${axis.x}` puts in its place.
    pub value: Value,
}

/// A file or folder from outside, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Where it lies; absent where it was found nowhere.
    pub path: Option<PathBuf>,
    /// Digest of its content; absent where it was found nowhere and the manifest pins none.
    pub digest: Option<Digest>,
}

impl Source {
    /// Returns whether its content is still what it was found to be; one that was found nowhere is.
    pub fn is_unchanged(&self) -> Result<bool, files::Error> {
        let Some(path) = &self.path else { return Ok(true) };
        Ok(Some(data::digest(path)?) == self.digest)
    }
}

/// An artifact that enters a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct InputRef {
    /// The task that makes it.
    pub task: TaskId,
    /// The output port by which it leaves.
    pub port: PortName,
}

/// One stage in one cell of the study.
#[derive(Debug, Clone)]
pub struct Task {
    /// Place in [`Plan::tasks`].
    pub id: TaskId,
    /// Name of the stage in the manifest.
    pub stage: String,
    /// Axis -> name of its value, for the axes that the stage spans.
    pub cell: BTreeMap<String, String>,
    /// Kind of stage.
    pub kind: &'static StageKind,
    /// What enters and what leaves.
    pub ports: Arc<Ports>,
    /// Params, complete with defaults and with every `${...}` resolved.
    pub params: Params,
    /// Port -> what enters it, in order.
    pub inputs: LiteMap<String, Vec<InputRef>>,
    /// Seed; 0 where the kind draws nothing.
    pub seed: u64,
    /// What a run takes.
    pub resources: Resources,
    /// Times that a failed run is tried again.
    pub retries: u32,
    /// Files from outside, by the name that the params give them.
    pub sources: BTreeMap<String, Source>,
    /// Expected images by output port, where known.
    pub counts: Arc<LiteMap<String, Counts>>,
    /// Partitions that each output was made from.
    pub partitions: LiteMap<String, BTreeSet<Partition>>,
    /// Reasons given by `allow_leakage`, here or on an ancestor that leaks.
    pub leaks: Vec<String>,
    /// Digest of the recipe key; absent where a source is missing.
    pub recipe: Option<Digest>,
}

/// A study, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the study.
    pub name: String,
    /// Axes, in the manifest's order.
    pub axes: Vec<Axis>,
    /// Tasks; inputs come before what they enter.
    pub tasks: Vec<Task>,
    /// `--set` arguments, as given.
    pub overrides: Vec<String>,
}

impl Task {
    /// Returns the content key, given the digests of what enters each port; nothing where a source
    /// is missing.
    pub fn key(&self, inputs: BTreeMap<String, Vec<Digest>>) -> Option<TaskKey> {
        let sources = self
            .sources
            .iter()
            .map(|(name, source)| Some((name.clone(), source.digest?)))
            .collect::<Option<_>>()?;
        Some(TaskKey { inputs, sources, ..self.own_key() })
    }

    /// Returns the key without what enters the ports: what the task itself says, with the contents of
    /// those sources that were found.
    pub fn own_key(&self) -> TaskKey {
        let sources = self.sources.iter();
        TaskKey {
            format: FORMAT,
            kind: self.kind.name.to_owned(),
            version: self.kind.version,
            params: self.deciding_params(),
            inputs: BTreeMap::new(),
            sources: sources.filter_map(|(name, one)| Some((name.clone(), one.digest?))).collect(),
            seed: self.seed,
        }
    }

    /// Returns the params without those that decide nothing of what the task gives.
    fn deciding_params(&self) -> Value {
        let mut value = self.params.value();
        if let Value::Object(params) = &mut value {
            params.retain(|name, _| !self.kind.beside_key.contains(&name.as_str()));
        }
        value
    }

    /// Returns the files from outside that its params name.
    pub fn sources_named(&self) -> Vec<SourceRef> {
        (self.kind.sources)(&self.params.value())
    }

    /// Returns the course of its training; nothing where it trains nothing.
    pub fn course(&self) -> Option<Course> {
        // Most train nothing, and their params need not be looked into.
        (!self.kind.course_params.is_empty()).then(|| (self.kind.course)(&self.params.value()))?
    }

    /// Returns the optimiser steps of its training on so many images; nothing where it trains nothing.
    pub fn steps(&self, images: usize) -> Option<usize> {
        (self.kind.steps)(&self.params.value(), images)
    }

    /// Returns the program of the user's own that it starts, with its arguments, if it does.
    pub fn program(&self) -> Option<Vec<String>> {
        (self.kind.program)(&self.params.value())
    }

    /// Returns every artifact that enters, with its port.
    pub fn all_inputs(&self) -> impl Iterator<Item = (&str, InputRef)> {
        self.inputs.iter().flat_map(|(port, refs)| refs.iter().map(|one| (port.as_str(), *one)))
    }
}

/// Shows as `fit[arm=classic,seed=1]`, the way slices are written.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell: Vec<String> =
            self.cell.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        if cell.is_empty() {
            f.pad(&self.stage)
        } else {
            f.pad(&format!("{}[{}]", self.stage, cell.join(",")))
        }
    }
}

impl Plan {
    /// Returns a task.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.0]
    }

    /// Returns the given tasks and all that they need, in order.
    pub fn with_ancestors(&self, wanted: &BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let mut needed = wanted.clone();
        for task in self.tasks.iter().rev() {
            if needed.contains(&task.id) {
                needed.extend(task.all_inputs().map(|(_, input)| input.task));
            }
        }
        needed
    }
}
