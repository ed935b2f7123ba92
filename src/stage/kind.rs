//! A kind of stage as plain data and function pointers: types are erased here and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::Forecast;
use crate::stage::Inputs;
use crate::stage::Outputs;
use crate::stage::ParamProblem;
use crate::stage::Port;
use crate::stage::Ports;
use crate::stage::Resources;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::Trees;
use crate::stage::params;

/// Where a kind runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runner {
    /// Inside the engine's process, on rayon's threads.
    Inline,
    /// In a worker process, with libtorch.
    Torch,
    /// In a process of its own, which the stage starts: a program of the user.
    Program,
}

/// What a run left at one output port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Produced {
    /// Folder with the artifact's files.
    pub folder: PathBuf,
    /// The few facts that `ablate show` prints.
    pub summary: Value,
}

/// Tells, from params and what is known of the inputs, the images by output port, or how a run would
/// end.
pub type ForecastFn = fn(&Value, &Forecast) -> Result<Vec<(&'static str, Counts)>, StageError>;

/// Runs a stage on resolved params and opened trees, and tells what lies under each output port.
pub type RunFn =
    fn(&Context<'_>, &Value, &Trees, &Path) -> Result<BTreeMap<String, Produced>, StageError>;

/// A kind of stage.
pub struct StageKind {
    /// Name in manifests.
    pub name: &'static str,
    /// Raised whenever the same inputs and params would give other outputs.
    pub version: u32,
    /// One sentence.
    pub about: &'static str,
    /// Where it runs.
    pub runner: Runner,
    /// Params that enter no key, because they decide nothing of what it gives.
    pub beside_key: &'static [&'static str],
    /// Params that change how images look, and not which there are nor how they are parted.
    pub appearance: &'static [&'static str],
    /// Params that make up the course of a training.
    pub course_params: &'static [&'static str],
    /// Params that declare ports beside these, without `${...}`.
    pub declares: &'static [&'static str],
    /// What enters every stage of the kind.
    pub inputs: &'static [Port],
    /// What leaves every stage of the kind; the first is meant where a manifest names only the stage.
    pub outputs: &'static [Port],
    /// Returns the JSON schema of the params.
    pub schema: fn() -> Value,
    /// Returns the ports of a stage by its params as they are written.
    pub ports: fn(&Value) -> Ports,
    /// Fills in defaults, or returns every problem of the params, given their schema: it is slow to
    /// build, and a study of thousands of stages needs it thousands of times.
    pub resolve_by: fn(&Value, &Value) -> Result<Value, Vec<ParamProblem>>,
    /// Returns what a run takes.
    pub resources: fn(&Value) -> Resources,
    /// Returns whether the result depends on the seed.
    pub draws: fn(&Value) -> bool,
    /// Returns the course of a training; nothing for params that are none of this kind's.
    pub course: fn(&Value) -> Option<Course>,
    /// Returns the optimiser steps of a training on so many images; nothing where it is none.
    pub steps: fn(&Value, usize) -> Option<usize>,
    /// Returns the files from outside that the params name.
    pub sources: fn(&Value) -> Vec<SourceRef>,
    /// Returns the program of the user's own that a run starts, with its arguments, if it does.
    pub program: fn(&Value) -> Option<Vec<String>>,
    /// Returns the expected numbers of images by output port, or why it cannot run.
    pub forecast: ForecastFn,
    /// Runs it; every output port's files land in `folder/<port>/`.
    pub run: RunFn,
}

impl StageKind {
    /// Returns the kind that a type implements. All functions but `schema`, `ports` and `resolve`
    /// expect params that went through `resolve`.
    pub const fn of<S: Stage>() -> Self {
        Self {
            name: S::KIND,
            version: S::VERSION,
            about: S::ABOUT,
            runner: S::RUNNER,
            beside_key: S::BESIDE_KEY,
            appearance: S::APPEARANCE,
            course_params: S::COURSE,
            declares: S::DECLARES,
            inputs: S::Inputs::PORTS,
            outputs: S::Outputs::PORTS,
            schema: params::schema::<S>,
            ports: S::ports,
            resolve_by: params::resolve::<S>,
            resources: |value| S::resources(&params::typed::<S>(value)),
            draws: |value| S::draws(&params::typed::<S>(value)),
            course: |value| S::course(&params::read::<S>(value).ok()?),
            steps: |value, images| S::steps(&params::read::<S>(value).ok()?, images),
            sources: |value| S::sources(&params::typed::<S>(value)),
            program: |value| S::program(&params::typed::<S>(value)),
            forecast: |value, known| S::forecast(&params::typed::<S>(value), known),
            run: run::<S>,
        }
    }

    /// Fills in the defaults of params, or returns every problem of them.
    pub fn resolve(&self, value: &Value) -> Result<Value, Vec<ParamProblem>> {
        (self.resolve_by)(&(self.schema)(), value)
    }
}

impl std::fmt::Debug for StageKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StageKind({} v{})", self.name, self.version)
    }
}

fn run<S: Stage>(
    cx: &Context<'_>,
    value: &Value,
    trees: &Trees,
    folder: &Path,
) -> Result<BTreeMap<String, Produced>, StageError> {
    let inputs = S::Inputs::open(trees)?;
    let outputs = S::run(cx, &params::typed::<S>(value), inputs)?;
    Ok(outputs.write(folder)?)
}
