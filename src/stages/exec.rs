//! `exec`: a program of the user's own, for what the other kinds don't do.
//!
//! Runs without a shell in a scratch folder, with a cleaned environment and only where the user permits
//! programs. What the manifest says of it (arguments, files, version, params, ports) is its key; what
//! the program does beyond that, such as opening files by their path, is not known here.

mod argument;
mod output;
mod program;
mod voice;
mod workplace;

use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;

use crate::artifact;
use crate::artifact::Artifact;
use crate::artifact::Classifier;
use crate::artifact::Files;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Scores;
use crate::stage;
use crate::stage::Context;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Port;
use crate::stage::PortName;
use crate::stage::Ports;
use crate::stage::Produced;
use crate::stage::Role;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::Trees;

use argument::Names;

/// A program of the user's own, for what the other kinds don't do.
pub struct Exec;

/// What is run, and what it takes and gives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The program and its arguments, handed over as they are: no shell looks at them. `{inputs.NAME}`
    /// and `{outputs.NAME}` become folders, `{params.NAME}`, `{seed}`, `{threads}` and `{device}` values.
    #[schemars(length(min = 1))]
    pub command: Vec<Argument>,
    /// Files that the program needs, named as every source is; they are laid into its folder under
    /// their names, and their content is part of the key.
    #[serde(default)]
    pub files: Vec<String>,
    /// Version of the tools that it uses, `torch 2.11`: part of the key, and checked by nobody.
    #[serde(default)]
    pub version: String,
    /// Whatever the program lets one set: part of the key, and handed over in `job.json`.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// What enters: port -> type, or type with `many`, `optional` and `role`.
    #[serde(default)]
    pub inputs: BTreeMap<String, Entrance>,
    /// What the program leaves: port -> type.
    pub outputs: BTreeMap<String, Type>,
}

/// An argument; a number or a truth value is handed over as its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenArgument", into = "String")]
pub struct Argument(pub String);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum WrittenArgument {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
}

impl From<WrittenArgument> for Argument {
    fn from(written: WrittenArgument) -> Self {
        Self(match written {
            WrittenArgument::Text(text) => text,
            WrittenArgument::Number(number) => number.to_string(),
            WrittenArgument::Truth(truth) => truth.to_string(),
        })
    }
}

impl From<Argument> for String {
    fn from(argument: Argument) -> Self {
        argument.0
    }
}

/// What flows through a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Images with a row of facts each: `images` of the other kinds.
    Dataset,
    /// A classifier: `model` of `train-classifier`.
    Model,
    /// A generator and its critic: `gan` of `wgan-train`.
    Gan,
    /// Answers for images, and the measures over them: `scores` of `evaluate`.
    Scores,
    /// Any files; only another `exec` reads them.
    Files,
}

impl Type {
    /// Returns the type as ports of the other kinds name it.
    fn artifact(self) -> &'static str {
        match self {
            Self::Dataset => ImageSet::TYPE,
            Self::Model => Classifier::TYPE,
            Self::Gan => Gan::TYPE,
            Self::Scores => Scores::TYPE,
            Self::Files => Files::TYPE,
        }
    }
}

/// An input port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenEntrance")]
pub struct Entrance {
    /// What enters.
    #[serde(rename = "type")]
    pub artifact: Type,
    /// Whether it takes a list.
    pub many: bool,
    /// Whether it may be left out.
    pub optional: bool,
    /// What the program does with what enters.
    pub role: Use,
}

