//! Kinds in words: what each takes, gives and lets one set, for the terminal and for the manual.

use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::report::params;
use crate::report::params::Param;
use crate::report::params::code;
use crate::stage::Port;
use crate::stage::Role;
use crate::stage::Runner;
use crate::stage::StageKind;

/// A kind, ready for reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindGuide {
    /// Name in manifests.
    pub name: &'static str,
    /// Raised whenever the same inputs and params would give other outputs.
    pub version: u32,
    /// One sentence.
    pub about: &'static str,
    /// Where it runs.
    pub runner: Runner,
    /// What enters.
    pub inputs: &'static [Port],
    /// What leaves.
    pub outputs: &'static [Port],
    /// Params that declare ports beside these.
    pub declares: &'static [&'static str],
    /// What can be set.
    pub params: Vec<Param>,
}

impl KindGuide {
    /// Returns what there is to know of a kind.
    pub fn of(kind: &StageKind) -> Self {
        let defaults = kind.resolve(&json!({})).ok();
        Self {
            name: kind.name,
            version: kind.version,
            about: kind.about,
            runner: kind.runner,
            inputs: kind.inputs,
            outputs: kind.outputs,
            declares: kind.declares,
            params: params::params(&(kind.schema)(), defaults.as_ref()),
        }
    }

    /// Returns the kind as plain text.
    pub fn to_text(&self) -> String {
        let mut parts = vec![format!("{}: {}\n{}\n", self.name, self.about, self.runs())];
        for (title, ports) in [("inputs", self.inputs), ("outputs", self.outputs)] {
            let lines: Vec<String> = ports
                .iter()
                .map(|port| format!("  {} ({}): {}\n", port.name, passes(port), sentence(port)))
                .collect();
            let lines = match lines.as_slice() {
                [] if self.declares.contains(&title) => {
                    format!("  those that params.{title} declares\n")
                }
                [] => "  none\n".to_owned(),
                lines => lines.concat(),
            };
            parts.push(format!("{title}\n{lines}"));
        }
        let mut lines = String::new();
        param_lines(&self.params, "  ", &mut lines);
        let lines = if lines.is_empty() { "  none\n".to_owned() } else { lines };
        parts.push(format!("params\n{lines}"));
        parts.join("\n").replace('`', "")
    }

    /// Returns the kind as a section of a Markdown page.
    pub fn to_markdown(&self) -> String {
        let mut lines = vec![format!("## `{}`", self.name), String::new()];
        lines.extend([format!("{} {}", self.about, self.runs()), String::new()]);
        for (title, ports) in [("Input", self.inputs), ("Output", self.outputs)] {
            if !ports.is_empty() {
                lines.extend([
                    format!("| {title} | Type | What it is |"),
                    "| --- | --- | --- |".to_owned(),
                ]);
                let row = |port: &Port| {
                    format!("| `{}` | {} | {} |", port.name, passes(port), cell(&sentence(port)))
                };
                lines.extend(ports.iter().map(row));
                lines.push(String::new());
            }
        }
        if !self.declares.is_empty() {
            let names: Vec<String> =
                self.declares.iter().map(|name| format!("`params.{name}`")).collect();
            lines.extend([
                format!("Its ports are those that {} declare.", names.join(" and ")),
                String::new(),
            ]);
        }
        if !self.params.is_empty() {
            lines.push("| Param | Takes | Default | Meaning |".to_owned());
            lines.push("| --- | --- | --- | --- |".to_owned());
            param_rows(&self.params, "", &mut lines);
            lines.push(String::new());
        }
        lines.join("\n")
    }

    fn runs(&self) -> String {
        let place = match self.runner {
            Runner::Inline => "Runs on the CPU, inside `ablate`.",
            Runner::Program => "Runs a program of its own, outside `ablate`.",
            Runner::Torch => "Runs in `ablate-worker`, on a GPU where there is one.",
        };
        format!("{place} Version {}.", self.version)
    }
}

/// Returns the list of kinds as plain text, one line each.
pub fn list(kinds: &[StageKind]) -> String {
    let width = kinds.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    kinds
        .iter()
        .map(|kind| format!("{:<width$}   {}\n", kind.name, kind.about))
        .collect::<Vec<_>>()
        .concat()
}

/// Returns the manual's page on all kinds.
pub fn manual(kinds: &[StageKind]) -> String {
    let intro = "# Kinds of stages\n\n\
        Made from the program itself by `ablate kinds`; `ablate kinds KIND` shows one of them.\n\
        A port that takes a list joins its image sets in order. A port by which a stage fits, selects\n\
        or labels takes no image that was made from test images.\n";
    let sections = kinds.iter().map(|kind| KindGuide::of(kind).to_markdown());
    let parts: Vec<String> = std::iter::once(intro.to_owned()).chain(sections).collect();
    parts.join("\n")
}

