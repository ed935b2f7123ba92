//! Toy kinds for tests, and plans made of them: numbers, sums and failures, with no image in sight.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::artifact::Table;
use crate::digest::Digest;
use crate::files;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::stage::Context;
use crate::stage::PortName;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stage::Tick;
use crate::stage::ports;

pub(super) static NUMBER: StageKind = StageKind::of::<Number>();
pub(super) static REMOTE: StageKind = StageKind::of::<Remote>();
pub(super) static SUM: StageKind = StageKind::of::<Sum>();
pub(super) static FAIL: StageKind = StageKind::of::<Fail>();

/// Params of all toys.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// What `number` says, or what `sum` divides by to keep the remainder; 0 keeps all.
    value: i64,
    /// File that gets a line for each time that the stage runs.
    tally: Option<PathBuf>,
    /// How `fail` fails: `data`, `panic`, `wait` (until stopped), `once` (leaving a file at `tally`).
    how: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { value: 0, tally: None, how: "data".to_owned() }
    }
}

ports! {
    /// Nothing enters.
    inputs NoInputs {}
}

ports! {
    /// Numbers enter.
    inputs Terms {
        /// Numbers.
        terms: Vec<Table> = Pass,
    }
}

ports! {
    /// A number leaves.
    outputs Value1 {
        /// The number.
        value: Table = crate::stage::Lineage::Inputs,
    }
}

fn table(value: i64) -> Value1 {
    let mut table = Table::new(&["value"]);
    table.push(vec![value.to_string()]);
    Value1 { value: table }
}

fn count(params: &Params, cx: &Context<'_>) -> Result<(), StageError> {
    if let Some(tally) = &params.tally {
        let mut file = files::append(tally)?;
        std::io::Write::write_all(&mut file, b"ran\n").unwrap();
    }
    cx.observer.note("counting");
    cx.observer.tick(&Tick { done: 1, of: 1, unit: "numbers".to_owned(), ..Tick::default() });
    Ok(())
}

macro_rules! toy {
    ($name:ident, $kind:literal, $runner:ident, $inputs:ident, $run:expr) => {
        pub(super) struct $name;

        impl Stage for $name {
            const KIND: &'static str = $kind;
            const VERSION: u32 = 1;
            const ABOUT: &'static str = "A toy.";
            const RUNNER: Runner = Runner::$runner;
            type Params = Params;
            type Inputs = $inputs;
            type Outputs = Value1;

            fn run(
                cx: &Context<'_>,
                params: &Params,
                inputs: $inputs,
            ) -> Result<Value1, StageError> {
                let run: fn(&Context<'_>, &Params, $inputs) -> Result<Value1, StageError> = $run;
                run(cx, params, inputs)
            }
        }
    };
}

toy!(Number, "number", Inline, NoInputs, |cx, params, _| {
    count(params, cx)?;
    Ok(table(params.value))
});

toy!(Remote, "remote", Torch, NoInputs, |cx, params, _| {
    count(params, cx)?;
    Ok(table(params.value))
});

toy!(Sum, "sum", Inline, Terms, |cx, params, inputs| {
    count(params, cx)?;
    let sum: i64 = inputs.terms.iter().map(|table| table.rows[0][0].parse::<i64>().unwrap()).sum();
    Ok(table(if params.value == 0 { sum } else { sum % params.value }))
});

toy!(Fail, "fail", Inline, Terms, |cx, params, _| match params.how.as_str() {
    "panic" => panic!("out of cheese"),
    "wait" => loop {
        cx.keep_going()?;
        std::thread::yield_now();
    },
    "once" if params.tally.as_ref().is_some_and(|tally| tally.exists()) => Ok(table(1)),
    "once" => {
        count(params, cx)?;
        Err(StageError::data("the first attempt fails"))
    }
    _ => Err(StageError::data("found `no`, expected `yes`").help("say `yes`")),
});

/// A plan under construction.
pub(super) struct Sketch {
    pub(super) plan: Plan,
}

impl Sketch {
    pub(super) fn new() -> Self {
        let (axes, tasks, overrides) = (Vec::new(), Vec::new(), Vec::new());
        Self { plan: Plan { name: "toys".to_owned(), axes, tasks, overrides } }
    }

    /// Adds a task whose inputs, if any, enter at the port `terms`.
    pub(super) fn add(
        &mut self,
        stage: &str,
        kind: &'static StageKind,
        params: &Value,
        inputs: &[TaskId],
    ) -> TaskId {
        let id = TaskId(self.plan.tasks.len());
        let params = kind.resolve(params).unwrap();
        let recipes: Option<Vec<Digest>> =
            inputs.iter().map(|&input| self.plan.task(input).recipe).collect();
        let recipe = recipes.map(|inputs| Digest::of_value(&json!([kind.name, params, inputs])));
        let refs =
            inputs.iter().map(|&task| InputRef { task, port: PortName::new("value") }).collect();
        let has_port = !kind.inputs.is_empty();
        self.plan.tasks.push(Task {
            id,
            stage: stage.to_owned(),
            cell: BTreeMap::new(),
            kind,
            ports: (kind.ports)(&Value::Null).into(),
            params: params.into(),
            inputs: has_port.then(|| ("terms".to_owned(), refs)).into_iter().collect(),
            seed: 0,
            resources: crate::stage::Resources::default(),
            retries: 0,
            sources: BTreeMap::new(),
            counts: std::sync::Arc::default(),
            partitions: litemap::LiteMap::new(),
            leaks: Vec::new(),
            recipe,
        });
        id
    }

    pub(super) fn task(&mut self, id: TaskId) -> &mut Task {
        &mut self.plan.tasks[id.0]
    }

    /// Lets a task need a file that was found nowhere.
    pub(super) fn lacks_source(&mut self, id: TaskId, name: &str) {
        let missing = Source { path: None, digest: None };
        self.task(id).sources.insert(name.to_owned(), missing);
        self.task(id).recipe = None;
    }
}
