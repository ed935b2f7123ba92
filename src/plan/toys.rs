//! Toy kinds for tests: numbers in place of images, so that plans need no data.

#![expect(unreachable_pub, reason = "ports are public structs wherever they are declared")]

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact;
use crate::artifact::Artifact;
use crate::artifact::Partition;
use crate::artifact::Tree;
use crate::digest::Digest;
use crate::files;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stage::ports;

/// The toy kinds.
pub(super) static TOYS: &[StageKind] = &[
    StageKind::of::<Draw>(),
    StageKind::of::<Divide>(),
    StageKind::of::<Add>(),
    StageKind::of::<Fit>(),
    StageKind::of::<Judge>(),
];

/// A number.
pub(super) struct Number(f64);

impl Artifact for Number {
    const TYPE: &'static str = "number";

    fn read(tree: &Tree) -> Result<Self, artifact::Error> {
        let _ = tree;
        Ok(Self(0.0))
    }

    fn write(&self, folder: &Path) -> Result<(), artifact::Error> {
        Ok(files::write_scratch(&folder.join("number"), self.0.to_string().as_bytes())?)
    }

    fn summary(&self) -> serde_json::Value {
        self.0.into()
    }
}

/// A judgement.
pub(super) struct Verdict;

impl Artifact for Verdict {
    const TYPE: &'static str = "verdict";

    fn read(_: &Tree) -> Result<Self, artifact::Error> {
        Ok(Self)
    }

    fn write(&self, _: &Path) -> Result<(), artifact::Error> {
        Ok(())
    }

    fn summary(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

ports! {
    /// Nothing.
    inputs Nothing {}
}

ports! {
    /// Drawn.
    outputs Drawn {
        /// The numbers.
        numbers: Number = Lineage::All,
    }
}

/// Draws numbers.
struct Draw;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DrawParams {
    /// How many.
    #[serde(default = "thousand")]
    count: usize,
    /// A file to take them from.
    #[serde(default)]
    file: Option<String>,
    /// Its content.
    #[serde(default)]
    blake3: Option<Hex>,
}

/// A digest as text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Hex(String);

fn thousand() -> usize {
    1000
}

impl Stage for Draw {
    const KIND: &'static str = "draw";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Draws numbers.";
    const RUNNER: Runner = Runner::Inline;
    type Params = DrawParams;
    type Inputs = Nothing;
    type Outputs = Drawn;

    fn sources(params: &DrawParams) -> Vec<SourceRef> {
        let pin: Option<Digest> = params.blake3.as_ref().and_then(|text| text.0.parse().ok());
        let source = |name: &String| SourceRef { pin, ..SourceRef::file(name, "file") };
        params.file.iter().map(source).collect()
    }

    fn forecast(
        params: &DrawParams,
        _: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        Ok(vec![("numbers", Counts::of(Partition::Whole, params.count))])
    }

    fn run(_: &Context<'_>, _: &DrawParams, _: Nothing) -> Result<Drawn, StageError> {
        Ok(Drawn { numbers: Number(1.0) })
    }
}

ports! {
    /// What is divided.
    inputs Undivided {
        /// Numbers to divide.
        numbers: Number = Pass,
    }
}

ports! {
    /// Parts.
    outputs Parts {
        /// Numbers to fit by.
        train: Number = Lineage::Only(Partition::Train),
        /// Numbers to select by.
        validation: Number = Lineage::Only(Partition::Validation),
        /// Numbers to measure by.
        test: Number = Lineage::Only(Partition::Test),
    }
}

/// No params.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// How to divide.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DivideParams {
    /// Which way of many.
    #[serde(default)]
    turn: usize,
}

/// Divides numbers into parts.
struct Divide;

impl Stage for Divide {
    const KIND: &'static str = "divide";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Divides numbers into parts.";
    const RUNNER: Runner = Runner::Inline;
    type Params = DivideParams;
    type Inputs = Undivided;
    type Outputs = Parts;

    fn draws(_: &DivideParams) -> bool {
        false
    }

