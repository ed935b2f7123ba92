//! A task's key: everything that decides what it produces, and nothing else.
//!
//! The same struct is hashed for the cache, stored in the record and compared by `explain`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::digest::canonical;

/// Layout of [`TaskKey`]. 1: first layout.
pub(super) const FORMAT: u32 = 1;

/// Everything that decides what a task produces. Fields stand in the order of their names, so that
/// the text of a key is canonical as it is written: a plan of ten thousand tasks writes as many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskKey {
    /// Layout of this struct.
    pub format: u32,
    /// Digests of what enters each port, in order: contents in a content key, recipes (with the
    /// port they leave by) in a recipe key.
    pub inputs: BTreeMap<String, Vec<Digest>>,
    /// Kind of stage.
    pub kind: String,
    /// Params that decide the result, complete with defaults.
    pub params: Value,
    /// Seed; 0 where the kind draws nothing.
    pub seed: u64,
    /// Contents of files from outside, by the name that the params give them.
    pub sources: BTreeMap<String, Digest>,
    /// The kind's version.
    pub version: u32,
}

impl TaskKey {
    /// Returns what tasks have in common that differ in nothing but the course of their training, given
    /// the params that make up that course.
    pub fn course(&self, params: &[&str]) -> Digest {
        let mut apart = self.clone();
        if let Value::Object(all) = &mut apart.params {
            all.retain(|name, _| !params.contains(&name.as_str()));
        }
        Digest::of_value(&("course", apart))
    }

    /// Returns the digest under which a record of this task is kept.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_vec(self).expect("a key has string keys and no NaN");
        debug_assert_eq!(text, canonical(self).as_bytes(), "fields are sorted");
        Digest::of_bytes(&text)
    }
}
