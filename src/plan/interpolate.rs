//! Interpolation: `${vars.x}` and `${axis.x}` in params, replaced by what they stand for.
//!
//! A text that is one placeholder takes the value as it is, so a number stays a number; within a
//! longer text the value becomes text. `$${` stands for `${`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::manifest::Content;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::axes::Axes;
use crate::plan::axes::Cell as Point;

/// Deepest nesting of placeholders: vars may use vars.
const DEPTH: usize = 16;

/// Most that the placeholders of all stages may come to, bytes; each value counts one more.
pub(super) const LARGEST: usize = 4 << 20;

const CLOSE: &str = "close it with `}`, or write `$${` for a literal `${`";
const FLAT: &str = "give an axis values that are maps, and write `${axis.NAME.FIELD}`";

/// What placeholders stand for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The manifest's `vars`.
    pub(super) vars: &'a Node,
    /// The study's axes.
    pub(super) axes: &'a Axes,
    /// How much more placeholders may come to; [`LARGEST`] at first.
    pub(super) left: &'a Cell<usize>,
}

/// What a node names.
#[derive(Default)]
struct Named {
    axes: BTreeSet<usize>,
    /// Var -> about how many bytes it comes to; nothing while it is looked into.
    vars: BTreeMap<String, Option<usize>>,
}

/// What it takes to fill a node in, and how much more it may come to.
struct Filling<'a> {
    cell: &'a Point,
    left: usize,
    problems: &'a mut Problems,
}

impl Filling<'_> {
    /// Counts a value; returns whether there is room for it. That there is none has been reported.
    fn takes(&mut self, bytes: usize) -> bool {
        self.left = self.left.saturating_sub(1 + bytes);
        self.left > 0
    }
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

