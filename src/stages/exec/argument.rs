//! Arguments: what stands in braces in a command, replaced by folders and values. Everything else
//! stays as it was written, braces of other sorts too.

use serde_json::Value;

use crate::stages::exec::Params;

/// The names that may stand in braces.
pub(super) struct Names<'a> {
    /// What the stage declares.
    pub(super) params: &'a Params,
}

/// What is only known when the program starts.
pub(super) struct Values {
    /// Seed of the task.
    pub(super) seed: u64,
    /// Threads that the program may keep busy.
    pub(super) threads: usize,
    /// `cpu` or `cuda:0`.
    pub(super) device: String,
}

impl Names<'_> {
    /// Returns what is wrong with an argument.
    pub(super) fn problem(&self, text: &str) -> Option<String> {
        let nothing = Values { seed: 0, threads: 1, device: String::new() };
        self.fill(text, &nothing).err()
    }

    /// Returns an argument with what its braces stand for.
    pub(super) fn fill(&self, text: &str, values: &Values) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            filled.push_str(before);
            let inner = from[1..].split_once('}').map(|(inner, _)| inner);
            let found = inner.map(|inner| self.value(inner, values)).transpose()?.flatten();
            if let (Some(inner), Some(value)) = (inner, found) {
                filled.push_str(&value);
                rest = &from[inner.len() + 2..];
            } else {
                filled.push('{');
                rest = &from[1..];
            }
        }
        Ok(filled + rest)
    }

    /// Returns what a name stands for; nothing where it is none of those meant here.
    fn value(&self, name: &str, values: &Values) -> Result<Option<String>, String> {
        let unknown = |what: &str, known: Vec<&String>| {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("`{{{name}}}` names no {what}; there are {known}")
        };
        let Params { inputs, outputs, params, .. } = self.params;
        match name.split_once('.') {
            None => Ok(match name {
                "seed" => Some(values.seed.to_string()),
                "threads" => Some(values.threads.to_string()),
                "device" => Some(values.device.clone()),
                _ => None,
            }),
            Some(("inputs", port)) if inputs.contains_key(port) => {
                Ok(Some(format!("inputs/{port}")))
            }
            Some(("inputs", _)) => Err(unknown("input", inputs.keys().collect())),
            Some(("outputs", port)) if outputs.contains_key(port) => {
                Ok(Some(format!("outputs/{port}")))
            }
            Some(("outputs", _)) => Err(unknown("output", outputs.keys().collect())),
            Some(("params", param)) => match params.get(param) {
                None => Err(unknown("param", params.keys().collect())),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(Value::Array(_) | Value::Object(_)) => {
                    Err(format!("`{{{name}}}` is no text and no number; `job.json` has it"))
                }
                Some(value) => Ok(Some(value.to_string())),
            },
            Some(_) => Ok(None),
        }
    }
}
