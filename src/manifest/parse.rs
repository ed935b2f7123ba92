//! Parsing: from YAML text to a node, within bounds on depth, size and aliases.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Number;
use serde_yaml::Location;
use serde_yaml::Options;
use serde_yaml::Spanned;

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::FileId;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Span;

/// Deepest nesting of a manifest.
const DEPTH: usize = 64;
/// Most values in a manifest, repeated ones counted each time, however short it is and however long. In
/// between it may hold one for each byte: nobody writes so many out, and anchors repeat no more of them.
const NODES: (usize, usize) = (200_000, 2_000_000);
/// Most uses of anchors.
const ALIASES: usize = 1_000;

/// Parses the text of a file. An empty text is an empty map.
pub(super) fn parse(file: FileId, text: &str) -> Result<Node, Problem> {
    let node = parse_value(file, text)?;
    let start = Span { file, offset: 0, length: 0 };
    let empty = Node { content: Content::Map(Vec::new()), span: start };
    Ok(if node.is_null() { empty } else { node })
}

/// Parses one value. Nothing stays nothing: as a value it deletes.
pub(super) fn parse_value(file: FileId, text: &str) -> Result<Node, Problem> {
    match serde_yaml::from_str_with_options(text, options(text)) {
        Ok(Parsed(mut node)) => {
            Place { file, size: text.len() }.settle(&mut node);
            Ok(node)
        }
        Err(error) => Err(problem(file, text, &error)),
    }
}

fn options(text: &str) -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_nodes: text.len().clamp(NODES.0, NODES.1),
            max_aliases: ALIASES,
            max_documents: 1,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}

fn problem(file: FileId, text: &str, error: &serde_yaml::Error) -> Problem {
    let words = error.without_snippet().to_string();
    let first = words.lines().next().unwrap_or_default();
    let message = first.split(" at line ").next().unwrap_or(first);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = message.split(", set ").next().unwrap_or(message);
    let (message, help) = reworded(message);
    let end = Span { file, offset: text.len(), length: 0 };
    let span = error.location().map_or(end, |location| match location.span().byte_offset() {
        Some(_) => Place { file, size: text.len() }.span(location),
        None => Span { file, offset: offset_of(text, location), length: 1 },
    });
    Problem::at(span, format!("no valid YAML: {message}")).maybe_help(help.map(str::to_owned))
}

/// Says what the parser says in this program's words, and what to do about it where that is known.
fn reworded(message: &str) -> (String, Option<&'static str>) {
    let told = |text: &str, help| (text.to_owned(), Some(help));
    if message.contains("Documents") {
        return told(
            "a second document starts here",
            "write one study into a file; take `---` away",
        );
    }
    if message.starts_with("budget breached") {
        let help = "write values out instead of repeating them by anchors, and nest them less";
        return told("it is too large, too deep or repeats too much", help);
    }
    if message.starts_with("non-finite float") {
        return told("a number that is none or infinite", "write a finite number");
    }
    let help = [
        ("tabs disallowed", "indent by blanks"),
        ("duplicate mapping key", "a map has each name once: take one away"),
        ("unknown anchor", "write the value itself, or `&NAME` where it stands first"),
        ("flow mapping", "close the map with `}`, and put a slice in quotes: `\"fit[arm=none]\"`"),
        (
            "flow sequence",
            "close the list with `]`, and put a slice in quotes: `\"fit[arm=none]\"`",
        ),
        ("block mapping", "give the names of one map the same indentation"),
        ("mapping values are not allowed", "write `name: value`, and texts with `: ` in quotes"),
        ("unclosed quote", "close the quote"),
        ("unclosed bracket", "close it with `]` or `}`, and put a slice in quotes"),
    ];
    let help = help.into_iter().find(|(part, _)| message.contains(part)).map(|(_, help)| help);
    let usual =
        "compare the line with `ablate init`'s manifest: `name: value`, two blanks deeper each";
    (message.to_owned(), help.or(Some(usual)))
}

/// Returns the byte at a line and column, both from 1: all that faults of the syntax tell.
fn offset_of(text: &str, location: Location) -> usize {
    let before = text.split_inclusive('\n').take(location.line().saturating_sub(1) as usize);
    let start: usize = before.map(str::len).sum();
    let line = text[start..].split('\n').next().unwrap_or_default();
    let column = location.column().saturating_sub(1) as usize;
    start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Place {
    file: FileId,
    size: usize,
}

impl Place {
    fn span(self, location: Location) -> Span {
        let bytes = |number: Option<u64>| number.map_or(0, |number| number as usize);
        let offset = bytes(location.span().byte_offset()).min(self.size);
        let length = bytes(location.span().byte_len()).min(self.size - offset);
        Span { file: self.file, offset, length }
    }

    /// Puts a node that was parsed, with all below it, to its text.
    fn settle(self, node: &mut Node) {
        self.cut(&mut node.span);
        match &mut node.content {
            Content::List(items) => items.iter_mut().for_each(|item| self.settle(item)),
            Content::Map(entries) => {
                for Entry { key, value } in entries {
                    self.cut(&mut key.span);
                    self.settle(value);
                }
            }
            _ => {}
        }
    }

    fn cut(self, span: &mut Span) {
        let offset = span.offset.min(self.size);
        *span = Span { file: self.file, offset, length: span.length.min(self.size - offset) };
    }
}

/// Stands for the text that is being parsed.
const HERE: Place = Place { file: FileId(0), size: usize::MAX };

/// A node of a text that it does not know yet.
struct Parsed(Node);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self(Node { content: found.value, span: HERE.span(found.referenced) }))
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Contents)
    }
}

