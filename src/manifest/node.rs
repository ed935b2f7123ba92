//! A node: a value of a manifest, untyped, that knows where it was written.

use serde_json::Number;
use serde_json::Value;

use crate::manifest::Located;
use crate::manifest::Span;

/// Most letters of a text that a message quotes.
const MOST_SHOWN: usize = 80;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where it was written.
    pub span: Span,
}

/// A value of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing; in a merge it deletes.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order it was written.
    Map(Vec<Entry>),
}

/// A key of a map, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Located<String>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Returns the value of a key; nothing where this is no map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
    }

    /// Returns the entries; none where this is no map.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the text of a text.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of a text, and a number or truth value as it is written.
    pub fn scalar(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) => Some(text.clone()),
            Content::Number(number) => Some(number.to_string()),
            Content::Bool(answer) => Some(answer.to_string()),
            _ => None,
        }
    }

    /// Returns whether this is nothing.
    pub fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// Returns the value without places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(answer) => Value::Bool(*answer),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.value.clone(), entry.value.to_json()))
                .collect(),
        }
    }

    /// Returns the value at a path of keys and places in lists.
    pub fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let next = match &self.content {
            Content::List(items) => items.get(first.parse::<usize>().ok()?)?,
            _ => self.get(first)?,
        };
        next.at(rest)
    }

    /// Returns where the value at a path was written, or as much of the path as exists. A place
    /// named by its key (`about_key`) is the key's.
    pub fn span_at(&self, path: &[String], about_key: bool) -> Span {
        let Some((first, rest)) = path.split_first() else { return self.span };
        match &self.content {
            Content::List(items) => {
                match first.parse::<usize>().ok().and_then(|at| items.get(at)) {
                    Some(item) => item.span_at(rest, about_key),
                    None => self.span,
                }
            }
            Content::Map(entries) => match entries.iter().find(|entry| entry.key.value == *first) {
                Some(entry) if rest.is_empty() && about_key => entry.key.span,
                Some(entry) => entry.value.span_at(rest, about_key),
                None => self.span,
            },
            _ => self.span,
        }
    }

    /// Returns what this is, in a word or two: `a list`, or a scalar in backticks.
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
            _ => {
                let text = self.scalar().unwrap_or_default();
                match text.char_indices().nth(MOST_SHOWN) {
                    Some((at, _)) => format!("`{}...`", &text[..at]),
                    None => format!("`{text}`"),
                }
            }
        }
    }
}
