//! Overrides: what `--set stages.gan.params.batch_size=16` changes in a manifest.

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::FileId;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Sources;
use crate::manifest::Span;
use crate::manifest::did_you_mean;
use crate::manifest::merge::merge;
use crate::manifest::parse::parse_value;

/// Lays `path=value` arguments over a manifest, one after the other.
pub(super) fn apply(
    mut root: Node,
    arguments: &[String],
    sources: &mut Sources,
) -> Result<Node, Problems> {
    let mut problems = Problems::default();
    let stages = root.get("stages").map(Node::entries).unwrap_or_default();
    let known: Vec<String> = stages.iter().map(|stage| stage.key.value.clone()).collect();
    let mut strange = Vec::new();
    for argument in arguments {
        let file = sources.add("--set", argument.as_str());
        match Override::parse(argument, file) {
            Ok(change) if change.path[0].value == "extends" => {
                let message = "`extends` names files, and these have been read";
                let problem = Problem::at(change.path[0].span, message);
                problems.push(problem.help("write a file that extends both: `extends: [A, B]`"));
            }
            Ok(change) => {
                strange.extend(change.strange_stage(&known));
                if let Err(problem) = change.put(&mut root, 0) {
                    problems.push(problem);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    for name in strange {
        if let Some(problem) = misspelt(&name, &known, &root) {
            problems.push(problem);
        }
    }
    problems.or(root)
}

/// Reports a stage that arguments bring in without a kind, where its name is nearly a known one.
fn misspelt(name: &Located<String>, known: &[String], root: &Node) -> Option<Problem> {
    let stage = root.get("stages").and_then(|stages| stages.get(&name.value));
    if stage.is_some_and(|stage| stage.get("kind").is_some()) {
        return None;
    }
    let help = did_you_mean(&name.value, known.iter().map(String::as_str))?;
    Some(Problem::at(name.span, format!("there is no stage `{}`", name.value)).help(help))
}

struct Override {
    path: Vec<Located<String>>,
    value: Node,
}

impl Override {
    fn parse(argument: &str, file: FileId) -> Result<Self, Problem> {
        let whole = Span { file, offset: 0, length: argument.len() };
        let Some((names, value)) = argument.split_once('=') else {
            return Err(Problem::at(whole, format!("`{argument}` sets nothing: it has no `=`"))
                .help("write `--set stages.NAME.params.PARAM=VALUE`"));
        };
        let mut path = Vec::new();
        let mut offset = 0;
        for name in names.split('.') {
            if name.is_empty() {
                return Err(Problem::at(whole, format!("`{names}` is no path: a name is empty"))
                    .help("write `--set stages.NAME.params.PARAM=VALUE`"));
            }
            path.push(Located::new(name.to_owned(), whole.piece(offset, name.len())));
            offset += name.len() + 1;
        }
        let start = names.len() + 1;
        let mut value = if value.trim().is_empty() {
            Node { content: Content::Null, span: whole.piece(start, 0) }
        } else {
            let value = parse_value(file, value);
            value.map_err(|problem| Problem {
                span: Some(whole.piece(start, whole.length)),
                ..problem
            })?
        };
        shift(&mut value, start);
        Ok(Self { path, value })
    }

    /// Returns the stage that this changes, where it is none of the known ones.
    fn strange_stage(&self, known: &[String]) -> Option<Located<String>> {
        let [root, stage, ..] = self.path.as_slice() else { return None };
        (root.value == "stages" && !known.contains(&stage.value)).then(|| stage.clone())
    }

    /// Puts the value below `node`, whose own place is `self.path[..depth]`.
    fn put(self, node: &mut Node, depth: usize) -> Result<(), Problem> {
        let Some(name) = self.path.get(depth).cloned() else {
            let null = Node { content: Content::Null, span: node.span };
            let old = std::mem::replace(node, null);
            *node = merge(old, self.value);
            return Ok(());
        };
        let last = depth + 1 == self.path.len();
        match &mut node.content {
            Content::List(items) => {
                let count = items.len();
                let item = name.value.parse::<usize>().ok().and_then(|at| items.get_mut(at));
                let Some(item) = item else {
                    let message = format!("`{}` is no place in a list of {count}", name.value);
                    let help = format!("places count from 0 to {}", count.saturating_sub(1));
                    return Err(Problem::at(name.span, message).help(help));
                };
                self.put(item, depth + 1)
            }
            Content::Map(entries) => {
                let at = entries.iter().position(|entry| entry.key.value == name.value);
                match at {
                    Some(at) if last && self.value.is_null() => {
                        entries.remove(at);
                        Ok(())
                    }
                    Some(at) => self.put(&mut entries[at].value, depth + 1),
                    None if last && self.value.is_null() => Ok(()),
                    None => {
                        let empty = Node { content: Content::Map(Vec::new()), span: name.span };
                        entries.push(Entry { key: name, value: empty });
                        let added = entries.len() - 1;
                        self.put(&mut entries[added].value, depth + 1)
                    }
                }
            }
            Content::Null => {
                node.content = Content::Map(Vec::new());
                self.put(node, depth)
            }
            _ => {
                let message =
                    format!("`{}` lies below {}, which is no map", name.value, node.describe());
                Err(Problem::at(name.span, message))
            }
        }
    }
}

fn shift(node: &mut Node, by: usize) {
    node.span.offset += by;
    match &mut node.content {
        Content::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Content::Map(entries) => {
            for entry in entries {
                entry.key.span.offset += by;
                shift(&mut entry.value, by);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::apply;
    use crate::manifest::Problem;
    use crate::manifest::Sources;
    use crate::manifest::parse::parse;

    const TEXT: &str = "seed: 1\nstages: {retina: {kind: load, params: {size: 8, classes: [a]}}, parts: {kind: split}}\n";

    /// Returns the changed manifest, or its problems, each in a line.
    fn set(arguments: &[&str]) -> Result<String, String> {
        let mut sources = Sources::default();
        let root = parse(sources.add("a", TEXT), TEXT).unwrap();
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        let changed = apply(root, &arguments, &mut sources).map_err(|problems| {
            let line = |problem: &Problem| {
                format!("{} ({})", problem.message, problem.help.as_deref().unwrap_or_default())
            };
            problems.0.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(changed.to_json().to_string())
    }

    #[test]
    fn nothing_deletes_however_it_is_written() {
        for nothing in ["null", "~", "", " "] {
            let without_seed = format!("seed={nothing}");
            let without_parts = format!("stages.parts={nothing}");
            let without_params = format!("stages.retina.params={nothing}");
            assert_eq!(
                set(&[&without_seed, &without_parts, &without_params]).as_deref(),
                Ok(r#"{"stages":{"retina":{"kind":"load"}}}"#),
                "{nothing}"
            );
        }
        assert!(set(&["stages.parts={}"]).unwrap().contains("split"));
    }

    #[test]
    fn a_misspelt_stage_is_said_and_a_new_one_is_made() {
        insta::assert_snapshot!(set(&["stages.retna.params.size=3"]).unwrap_err(), @"there is no stage `retna` (did you mean `retina`?)");
        insta::assert_snapshot!(set(&["stages.prts=null"]).unwrap_err(), @"there is no stage `prts` (did you mean `parts`?)");
        let made = set(&["stages.retina2.params.size=3", "stages.retina2.kind=load"]);
        assert!(made.unwrap().contains(r#""retina2":{"kind":"load","params":{"size":3}}"#));
    }
}