struct Contents;

impl<'de> Visitor<'de> for Contents {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, answer: bool) -> Result<Content, E> {
        Ok(Content::Bool(answer))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Content, E> {
        Number::from_f64(number)
            .map(Content::Number)
            .ok_or_else(|| E::custom(format!("`{number}` is no finite number")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(Parsed(item)) = access.next_element()? {
            items.push(item);
        }
        items.shrink_to_fit(); // a study has many short ones
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        let mut known = BTreeSet::new();
        while let Some((key, Parsed(value))) = access.next_entry::<Spanned<String>, _>()? {
            if !known.insert(key.value.clone()) {
                return Err(A::Error::custom(format!("the key `{}` is written twice", key.value)));
            }
            entries.push(Entry { key: Located::new(key.value, HERE.span(key.referenced)), value });
        }
        entries.shrink_to_fit();
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::parse;
    use super::parse_value;
    use crate::manifest::FileId;
    use crate::manifest::Node;
    use crate::manifest::Sources;
    use serde_json::json;

    fn read(text: &str) -> Node {
        parse(FileId(0), text).unwrap()
    }

    fn fault(text: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("a", text);
        let problem = parse(file, text).unwrap_err();
        let (line, column) = sources.place(problem.span.unwrap());
        format!("{line}:{column}: {}", problem.message)
    }

    #[test]
    fn what_was_written_out_may_be_long_and_what_is_repeated_may_not() {
        let lines = |count: usize| {
            let numbers = (0..count).map(|number| format!("s{number}: [{number}, 1, 2, 3]\n"));
            numbers.collect::<String>()
        };
        let long = read(&lines(60_000));
        assert_eq!(long.get("s59999").map(Node::to_json), Some(json!([59_999, 1, 2, 3])));
        let repeated = format!("a: &a [{}1]\nb: [{}*a]\n", "1, ".repeat(9_000), "*a, ".repeat(40));
        assert_eq!(
            fault(&repeated),
            "2:89: no valid YAML: it is too large, too deep or repeats too much"
        );
    }

    #[test]
    fn every_value_knows_where_it_was_written() {
        let text = "a: [1, {é: two}]\nb: \"x y\"\n1: null\n";
        let node = read(text);
        let written = |path: &[&str], key: bool| {
            let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
            let span = node.span_at(&path, key);
            &text[span.offset..span.offset + span.length]
        };
        assert_eq!(written(&["a", "0"], false), "1");
        assert_eq!(written(&["a", "1", "é"], false), "two");
        assert_eq!(written(&["a", "1", "é"], true), "é");
        assert_eq!(written(&["b"], false), "\"x y\"");
        assert_eq!(node.to_json(), json!({"a": [1, {"é": "two"}], "b": "x y", "1": null}));
    }

    #[test]
    fn nothing_is_an_empty_map_as_a_file_and_nothing_as_a_value() {
        for text in ["", "null", "~"] {
            assert_eq!(read(text).to_json(), json!({}), "{text}");
        }
        for text in ["null", "~"] {
            assert!(parse_value(FileId(0), text).unwrap().is_null(), "{text}");
        }
    }

    #[test]
    fn only_true_and_false_are_truth_values() {
        let node = read("[yes, no, on, off, none, true, 1.0e-4, 1, -1, 18446744073709551615]");
        let expected = json!([
            "yes",
            "no",
            "on",
            "off",
            "none",
            true,
            1.0e-4,
            1,
            -1,
            18_446_744_073_709_551_615_u64
        ]);
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn faults_of_the_text_have_places() {
        insta::assert_snapshot!(fault("a: [1, 2\nb: 3\n"), @"2:2: no valid YAML: illegal placement of ':' indicator");
        insta::assert_snapshot!(fault("a: 1\nb: 2\na: 3\n"), @"3:1: no valid YAML: duplicate mapping key: a");
        insta::assert_snapshot!(fault("a: .nan\n"), @"1:4: no valid YAML: a number that is none or infinite");
        insta::assert_snapshot!(fault("a: 'x\n"), @"1:4: no valid YAML: unclosed quote");
        insta::assert_snapshot!(fault("a: *b\n"), @"1:4: no valid YAML: alias references unknown anchor");
        insta::assert_snapshot!(fault("a: 1\n---\nb: 1\n"), @"2:1: no valid YAML: a second document starts here");
    }

    #[test]
    fn bombs_do_not_go_off() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        assert!(parse(FileId(0), &deep).is_err());
        let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, last) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip("abcdefgh".chars())
        {
            let many = vec![format!("*{last}"); 9].join(", ");
            writeln!(laughs, "{name}: &{name} [{many}]").unwrap();
        }
        assert!(parse(FileId(0), &laughs).is_err());
    }
}
