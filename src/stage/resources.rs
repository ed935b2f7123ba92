//! Resources: what a stage asks for, and the device it is given.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::stage::ParamProblem;
use crate::stage::schema;

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
    /// Share of a GPU that it takes, 0.001 to 1: stages whose shares add up to 1 run on it side by side. Nothing
    /// on a CPU.
    #[schemars(range(min = 0.001, max = 1.0))]
    pub gpus: f64,
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
        Self { device: DeviceRequest::Auto, gpus: 1.0, cpus: 1, memory: 0, time: 0 }
    }
}

impl Resources {
    /// Returns the resources of a stage that uses all cores.
    pub fn all_cores() -> Self {
        Self { cpus: 0, ..Self::default() }
    }

    /// Returns these resources with what a manifest says in their place, or every problem of that.
    pub fn with(&self, written: &Map<String, Value>) -> Result<Self, Vec<ParamProblem>> {
        let wanted = schemars::schema_for!(Self).to_value();
        let problems = schema::problems(&wanted, &Value::Object(written.clone()));
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut all = serde_json::to_value(self).expect("resources have string keys");
        for (name, value) in written {
            all[name] = value.clone();
        }
        serde_json::from_value(all).map_err(|error| vec![ParamProblem::at("", error.to_string())])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Resources;

    fn with(written: &Value) -> Result<Resources, String> {
        Resources::all_cores().with(written.as_object().unwrap()).map_err(|problems| {
            let line = |problem: &crate::stage::ParamProblem| {
                let help = problem.help.as_deref().unwrap_or_default();
                format!("{}: {} ({help})", problem.path.join("."), problem.problem)
            };
            problems.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn what_a_manifest_says_goes_before_what_is_usual() {
        let changed = Resources { memory: 512, ..Resources::all_cores() };
        assert_eq!(with(&json!({"memory": 512})), Ok(changed));
    }

    #[test]
    fn every_wrong_resource_is_said_in_words() {
        let wrong = json!({"cpus": 5000, "device": "cudaa", "gpus": 2, "memory": "x", "time": -1});
        insta::assert_snapshot!(with(&wrong).unwrap_err(), @"
        cpus: found 5000, expected a whole number of at least 0 and at most 4096 ()
        device: found `cudaa`, expected one of `auto`, `cpu`, `cuda` (did you mean `cuda`?)
        gpus: found 2, expected a number of at least 0.001 and at most 1 ()
        memory: found `x`, expected a whole number of at least 0 ()
        time: found -1, expected a whole number of at least 0 ()
        ");
    }
}
