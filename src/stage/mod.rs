//! The contract between a kind of stage and the engine that runs it.
//!
//! A kind implements [`Stage`] in one file of `stages/`; [`StageKind::of`] turns it into plain data
//! and function pointers, from which validation, keys, schema, documentation and dispatch derive.

mod context;
mod course;
mod error;
mod forecast;
mod kind;
mod params;
mod port_name;
mod ports;
mod progress;
mod resources;
mod schema;
mod source;
mod stop;

pub use crate::fetch::Address;
pub use context::Context;
pub use context::Observer;
pub use context::Tick;
pub use context::Unwatched;
pub use course::Checkpoints;
pub use course::Course;
pub use course::Keep;
pub use course::Phase;
pub use error::StageError;
pub use forecast::Counts;
pub use forecast::Forecast;
pub use kind::ForecastFn;
pub use kind::Produced;
pub use kind::RunFn;
pub use kind::Runner;
pub use kind::StageKind;
pub use params::ParamProblem;
pub use port_name::PortName;
pub use ports::Inputs;
pub use ports::Lineage;
pub use ports::Outputs;
pub use ports::Port;
pub use ports::PortValue;
pub use ports::Ports;
pub use ports::Role;
pub use ports::Trees;
pub(crate) use ports::ports;
pub use progress::Progress;
pub use resources::Device;
pub use resources::DeviceRequest;
pub use resources::Resources;
pub use source::Remote;
pub use source::SourceKind;
pub use source::SourceRef;
pub use stop::StopWhen;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One kind of stage: what it takes, what it gives and how it gets from one to the other.
pub trait Stage {
    /// Name in manifests, kebab-case, equal to the file's name.
    const KIND: &'static str;
    /// Raised whenever the same inputs and params would give other outputs.
    const VERSION: u32;
    /// One sentence for `ablate kinds`.
    const ABOUT: &'static str;
    /// Where it runs: inside the engine, or in a worker with libtorch.
    const RUNNER: Runner;
    /// Params that decide how a run goes and nothing of what it gives; they enter no key.
    const BESIDE_KEY: &'static [&'static str] = &[];
    /// Params that change how images look, and not which there are nor how they are parted.
    const APPEARANCE: &'static [&'static str] = &[];

    /// Params that make up the course of a training, and decide nothing but that; none for a kind that
    /// trains nothing.
    const COURSE: &'static [&'static str] = &[];

    /// Params that declare ports beside those of `Inputs` and `Outputs`; written without `${...}`.
    const DECLARES: &'static [&'static str] = &[];

    /// What the manifest says below `params`; documented, with defaults, ranges and units.
    type Params: Serialize + DeserializeOwned + JsonSchema;
    /// What the manifest says below `inputs`.
    type Inputs: Inputs;
    /// What the stage makes.
    type Outputs: Outputs;

    /// Returns what is wrong with params that the schema cannot express, such as two sources at once.
    fn check(_params: &Self::Params) -> Vec<ParamProblem> {
        Vec::new()
    }

    /// Returns the ports of a stage, given its params as they are written: whatever is wrong with them
    /// is left out here, and told by [`Self::check`] or the schema.
    fn ports(_written: &Value) -> Ports {
        Ports { inputs: Self::Inputs::PORTS.to_vec(), outputs: Self::Outputs::PORTS.to_vec() }
    }

    /// Returns what one run takes; the manifest's `resources` override it.
    fn resources(_params: &Self::Params) -> Resources {
        Resources::default()
    }

    /// Returns whether the result depends on the seed. Keys of kinds that draw nothing leave it out.
    fn draws(_params: &Self::Params) -> bool {
        true
    }

    /// Returns the course of a training; nothing for a kind that trains nothing.
    fn course(_params: &Self::Params) -> Option<Course> {
        None
    }

    /// Returns the optimiser steps of a training on so many images, where it goes to the end of its course; nothing
    /// for a kind that trains nothing.
    fn steps(_params: &Self::Params, _images: usize) -> Option<usize> {
        None
    }

    /// Returns the files from outside that the params name.
    fn sources(_params: &Self::Params) -> Vec<SourceRef> {
        Vec::new()
    }

    /// Returns the program of the user's own that a run starts, with its arguments, if it does: nobody starts one
    /// without permission.
    fn program(_params: &Self::Params) -> Option<Vec<String>> {
        None
    }

    /// Returns how many images each output will hold, as far as that is known before running, or the
    /// error with which a run would end.
    fn forecast(
        _params: &Self::Params,
        _known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        Ok(Vec::new())
    }

    /// Runs the stage. Everything it needs comes in through `cx`, `params` and `inputs`.
    fn run(
        cx: &Context<'_>,
        params: &Self::Params,
        inputs: Self::Inputs,
    ) -> Result<Self::Outputs, StageError>;
}
