//! `ablate show`: the facts of a stage's artifacts, without opening them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::Target;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::digest::Digest;
use crate::plan::Task;
use crate::store::Record;

/// The part of a key that says which files a task read.
#[derive(Deserialize)]
struct Sources {
    sources: BTreeMap<String, Digest>,
}

/// Shows what each task of the target made.
pub(crate) fn run(
    target: &Target,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let mut found = study::records(target, cache, screen)?;
    if let Some(wanted) = found.plan.selected_port(&target.stage) {
        for record in found.made.values_mut() {
            record.outputs.retain(|port, _| wanted == **port);
        }
    }
    if form.is_json() {
        let all: Vec<Value> =
            found.made.iter().map(|(id, record)| told(found.plan.task(*id), record)).collect();
        screen.print_json(&all);
    } else {
        let parts = found.made.iter().map(|(id, record)| described(found.plan.task(*id), record));
        screen.print(&parts.collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

fn told(task: &Task, record: &Record) -> Value {
    json!({
        "task": task.to_string(), "stage": task.stage, "cell": task.cell, "kind": task.kind.name,
        "key": record.key_digest(), "seconds": record.seconds, "device": record.device,
        "sources": record.key.read::<Sources>().map(|key| key.sources),
        "threads": record.threads, "memory": record.memory, "machine": record.machine,
        "finished": record.finished, "outputs": record.outputs,
    })
}

fn described(task: &Task, record: &Record) -> String {
    let device = record
        .device
        .as_deref()
        .map(|device| format!(" on {}", words::printable(device)))
        .unwrap_or_default();
    let time = words::seconds(record.seconds);
    let memory = record.memory.map(|memory| format!(" in {}", words::bytes(memory)));
    let memory = memory.unwrap_or_default();
    let key = record.key_digest().short();
    let mut lines = vec![format!("{task}: {}, {time}{memory}{device}, key {key}", task.kind.name)];
    let sources = record.key.read::<Sources>().map(|key| key.sources).unwrap_or_default();
    lines.extend(
        sources
            .iter()
            .map(|(name, digest)| format!("  from {}, {}", words::printable(name), digest.short())),
    );
    for (port, output) in &record.outputs {
        let (size, files) = (words::bytes(output.bytes), words::many(output.blobs.len(), "file"));
        lines.push(format!("  {port}: {size} in {files}, {}", output.digest.short()));
        if let Value::Object(facts) = &output.summary {
            let facts = facts.iter();
            lines.extend(facts.map(|(name, value)| {
                format!("    {}: {}", words::printable(name), compact(value))
            }));
        }
    }
    lines.join("\n")
}

/// Returns a value that stands within another: maps and lists in brackets.
fn within(value: &Value) -> String {
    match value {
        Value::Object(_) => format!("({})", compact(value)),
        Value::Array(_) => format!("[{}]", compact(value)),
        _ => compact(value),
    }
}

/// Returns a value on one line: maps as `a 1, b 2`, those within as `a (b 2, c 3)`, numbers short.
fn compact(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(name, value)| format!("{} {}", words::printable(name), within(value)))
                .collect();
            parts.join(", ")
        }
        Value::Array(items) => items.iter().map(within).collect::<Vec<_>>().join(", "),
        Value::Null => "n/a".to_owned(),
        Value::String(text) => words::printable(text),
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().unwrap_or(f64::NAN))
        }
        other => other.to_string(),
    }
}
