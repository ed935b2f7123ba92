//! Resources: what a stage asks for, and the device it is given.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// The device that a manifest or a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceRequest {
    /// A CUDA device where there is one, else the CPU; the choice is said.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device; an error where there is none.
    Cuda,
}

/// A device that a stage runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(index) => f.pad(&format!("cuda:{index}")),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let index = text.strip_prefix("cuda:").and_then(|index| index.parse().ok());
        match (text, index) {
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(index)) => Ok(Self::Cuda(index)),
            _ => Err(format!("`{text}` is no device: `cpu`, `cuda` or `cuda:0` expected")),
        }
    }
}

impl Serialize for Device {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one run of a stage takes. Never part of a key. The number of cores may
/// change the rounding of a training, and nothing else does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Where a torch stage runs.
    pub device: DeviceRequest,
    /// CPU cores that it keeps busy; 0 means its share of all.
    #[schemars(range(min = 0, max = 4096))]
    pub cpus: usize,
    /// Main memory that it takes, MiB; 0 means unknown. Stages that say so run side by side only as
    /// far as they fit into the machine together.
    pub memory: u64,
    /// Longest time that it may run, seconds; 0 means no limit.
    pub time: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self { device: DeviceRequest::Auto, cpus: 1, memory: 0, time: 0 }
    }
}

impl Resources {
    /// Returns the resources of a stage that uses all cores.
    pub fn all_cores() -> Self {
        Self { cpus: 0, ..Self::default() }
    }
}
