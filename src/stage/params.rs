//! Params: from what a manifest says to a typed, complete value, with every problem at once.

use serde_json::Value;

use crate::stage::Stage;
use crate::stage::schema;

/// Something wrong with a param.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamProblem {
    /// Way to the param below `params`: names, and indices of lists in decimal.
    pub path: Vec<String>,
    /// What was found and what is expected, as a lower-case fragment.
    pub problem: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl ParamProblem {
    /// Returns a problem at a param directly below `params`; an empty name means `params` itself.
    pub fn at(name: &str, problem: impl Into<String>) -> Self {
        let path = if name.is_empty() { Vec::new() } else { vec![name.to_owned()] };
        Self { path, problem: problem.into(), help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Returns the JSON schema (2020-12) of a kind's params.
pub(crate) fn schema<S: Stage>() -> Value {
    schemars::schema_for!(S::Params).to_value()
}

/// Fills in defaults, or returns every problem of the params, given their schema.
pub(crate) fn resolve<S: Stage>(schema: &Value, value: &Value) -> Result<Value, Vec<ParamProblem>> {
    let mut problems = schema::problems(schema, value);
    let params = read::<S>(value);
    match &params {
        Ok(params) => problems.extend(S::check(params)),
        Err(first) if problems.is_empty() => problems.push(first.clone()),
        Err(_) => {}
    }
    problems.dedup();
    match params {
        Ok(params) if problems.is_empty() => {
            Ok(serde_json::to_value(params).expect("params have string keys"))
        }
        _ => Err(problems),
    }
}

/// Returns the typed params of a value that went through [`resolve`].
pub(crate) fn typed<S: Stage>(value: &Value) -> S::Params {
    read::<S>(value).unwrap_or_else(|problem| {
        panic!("params of `{}` were resolved, yet {}", S::KIND, problem.problem)
    })
}

/// Returns the typed params of any value, which need not be complete.
pub(crate) fn read<S: Stage>(value: &Value) -> Result<S::Params, ParamProblem> {
    let value = if value.is_null() { &Value::Object(serde_json::Map::new()) } else { value };
    serde_path_to_error::deserialize(value).map_err(|error| ParamProblem {
        path: error.path().iter().map(ToString::to_string).collect(),
        problem: error.inner().to_string(),
        help: None,
    })
}
