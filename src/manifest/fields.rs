//! Fields: typed values out of the maps of a manifest, with a problem for each that is wrong.

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;

/// How a map is written.
pub(super) const MAP: &str = "`name: value` on lines of their own, indented further";

/// Reads the fields of one map.
pub(super) struct Fields<'n, 'p> {
    node: &'n Node,
    problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// Opens a map and reports what is no map and every key that is not among `known`.
    pub(super) fn open(
        node: &'n Node,
        what: &str,
        known: &[&str],
        problems: &'p mut Problems,
    ) -> Self {
        if !matches!(node.content, Content::Map(_) | Content::Null) {
            wrong(node, what, "a map", MAP, problems);
        }
        for entry in node.entries() {
            let key = entry.key.value.as_str();
            if !known.contains(&key) {
                let message = format!("{what} has no field `{key}`");
                let help = did_you_mean(key, known.iter().copied())
                    .unwrap_or_else(|| format!("known are {}", quoted(known.iter().copied())));
                problems.push(Problem::at(entry.key.span, message).help(help));
            }
        }
        Self { node, problems }
    }

    /// Reads more fields of a map that was opened before.
    pub(super) fn of(node: &'n Node, problems: &'p mut Problems) -> Self {
        Self { node, problems }
    }

    /// Returns a field; nothing where it is absent or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// Reports a problem.
    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Reports a field that is missing.
    pub(super) fn missing(&mut self, key: &str, what: &str, example: &str) {
        let problem = Problem::at(self.node.span.piece(0, 0), format!("{what} has no `{key}`"));
        self.problems.push(problem.help(format!("write `{example}`")));
    }

    /// Returns a text, or the way a number or truth value is written.
    pub(super) fn text(&mut self, key: &str) -> Option<Located<String>> {
        let node = self.get(key)?;
        scalar(node, &format!("`{key}`"), self.problems)
    }

    /// Returns a text of a word or more.
    pub(super) fn sentence(&mut self, key: &str) -> Option<Located<String>> {
        let node = self.get(key)?;
        let text = node.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            let instead = format!("a sentence: `{key}: \"...\"`");
            wrong(node, &format!("`{key}`"), "a reason", &instead, self.problems);
        }
        Some(Located::new(text?.to_owned(), node.span))
    }

    /// Returns a whole number from 0 up to `most`.
    pub(super) fn number(&mut self, key: &str, most: u64) -> Option<u64> {
        let node = self.get(key)?;
        let number = match &node.content {
            Content::Number(number) => number.as_u64().filter(|number| *number <= most),
            _ => None,
        };
        if number.is_none() {
            let expected = format!("a whole number from 0 to {most}");
            let instead = format!("a number without quotes: `{key}: 1`");
            wrong(node, &format!("`{key}`"), &expected, &instead, self.problems);
        }
        number
    }

    /// Returns a list of texts; one text stands for a list of one.
    pub(super) fn texts(&mut self, key: &str) -> Vec<Located<String>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let what = format!("`{key}`");
        let items = match &node.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items.iter().filter_map(|item| scalar(item, &what, self.problems)).collect()
    }

    /// Returns the items of a list.
    pub(super) fn list(&mut self, key: &str) -> &'n [Node] {
        match self.get(key) {
            None => &[],
            Some(Node { content: Content::List(items), .. }) => items,
            Some(node) => {
                let instead = format!("`{key}: [...]`, or each item after a `-`");
                wrong(node, &format!("`{key}`"), "a list", &instead, self.problems);
                &[]
            }
        }
    }

    /// Returns the entries of a map.
    pub(super) fn map(&mut self, key: &str) -> &'n [Entry] {
        match self.get(key) {
            None => &[],
            Some(Node { content: Content::Map(entries), .. }) => entries,
            Some(node) => {
                wrong(node, &format!("`{key}`"), "a map", MAP, self.problems);
                &[]
            }
        }
    }
}

/// Returns a scalar as it is written, or reports that it is none.
pub(super) fn scalar(node: &Node, what: &str, problems: &mut Problems) -> Option<Located<String>> {
    let text = node.scalar();
    if text.is_none() {
        wrong(node, what, "a text", "one word, or a sentence in quotes", problems);
    }
    text.map(|text| Located::new(text, node.span))
}

/// Reports a value of the wrong sort, and what to write instead.
pub(super) fn wrong(
    node: &Node,
    what: &str,
    expected: &str,
    instead: &str,
    problems: &mut Problems,
) {
    let message = format!("{what} is {}; {expected} expected", node.describe());
    problems.push(Problem::at(node.span, message).help(format!("write {instead}")));
}
