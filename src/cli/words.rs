//! Numbers and facts in words, the same in every command.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::digest::Digest;
use crate::engine::Reason;
use crate::plan::Change;
use crate::plan::OwnChange;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::stage::Tick;

/// Returns a duration: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Returns a size: `312 B`, `4.2 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 999.5 {
            let decimals = usize::from(unit != "B" && size < 9.95);
            return format!("{size:.decimals$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// Returns a whole number with its thousands apart: `1,080`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are text"))
        .collect();
    groups.join(",")
}

/// Returns how many there are of something: `1 stage`, `1,080 stages`.
pub(crate) fn many(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Returns a text as one argument of a shell, in quotes where it needs them.
pub(crate) fn argument(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+@".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns a text of unknown origin as it may be printed: a terminal would obey control characters.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Returns what a running stage is worth saying about: losses and images per second.
pub(crate) fn progress(tick: &Tick) -> String {
    let mut parts: Vec<String> =
        tick.values.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
    parts.extend(tick.images_per_second.map(|rate| format!("{rate:.0} images/s")));
    parts.join(", ")
}

/// Returns the one fact of an artifact's summary that a line has room for.
pub(crate) fn facts(summary: &Value) -> Option<String> {
    let number = |name: &str| summary.get(name).and_then(Value::as_u64).map(|n| n as usize);
    let last =
        |name: &str| summary.get("last").and_then(|last| last.get(name)).and_then(Value::as_f64);
    if let (Some(correct), Some(n)) = (number("correct"), number("n")) {
        let share = 100.0 * correct as f64 / n.max(1) as f64;
        return Some(format!("{correct}/{n} correct ({share:.1} %)"));
    }
    if let Some(images) = number("images") {
        return Some(format!("{} images", count(images)));
    }
    if let Some(epochs) = number("epochs") {
        let measured = ["validation_accuracy", "accuracy", "wasserstein", "loss"];
        let shown = measured.into_iter().find_map(|name| Some((name, last(name)?)));
        let shown = shown.map(|(name, value)| format!(", {} {value:.3}", name.replace('_', " ")));
        return Some(format!("{epochs} epochs{}", shown.unwrap_or_default()));
    }
    let kernel_distance = summary.get("all").and_then(|all| all.get("kid")).and_then(Value::as_f64);
    kernel_distance.map(|distance| format!("kernel distance {distance:.3}"))
}

/// Returns one difference between two keys: `batch_size 8 -> 16`.
pub(crate) fn change(change: &Change) -> String {
    let value = |value: &Option<Value>| value.as_ref().map_or("unset".to_owned(), Value::to_string);
    match change {
        Change::NeverRun => "never run".to_owned(),
        Change::Format { old, new } => format!("format of keys {old} -> {new}"),
        Change::Kind { old, new } => format!("kind {old} -> {new}"),
        Change::Version { old, new } => format!("version of the kind {old} -> {new}"),
        Change::Param { path, old, new } => format!("{path} {} -> {}", value(old), value(new)),
        Change::Input { port, old, new } => {
            format!("input {port} {} -> {}", short(old), short(new))
        }
        Change::Source { name, old, new } => {
            let short = |digest: &Option<Digest>| short(digest.as_slice());
            format!("source {name} {} -> {}", short(old), short(new))
        }
        Change::Seed { .. } => "another seed".to_owned(),
    }
}

/// Returns how two tasks differ in what they own: `batch_size 8 -> 16`, `images classic -> nothing`.
pub(crate) fn own_change(change: &OwnChange) -> String {
    let list = |names: &[String]| {
        if names.is_empty() { "nothing".to_owned() } else { names.join(" + ") }
    };
    match change {
        OwnChange::Key(change) => self::change(change),
        OwnChange::Wiring { port, old, new } => {
            format!("input {port} {} -> {}", list(old), list(new))
        }
        OwnChange::Leaks { old, new } => {
            format!("leaks that are permitted: {} -> {}", list(old), list(new))
        }
    }
}

/// Returns why a task runs in one phrase: `batch_size 8 -> 16`, `input images changed because
/// classic changed`.
pub(crate) fn reasons(plan: &Plan, reasons: &[Reason]) -> String {
    let told: Vec<String> = reasons.iter().map(|one| reason(plan, one)).collect();
    told.join(", ")
}

fn reason(plan: &Plan, reason: &Reason) -> String {
    match reason {
        Reason::SourceMissing => "a source is missing".to_owned(),
        Reason::NeverRun => "never run".to_owned(),
        Reason::FilesGone => "its files are gone".to_owned(),
        Reason::Differs { change } => self::change(change),
        Reason::After { tasks } => format!("after {}", stages(plan, tasks.iter().copied())),
        Reason::Input { port, changed, joined, left } => {
            let mut parts = Vec::new();
            if !changed.is_empty() {
                let names = stages(plan, changed.iter().map(|remade| remade.task));
                parts.push(format!("changed because {names} changed"));
            }
            if !joined.is_empty() {
                parts.push(format!("now takes {}", stages(plan, joined.iter().copied())));
            }
            if *left > 0 {
                parts.push(format!("lost {}", many(*left, "artifact")));
            }
            if parts.is_empty() {
                parts.push("has another order".to_owned());
            }
            format!("input {port} {}", parts.join(" and "))
        }
    }
}

/// Returns the names of tasks' stages, each once.
pub(crate) fn stages(plan: &Plan, tasks: impl Iterator<Item = TaskId>) -> String {
    let names: BTreeSet<&str> = tasks.map(|id| plan.task(id).stage.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn short(digests: &[Digest]) -> String {
    let names: Vec<String> = digests.iter().map(Digest::short).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" + ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn durations_sizes_and_counts_read_well() {
        let times = [0.004, 0.9994, 1.0, 9.96, 59.4, 61.0, 7322.0].map(super::seconds);
        assert_eq!(times, ["4 ms", "999 ms", "1.0 s", "10 s", "59 s", "1 min 01 s", "2 h 02 min"]);
        let sizes = [0, 999, 1000, 99_949, 1_234_567].map(super::bytes);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "100 kB", "1.2 MB"]);
        assert_eq!([0, 999, 1080, 1_234_567].map(super::count), ["0", "999", "1,080", "1,234,567"]);
        let stages = [0, 1, 1080].map(|number| super::many(number, "stage"));
        assert_eq!(stages, ["0 stages", "1 stage", "1,080 stages"]);
        let arguments = ["a/b.yaml", "fit[seed=1]", "it's", ""].map(super::argument);
        assert_eq!(arguments, ["a/b.yaml", "'fit[seed=1]'", r"'it'\''s'", "''"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(super::printable("a\u{1b}[2Jb\né\u{9b}"), "a\u{fffd}[2Jb\u{fffd}é\u{fffd}");
    }

    #[test]
    fn a_summary_becomes_its_one_telling_fact() {
        let fact = |summary| super::facts(&summary);
        assert_eq!(fact(json!({"images": 4320})), Some("4,320 images".to_owned()));
        assert_eq!(fact(json!({"correct": 1, "n": 4})), Some("1/4 correct (25.0 %)".to_owned()));
        assert_eq!(
            fact(json!({"epochs": 3, "last": {"loss": 0.25}})),
            Some("3 epochs, loss 0.250".to_owned())
        );
        assert_eq!(
            fact(json!({"all": {"kid": 0.0456, "fid": 3.0}})),
            Some("kernel distance 0.046".to_owned())
        );
        assert_eq!(fact(json!({"columns": []})), None);
    }
}
