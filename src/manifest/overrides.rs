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
use crate::manifest::merge::merge;
use crate::manifest::parse::parse;

/// Lays `path=value` arguments over a manifest, one after the other.
pub(super) fn apply(
    mut root: Node,
    arguments: &[String],
    sources: &mut Sources,
) -> Result<Node, Problems> {
    let mut problems = Problems::default();
    for argument in arguments {
        let file = sources.add("--set", argument.as_str());
        match Override::parse(argument, file) {
            Ok(change) => {
                if let Err(problem) = change.put(&mut root, 0) {
                    problems.push(problem);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.or(root)
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
                return Err(Problem::at(whole, format!("`{names}` is no path: a name is empty")));
            }
            path.push(Located::new(name.to_owned(), whole.piece(offset, name.len())));
            offset += name.len() + 1;
        }
        let start = names.len() + 1;
        let mut value = if value.trim().is_empty() {
            Node { content: Content::Null, span: whole.piece(start, 0) }
        } else {
            let value = parse(file, value);
            value.map_err(|problem| Problem {
                span: Some(whole.piece(start, whole.length)),
                ..problem
            })?
        };
        shift(&mut value, start);
        Ok(Self { path, value })
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