/// What a program does with what enters. Whatever it is, what leaves counts as made from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Fits, selects or labels by it: only training images may enter.
    #[default]
    Fit,
    /// Measures with it: any images but those that trained what enters beside.
    Measure,
    /// Passes it on, changed or not: any images may enter.
    Pass,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum WrittenEntrance {
    Type(Type),
    Whole(WholeEntrance),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WholeEntrance {
    /// What enters.
    #[serde(rename = "type")]
    artifact: Type,
    /// Whether it takes a list.
    #[serde(default)]
    many: bool,
    /// Whether it may be left out.
    #[serde(default)]
    optional: bool,
    /// What the program does with what enters; what leaves counts as made from it, whatever it is.
    #[serde(default)]
    role: Use,
}

impl From<WrittenEntrance> for Entrance {
    fn from(written: WrittenEntrance) -> Self {
        match written {
            WrittenEntrance::Type(artifact) => {
                Self { artifact, many: false, optional: false, role: Use::Fit }
            }
            WrittenEntrance::Whole(WholeEntrance { artifact, many, optional, role }) => {
                Self { artifact, many, optional, role }
            }
        }
    }
}

/// What enters, by declared port.
pub struct Entered(Trees);

impl stage::Inputs for Entered {
    const PORTS: &'static [Port] = &[];

    fn open(trees: &Trees) -> Result<Self, artifact::Error> {
        Ok(Self(trees.clone()))
    }
}

/// What the program left, by declared port, read back and found right.
pub struct Left(BTreeMap<String, Produced>);

impl stage::Outputs for Left {
    const PORTS: &'static [Port] = &[];

    fn write(&self, _: &Path) -> Result<BTreeMap<String, Produced>, artifact::Error> {
        Ok(self.0.clone())
    }
}

impl Stage for Exec {
    const KIND: &'static str = "exec";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Runs a program of the user's own; refused unless `--allow-exec` is given.";
    const RUNNER: Runner = Runner::Program;
    const DECLARES: &'static [&'static str] = &["inputs", "outputs"];
    type Params = Params;
    type Inputs = Entered;
    type Outputs = Left;

    fn check(params: &Params) -> Vec<ParamProblem> {
        [params.port_problems(), params.file_problems(), params.command_problems()].concat()
    }

    fn ports(written: &Value) -> Ports {
        let of = |artifact: Type, about| {
            let role = Role::Pass;
            let artifact = artifact.artifact();
            let lineage = Lineage::Inputs;
            Port {
                name: PortName::new("x"),
                artifact,
                about,
                optional: false,
                many: false,
                role,
                lineage,
            }
        };
        let input = |(name, one): (PortName, Entrance)| Port {
            name,
            optional: one.optional,
            many: one.many,
            role: match one.role {
                Use::Fit => Role::Fit,
                Use::Measure => Role::Measure,
                Use::Pass => Role::Pass,
            },
            ..of(one.artifact, "declared by the stage")
        };
        let inputs: Vec<Port> = declared(written, "inputs").into_iter().map(input).collect();
        // Without inputs its images come from outside, and belong to every part until they are divided.
        let lineage = if inputs.is_empty() { Lineage::All } else { Lineage::Inputs };
        let output =
            |(name, artifact)| Port { name, lineage, ..of(artifact, "declared by the stage") };
        Ports { inputs, outputs: declared(written, "outputs").into_iter().map(output).collect() }
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        let source =
            |(index, name): (usize, &String)| SourceRef::file(name, &format!("files.{index}"));
        params.files.iter().enumerate().map(source).collect()
    }

    fn program(params: &Params) -> Option<Vec<String>> {
        Some(params.command.iter().map(|Argument(text)| text.clone()).collect())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Entered) -> Result<Left, StageError> {
        let Some(environment) = cx.environment else {
            return Err(StageError::data("the stage runs a program, which is not permitted")
                .help("read what it runs, and give `--allow-exec`"));
        };
        let place = workplace::Workplace::lay_out(cx, params, &inputs.0)?;
        place.program(cx, params, environment)?.run(cx.observer, cx.guard)?;
        place.refuse_changed_inputs()?;
        let read_back = place.read_back()?;
        let outputs = params.outputs.iter();
        let left = outputs.map(|(port, artifact)| {
            let (from, to) = (place.output(port), read_back.join(port));
            Ok((port.clone(), output::take(port, *artifact, &from, &to)?))
        });
        Ok(Left(left.collect::<Result<_, StageError>>()?))
    }
}

/// Returns the ports that a param declares; what is no port is left out.
fn declared<T: DeserializeOwned>(written: &Value, param: &str) -> Vec<(PortName, T)> {
    let entries = written.get(param).and_then(Value::as_object).into_iter().flatten();
    let port = |(name, value): (&String, &Value)| {
        Some((PortName::declared(name)?, serde_json::from_value(value.clone()).ok()?))
    };
    entries.filter_map(port).collect()
}

impl Params {
    fn port_problems(&self) -> Vec<ParamProblem> {
        let inputs = self.inputs.keys().map(|name| ("inputs", name));
        let outputs = self.outputs.keys().map(|name| ("outputs", name));
        let wrong = inputs.chain(outputs).filter(|(_, name)| PortName::declared(name).is_none());
        let mut problems: Vec<ParamProblem> = wrong
            .map(|(param, name)| ParamProblem {
                path: vec![param.to_owned(), name.clone()],
                problem: format!("`{name}` is no name of a port"),
                help: Some(
                    "up to 31 lower-case letters, digits, `-` and `_`, a letter first".into(),
                ),
            })
            .collect();
        if self.outputs.is_empty() {
            let problem = "the program leaves nothing; at least one output is expected";
            problems.push(ParamProblem::at("outputs", problem).help("add `NAME: TYPE`"));
        }
        problems
    }

    fn file_problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        for (index, name) in self.files.iter().enumerate() {
            let first = Path::new(name).components().find_map(|part| match part {
                Component::Normal(part) => part.to_str(),
                _ => None,
            });
            let mut refuse = |problem: String, help: &str| {
                problems.push(ParamProblem {
                    path: vec!["files".to_owned(), index.to_string()],
                    problem,
                    help: Some(help.to_owned()),
                });
            };
            if first.is_none_or(|first| workplace::OWN.contains(&first)) {
                let own = workplace::OWN.map(|name| format!("`{name}`")).join(", ");
                refuse(
                    format!("`{name}` cannot be laid into the program's folder"),
                    &format!("any other name; {own} are taken"),
                );
            } else if self.files[..index].contains(name) {
                refuse(format!("`{name}` is there twice"), "name it once");
            }
        }
        problems
    }

    fn command_problems(&self) -> Vec<ParamProblem> {
        let names = Names { params: self };
        let mut problems = Vec::new();
        for (index, Argument(text)) in self.command.iter().enumerate() {
            let problem = match names.problem(text) {
                _ if text.contains('\0') => Some("an argument cannot hold a zero byte".to_owned()),
                _ if index == 0 && text.is_empty() => Some("the program has no name".to_owned()),
                problem => problem,
            };
            problems.extend(problem.map(|problem| ParamProblem {
                path: vec!["command".to_owned(), index.to_string()],
                problem,
                help: Some("`ablate kinds exec` tells what may stand in an argument".to_owned()),
            }));
        }
        problems
    }
}

#[cfg(test)]
mod tests;