impl Scope<'_> {
    /// Returns the axes that a node names, through vars too, and reports what cannot be named.
    pub(super) fn axes_in(self, node: &Node, problems: &mut Problems) -> BTreeSet<usize> {
        let mut named = Named::default();
        let size = self.collect(node, DEPTH, &mut named, problems);
        self.left.set(self.left.get().saturating_sub(size));
        if self.left.get() == 0 {
            let message = "what placeholders stand for up to here is larger than 4 MiB";
            let help = "write fewer values of `vars` that repeat others";
            problems.push(Problem::at(node.span, message).help(help));
        }
        named.axes
    }

    /// Returns about how many bytes a node comes to.
    fn collect(
        self,
        node: &Node,
        depth: usize,
        named: &mut Named,
        problems: &mut Problems,
    ) -> usize {
        let mut inner = |node: &Node| self.collect(node, depth, named, problems);
        match &node.content {
            Content::List(items) => items.iter().map(inner).fold(0, usize::saturating_add),
            Content::Map(entries) => {
                entries.iter().map(|entry| inner(&entry.value)).fold(0, usize::saturating_add)
            }
            Content::Text(text) => {
                let parts = match parts(text) {
                    Ok(parts) => parts,
                    Err((message, help)) => {
                        problems.push(Problem::at(node.span, message).help(help));
                        return 0;
                    }
                };
                let mut size = 1 + text.len();
                for part in parts {
                    let Part::Name(name) = part else { continue };
                    match self.check(node, text, name, depth, named, problems) {
                        Ok(bytes) => size = size.saturating_add(bytes),
                        Err(problem) => problems.push(problem),
                    }
                }
                size
            }
            _ => 1,
        }
    }

    /// Returns about how many bytes a placeholder comes to. Each var is looked into once.
    fn check(
        self,
        node: &Node,
        text: &str,
        name: &str,
        depth: usize,
        named: &mut Named,
        problems: &mut Problems,
    ) -> Result<usize, Problem> {
        let span = place(node, text, name);
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        match root {
            "vars" => {
                let known = named.vars.get(rest).copied();
                if let Some(Some(size)) = known {
                    return Ok(size);
                }
                let var = self.var(rest, span)?;
                if known.is_some() || depth == 0 {
                    let message = match known {
                        Some(_) => format!("`${{{name}}}` refers to itself"),
                        None => format!("`${{{name}}}` leads through more than {DEPTH} `vars`"),
                    };
                    let help = "write the value itself into one of these `vars`";
                    return Err(Problem::at(span, message).help(help));
                }
                named.vars.insert(rest.to_owned(), None);
                let size = self.collect(var, depth - 1, named, problems);
                named.vars.insert(rest.to_owned(), Some(size));
                Ok(size)
            }
            "axis" => {
                let (axis, path) = rest.split_once('.').unwrap_or((rest, ""));
                let located = Located::new(axis.to_owned(), span);
                let Some(axis) = self.axes.axis(&located, problems) else { return Ok(0) };
                named.axes.insert(axis);
                let values = self.axes.all[axis].values.len();
                for value in 0..values {
                    self.field(axis, value, path, span)?;
                }
                Ok(values)
            }
            _ => {
                let message = format!("`${{{name}}}` stands for nothing");
                let help = did_you_mean(root, ["vars", "axis"])
                    .unwrap_or_else(|| "write `${vars.NAME}` or `${axis.NAME}`".to_owned());
                Err(Problem::at(span, message).help(help))
            }
        }
    }

    /// Returns a node's value in a cell. Placeholders that [`Self::axes_in`] reported stay empty.
    pub(super) fn fill(self, node: &Node, cell: &Point, problems: &mut Problems) -> Value {
        let mut filling = Filling { cell, left: LARGEST, problems };
        self.fill_to(node, DEPTH, &mut filling)
    }

    fn fill_to(self, node: &Node, depth: usize, filling: &mut Filling<'_>) -> Value {
        let mut inner = |node: &Node| self.fill_to(node, depth, filling);
        match &node.content {
            Content::List(items) => items.iter().map(inner).collect(),
            Content::Map(entries) => {
                entries.iter().map(|entry| (entry.key.value.clone(), inner(&entry.value))).collect()
            }
            Content::Text(text) if text.contains("${") => {
                if !filling.takes(text.len()) {
                    return Value::Null;
                }
                let parts = parts(text).unwrap_or_default();
                if let [Part::Name(name)] = parts.as_slice() {
                    return self.lookup(name, depth, filling);
                }
                let mut filled = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => filled.push_str(text),
                        Part::Name(name) => match self.lookup(name, depth, filling) {
                            Value::String(text) => filled.push_str(&text),
                            Value::Array(_) | Value::Object(_) => {
                                let message = format!(
                                    "`${{{name}}}` is no text and no number, and stands within a text"
                                );
                                let problem = Problem::at(place(node, text, name), message);
                                filling.problems.push(problem);
                            }
                            other => filled.push_str(&other.to_string()),
                        },
                    }
                }
                Value::String(filled)
            }
            _ if filling.takes(node.text().map_or(0, str::len)) => node.to_json(),
            _ => Value::Null,
        }
    }

    fn lookup(self, name: &str, depth: usize, filling: &mut Filling<'_>) -> Value {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        let nowhere = self.vars.span;
        match root {
            "vars" if depth > 0 => {
                self.find_var(rest).map_or(Value::Null, |var| self.fill_to(var, depth - 1, filling))
            }
            "axis" => {
                let (axis, path) = rest.split_once('.').unwrap_or((rest, ""));
                let axis = self.axes.find(axis);
                let point = axis.and_then(|axis| Some((axis, *filling.cell.get(&axis)?)));
                point
                    .and_then(|(axis, value)| self.field(axis, value, path, nowhere).ok())
                    .unwrap_or(Value::Null)
            }
            _ => Value::Null,
        }
    }

    fn find_var(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self.vars, |node, name| node.get(name))
    }

    fn var(&self, path: &str, span: Span) -> Result<&Node, Problem> {
        let mut node = self.vars;
        for name in path.split('.') {
            node = node.get(name).ok_or_else(|| {
                let known = || node.entries().iter().map(|entry| entry.key.value.as_str());
                let help = did_you_mean(name, known()).unwrap_or_else(|| match known().next() {
                    Some(_) => format!("known are {}", quoted(known())),
                    None => format!("write `vars: {{{name}: ...}}` at the top of the manifest"),
                });
                Problem::at(span, format!("there is no `vars.{path}`")).help(help)
            })?;
        }
        Ok(node)
    }

    fn field(&self, axis: usize, value: usize, path: &str, span: Span) -> Result<Value, Problem> {
        let axis = &self.axes.all[axis];
        let value = &axis.values[value];
        if path == "name" {
            return Ok(Value::String(value.name.clone()));
        }
        let mut found = &value.value;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            found = found.get(name).ok_or_else(|| {
                let fields = found.as_object();
                let known = || fields.into_iter().flat_map(|map| map.keys().map(String::as_str));
                let message = format!(
                    "the value `{}` of axis `{}` has no field `{name}`",
                    value.name, axis.name
                );
                let help = did_you_mean(name, known()).unwrap_or_else(|| match known().next() {
                    Some(_) => format!("its fields are {}", quoted(known())),
                    None => "write the value as a map: `{name: ..., FIELD: ...}`".to_owned(),
                });
                Problem::at(span, message).help(help)
            })?;
        }
        Ok(found.clone())
    }
}