    fn forecast(
        _: &DivideParams,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(all) = known.inputs.get("numbers").map(Counts::total) else {
            return Ok(Vec::new());
        };
        let part = |partition| Counts::of(partition, all / 4);
        Ok(vec![
            ("train", Counts::of(Partition::Train, all - all / 4 * 2)),
            ("validation", part(Partition::Validation)),
            ("test", part(Partition::Test)),
        ])
    }

    fn run(_: &Context<'_>, params: &DivideParams, inputs: Undivided) -> Result<Parts, StageError> {
        let _ = params.turn;
        let third = || Number(inputs.numbers.0 / 3.0);
        Ok(Parts { train: third(), validation: third(), test: third() })
    }
}

ports! {
    /// What is added.
    inputs Addends {
        /// Numbers to add.
        numbers: Vec<Number> = Pass,
    }
}

ports! {
    /// The sum.
    outputs Sum {
        /// All numbers together.
        sum: Number = Lineage::Inputs,
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddParams {
    /// Most numbers that may stay.
    #[serde(default)]
    keep: Option<usize>,
    /// Added to each.
    #[serde(default)]
    terms: Vec<Term>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Term {
    /// How much.
    value: f64,
}

/// Adds numbers.
struct Add;

impl Stage for Add {
    const KIND: &'static str = "add";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Adds numbers.";
    const RUNNER: Runner = Runner::Inline;
    type Params = AddParams;
    type Inputs = Addends;
    type Outputs = Sum;

    fn draws(_: &AddParams) -> bool {
        false
    }

    fn forecast(
        params: &AddParams,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(entering) = known.inputs.get("numbers") else { return Ok(Vec::new()) };
        match params.keep {
            Some(keep) if keep > entering.total() => {
                Err(StageError::data(format!("it keeps {keep} of {} numbers", entering.total())))
            }
            Some(keep) => Ok(vec![("sum", Counts::of(Partition::Train, keep))]),
            None => Ok(vec![("sum", entering.clone())]),
        }
    }

    fn run(_: &Context<'_>, params: &AddParams, inputs: Addends) -> Result<Sum, StageError> {
        let terms: f64 = params.terms.iter().map(|term| term.value).sum();
        Ok(Sum { sum: Number(terms + inputs.numbers.iter().map(|number| number.0).sum::<f64>()) })
    }
}

ports! {
    /// What is fitted.
    inputs Examples {
        /// Numbers to fit by.
        numbers: Vec<Number> = Fit,
        /// Numbers to select by.
        validation: Option<Number> = Select,
    }
}

ports! {
    /// The model.
    outputs Model {
        /// What was fitted.
        model: Number = Lineage::Inputs,
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FitParams {
    /// Passes over the numbers.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1, max = 5000))]
    epochs: usize,
    /// Step width.
    #[serde(default)]
    rate: Option<f64>,
    /// Name of the model.
    #[serde(default)]
    name: String,
}

/// Fits a model.
struct Fit;

impl Stage for Fit {
    const KIND: &'static str = "fit";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Fits a model.";
    const RUNNER: Runner = Runner::Inline;
    type Params = FitParams;
    type Inputs = Examples;
    type Outputs = Model;

    fn run(_: &Context<'_>, params: &FitParams, inputs: Examples) -> Result<Model, StageError> {
        let _ = (params.epochs, params.rate, &params.name, inputs.validation.is_some());
        Ok(Model { model: Number(inputs.numbers.iter().map(|number| number.0).sum()) })
    }
}

ports! {
    /// What is judged.
    inputs Evidence {
        /// The model.
        model: Number = Measure,
        /// Numbers to judge it by.
        numbers: Number = Measure,
    }
}

ports! {
    /// The verdict.
    outputs Judged {
        /// The verdict.
        verdict: Verdict = Lineage::Inputs,
    }
}

/// Judges a model.
struct Judge;

impl Stage for Judge {
    const KIND: &'static str = "judge";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Judges a model.";
    const RUNNER: Runner = Runner::Inline;
    type Params = NoParams;
    type Inputs = Evidence;
    type Outputs = Judged;

    fn draws(_: &NoParams) -> bool {
        false
    }

    fn run(_: &Context<'_>, _: &NoParams, inputs: Evidence) -> Result<Judged, StageError> {
        let _ = inputs.model.0 - inputs.numbers.0;
        Ok(Judged { verdict: Verdict })
    }
}
