//! Origins: which tasks give the same images, and which sources may share some.
//!
//! Follows from what a manifest says, so that a proof that is made without data holds with it, but for
//! two files of the same content, which only their contents can show.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::stage::PortName;

/// The tasks so far, told apart by the images that they give.
#[derive(Default)]
pub(super) struct Origins {
    /// For each task, the first that gives the same images in the same parts.
    firsts: Vec<TaskId>,
    known: BTreeMap<Digest, TaskId>,
    /// For each task, one that may share images with it; itself where it is the first.
    relatives: Vec<usize>,
    /// The first task of each file, and of each seed where images are drawn.
    holders: BTreeMap<String, usize>,
}

impl Origins {
    /// Adds a task, whose inputs must have been added.
    pub(super) fn add(&mut self, task: &Task) {
        let inputs =
            task.all_inputs().map(|(port, input)| (port, self.firsts[input.task.0], input.port));
        let inputs: Vec<(&str, TaskId, PortName)> = inputs.collect();
        let files: Vec<&String> = task.sources.keys().collect();
        // What a file holds follows from its name here, so it is told from others by that alone.
        let TaskKey { format, kind, mut params, seed, version, .. } = task.own_key();
        if let Value::Object(params) = &mut params {
            params.retain(|name, _| !task.kind.appearance.contains(&name.as_str()));
        }
        let layout = Digest::of_value(&(format, kind, params, seed, version, files, inputs));
        self.firsts.push(*self.known.entry(layout).or_insert(task.id));
        let place = task.id.0;
        self.relatives.push(place);
        let drawn = || format!("{} by {}", task.kind.name, task.seed);
        let mut holds: Vec<String> = task.sources.iter().map(content).collect();
        if holds.is_empty() && task.inputs.is_empty() {
            holds.push(drawn());
        }
        for held in holds {
            let first = *self.holders.entry(held).or_insert(place);
            let (one, other) = (self.root(first), self.root(place));
            self.relatives[one.max(other)] = one.min(other);
        }
    }

    /// Returns the first task that gives the same images in the same parts.
    pub(super) fn first(&self, task: TaskId) -> TaskId {
        self.firsts[task.0]
    }

    /// Returns whether two sources may have an image in common.
    pub(super) fn are_related(&self, one: TaskId, other: TaskId) -> bool {
        self.root(one.0) == self.root(other.0)
    }

    fn root(&self, mut at: usize) -> usize {
        while self.relatives[at] != at {
            at = self.relatives[at];
        }
        at
    }
}

/// Returns what tells a file from others: its content where it is at hand, else its name.
fn content((name, source): (&String, &crate::plan::Source)) -> String {
    source.digest.map_or_else(|| format!("name {name}"), |digest| digest.to_string())
}