/// Returns whether a text in a node has a placeholder.
pub(super) fn has_placeholder(node: &Node) -> bool {
    match &node.content {
        Content::Text(text) => text.contains("${"),
        Content::List(items) => items.iter().any(has_placeholder),
        Content::Map(entries) => entries.iter().any(|entry| has_placeholder(&entry.value)),
        _ => false,
    }
}

/// Returns where a placeholder stands in a text, as exactly as quotes allow.
fn place(node: &Node, text: &str, name: &str) -> Span {
    let start = (name.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    match node.span.length.checked_sub(text.len()) {
        Some(quotes @ (0 | 2)) => {
            node.span.piece((start + quotes / 2).saturating_sub(2), name.len() + 3)
        }
        _ => node.span, // escapes or several lines: offsets differ
    }
}

/// Cuts a text at its placeholders, or returns what is wrong with it and what to do about it.
fn parts(text: &str) -> Result<Vec<Part<'_>>, (String, &'static str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            parts.push(Part::Text(&rest[..at - 1]));
            parts.push(Part::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        let inside = &rest[at + 2..];
        let end =
            inside.find('}').ok_or_else(|| (format!("`{}` is not closed", &rest[at..]), CLOSE))?;
        if inside[..end].contains("${") {
            return Err((
                format!("`{}` has a placeholder within a placeholder", &rest[at..]),
                FLAT,
            ));
        }
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        parts.push(Part::Name(&inside[..end]));
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::plan::tests::faults;
    use crate::plan::tests::plan;

    fn study(head: &str, params: &str) -> String {
        format!(
            "ablate: 1\nname: x\n{head}\nstages:\n  numbers: {{kind: draw}}\n  parts: {{kind: divide, inputs: {{numbers: numbers}}}}\n  fit: {{kind: fit, inputs: {{numbers: parts.train}}, params: {params}}}\n"
        )
    }

    #[test]
    fn a_whole_placeholder_keeps_its_type_and_a_part_becomes_text() {
        let head = "vars: {deep: {epochs: 3}, same: '${vars.deep.epochs}'}\naxes: {step: [{name: small, rate: 0.1}, {name: large, rate: 2}]}";
        let params = "{epochs: '${vars.same}', rate: '${axis.step.rate}', name: '${axis.step.name} of ${vars.same} $${x}'}";
        let plan = plan(&study(head, params));
        let found: Vec<_> = plan.tasks[2..].iter().map(|task| task.params.value()).collect();
        assert_eq!(
            found,
            [
                json!({"epochs": 3, "rate": 0.1, "name": "small of 3 ${x}"}),
                json!({"epochs": 3, "rate": 2.0, "name": "large of 3 ${x}"}),
            ]
        );
    }

    #[test]
    fn params_may_come_whole_from_an_axis() {
        let head = "axes: {step: [{name: small, params: {rate: 0.1}}, {name: large, params: {rate: 2, epochs: 5}}]}";
        let plan = plan(&study(head, "'${axis.step.params}'"));
        assert_eq!(plan.tasks[3].params.value(), json!({"epochs": 5, "rate": 2.0, "name": ""}));
    }

    #[test]
    fn what_stands_for_nothing_is_said_with_its_place() {
        let head = "vars: {size: 3, loop: '${vars.loop}'}\naxes: {step: [1, {name: b, rate: 2}]}";
        let params = "{epochs: '${vars.sise}', rate: ['${axis.stepp}', '${axis.step.rate}', '${var.size}', '${vars.loop}'], name: 'a ${vars.size'}";
        insta::assert_snapshot!(faults(&study(head, params)), @"
        3:24: `${vars.loop}` refers to itself (help: write the value itself into one of these `vars`)
        8:70: there is no `vars.sise` (help: did you mean `size`?)
        8:93: there is no axis `stepp` (help: did you mean `step`?)
        8:110: the value `1` of axis `step` has no field `rate` (help: write the value as a map: `{name: ..., FIELD: ...}`)
        8:131: `${var.size}` stands for nothing (help: did you mean `vars`?)
        8:168: `${vars.size` is not closed (help: close it with `}`, or write `$${` for a literal `${`)
        ");
    }
}