/// Returns the type of what passes a port: `list of images`, `images, optional`.
fn passes(port: &Port) -> String {
    let many = if port.many { "list of " } else { "" };
    let optional = if port.optional { ", optional" } else { "" };
    format!("{many}{}{optional}", port.artifact)
}

fn sentence(port: &Port) -> String {
    let role = match port.role {
        Role::Fit => " Training images only.",
        Role::Select => " Training or validation images only.",
        Role::Pass | Role::Measure => "",
    };
    format!("{}{role}", port.about)
}

fn param_lines(params: &[Param], indent: &str, text: &mut String) {
    for param in params {
        let default = match &param.default {
            Some(default) => format!(", default {}", code(default)),
            None if param.required => ", required".to_owned(),
            None => String::new(),
        };
        let about = if param.about.is_empty() {
            String::new()
        } else {
            format!("{indent}    {}\n", param.about)
        };
        *text += &[indent, &param.name, ": ", &param.takes, &default, "\n", &about].concat();
        param_lines(&param.fields, &format!("{indent}  "), text);
    }
}

fn param_rows(params: &[Param], above: &str, lines: &mut Vec<String>) {
    for param in params {
        let name = format!("{above}{}", param.name);
        let default = match &param.default {
            // A map's defaults stand at its fields.
            Some(Value::Object(_)) if !param.fields.is_empty() => String::new(),
            Some(default) => code(default),
            None if param.required => "required".to_owned(),
            None => "none".to_owned(),
        };
        let [takes, default, about] = [&param.takes, &default, &param.about].map(|text| cell(text));
        lines.push(format!("| `{name}` | {takes} | {default} | {about} |"));
        param_rows(&param.fields, &format!("{name}."), lines);
    }
}

/// Returns a text that stays within its cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::KindGuide;
    use super::list;
    use crate::report::sample::KINDS;

    #[test]
    fn the_list_has_a_line_for_each_kind() {
        insta::assert_snapshot!(list(KINDS), @"
        photograph   Takes photographs.
        imitate      Learns to draw.
        draw         Draws images.
        learn        Learns to tell classes apart.
        judge        Measures a classifier.
        ");
    }

    #[test]
    fn a_kind_says_what_it_takes_and_gives() {
        insta::assert_snapshot!(KindGuide::of(&KINDS[3]).to_text(), @r#"
        learn: Learns to tell classes apart.
        Runs on the CPU, inside ablate. Version 1.

        inputs
          images (list of images): Images to learn from. Training images only.
          validation (images, optional): Images that choose the epoch. Training or validation images only.

        outputs
          model (classifier): The classifier.

        params
          count: a whole number of at least 1, default 100
              Images that enter | leave.
          file: a text
              Archive to read.
          rate: a number above 0 and at most 1, default 0.0001
              Step of the optimiser, above 0 and at most 1.
          schedule: a list, each a map, default [{"epochs":40}]
              One after the other.
            epochs: a whole number of 1 to 10000, required
                Passes over the images.
          style: plain or flipped, default plain
              How copies are made.
        "#);
    }

    #[test]
    fn the_manual_has_tables() {
        insta::assert_snapshot!(KindGuide::of(&KINDS[3]).to_markdown(), @r#"
        ## `learn`

        Learns to tell classes apart. Runs on the CPU, inside `ablate`. Version 1.

        | Input | Type | What it is |
        | --- | --- | --- |
        | `images` | list of images | Images to learn from. Training images only. |
        | `validation` | images, optional | Images that choose the epoch. Training or validation images only. |

        | Output | Type | What it is |
        | --- | --- | --- |
        | `model` | classifier | The classifier. |

        | Param | Takes | Default | Meaning |
        | --- | --- | --- | --- |
        | `count` | a whole number of at least 1 | `100` | Images that enter \| leave. |
        | `file` | a text | none | Archive to read. |
        | `rate` | a number above 0 and at most 1 | `0.0001` | Step of the optimiser, above 0 and at most 1. |
        | `schedule` | a list, each a map | `[{"epochs":40}]` | One after the other. |
        | `schedule.epochs` | a whole number of 1 to 10000 | required | Passes over the images. |
        | `style` | `plain` or `flipped` | `plain` | How copies are made. |
        "#);
    }
}
