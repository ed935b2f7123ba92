//! References: how a stage names what enters it.
//!
//! `stage`, `stage.port`, `stage[axis=value].port` and `stage.port[axis=value]`. Does not know
//! which stages, ports and axes there are.

use crate::manifest::Content;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;

/// An artifact, named by the stage that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The stage.
    pub stage: Located<String>,
    /// The output port; absent means the stage's first.
    pub port: Option<Located<String>>,
    /// Axes held fast, each at a value.
    pub slice: Vec<(Located<String>, Located<String>)>,
    /// The whole reference.
    pub span: Span,
}

/// What enters a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// The same in every cell.
    Same(Vec<Reference>),
    /// Something else for each value of an axis.
    By {
        /// The axis.
        axis: Located<String>,
        /// What enters, by value.
        branches: Vec<(Located<String>, Vec<Reference>)>,
    },
}

/// An input port of a stage, with what enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSpec {
    /// The port.
    pub port: Located<String>,
    /// What enters.
    pub feed: Feed,
}

impl Reference {
    /// Parses a reference that was written at `span`, quoted or not.
    pub fn parse(text: &str, span: Span) -> Result<Self, Problem> {
        let quotes = usize::from(span.length == text.len() + 2);
        let place = |part: &str| {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            Located::new(part.to_owned(), span.piece(quotes + start, part.len()))
        };
        let fault = |what: &str| {
            Problem::at(span, format!("`{text}` names no artifact: {what}"))
                .help("write `stage`, `stage.port` or `stage[axis=value].port`")
        };
        let mut slice = Vec::new();
        let mut names = text;
        let mut port = "";
        if let Some((before, rest)) = text.split_once('[') {
            let (inside, after) = rest.split_once(']').ok_or_else(|| fault("`]` is missing"))?;
            for pair in inside.split(',') {
                let (axis, value) =
                    pair.split_once('=').ok_or_else(|| fault("a slice is `axis=value`"))?;
                slice.push((place(axis.trim()), place(value.trim())));
            }
            names = before;
            port = match after.strip_prefix('.') {
                Some(port) => port,
                None if after.is_empty() => "",
                None => return Err(fault("only `.port` may follow `]`")),
            };
        }
        let (stage, first) = names.split_once('.').unwrap_or((names, ""));
        if !first.is_empty() && !port.is_empty() {
            return Err(fault("it names two ports"));
        }
        let port = if port.is_empty() { first } else { port };
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        };
        if !is_name(stage) || !(port.is_empty() && !text.ends_with('.') || is_name(port)) {
            return Err(fault("a name consists of letters, digits, `-` and `_`"));
        }
        let port = (!port.is_empty()).then(|| place(port));
        Ok(Self { stage: place(stage), port, slice, span })
    }
}

/// Reads what enters one port.
pub(super) fn feed(node: &Node, problems: &mut Problems) -> Feed {
    let Content::Map(entries) = &node.content else { return Feed::Same(list(node, problems)) };
    let by = entries.iter().find(|entry| entry.key.value == "by");
    let axis = by.and_then(|by| Some(Located::new(by.value.scalar()?, by.value.span)));
    let Some(axis) = axis else {
        let problem = match by {
            None => Problem::at(node.span.piece(0, 1), "a map of inputs has no `by`"),
            Some(by) => {
                let found = by.value.describe();
                Problem::at(by.key.span, format!("`by` is {found}; the name of one axis expected"))
            }
        };
        problems.push(problem.help("write `{by: AXIS, VALUE: [STAGE, ...], ...}`"));
        return Feed::Same(Vec::new());
    };
    let branches = entries
        .iter()
        .filter(|entry| entry.key.value != "by")
        .map(|entry| (entry.key.clone(), list(&entry.value, problems)))
        .collect();
    Feed::By { axis, branches }
}

fn list(node: &Node, problems: &mut Problems) -> Vec<Reference> {
    let items = match &node.content {
        Content::List(items) => items.as_slice(),
        Content::Null => &[],
        _ => std::slice::from_ref(node),
    };
    let mut references = Vec::with_capacity(items.len());
    for item in items {
        let parsed = match item.scalar() {
            Some(text) => Reference::parse(&text, item.span),
            None if item.get("by").is_some() => {
                let message = "`by` stands within a branch of `by`; inputs differ by one axis";
                let help = "write a stage for each arm, or an axis whose values are the combinations";
                Err(Problem::at(item.span.piece(0, 1), message).help(help))
            }
            None => Err(Problem::at(item.span, format!("{} names no artifact", item.describe()))
                .help("write `stage`, `stage.port` or a list of those; put a slice in quotes: `\"stage[axis=value]\"`")),
        };
        match parsed {
            Ok(reference) => references.push(reference),
            Err(problem) => problems.push(problem),
        }
    }
    references
}

#[cfg(test)]
mod tests {
    use super::Reference;
    use crate::manifest::FileId;
    use crate::manifest::Span;

    fn show(text: &str) -> String {
        let span = Span { file: FileId(0), offset: 10, length: text.len() + 2 };
        match Reference::parse(text, span) {
            Err(problem) => problem.message,
            Ok(found) => {
                let port = found.port.map(|port| format!("{}@{}", port.value, port.span.offset));
                let slice: Vec<String> = found
                    .slice
                    .iter()
                    .map(|(axis, value)| {
                        format!("{}={}@{}", axis.value, value.value, value.span.offset)
                    })
                    .collect();
                format!(
                    "{} . {} [{}]",
                    found.stage.value,
                    port.unwrap_or_default(),
                    slice.join(",")
                )
            }
        }
    }

    #[test]
    fn references_name_stage_port_and_slice() {
        assert_eq!(show("retina"), "retina .  []");
        assert_eq!(show("parts.train"), "parts . train@17 []");
        let sliced = "fit . model@31 [arm=classic+gan@19]";
        assert_eq!(show("fit[arm=classic+gan].model"), sliced.replace("31", "32"));
        assert_eq!(show("fit.model[arm=a, seed=1]"), "fit . model@15 [arm=a@25,seed=1@33]");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in
            ["", ".", "a.", "a.b.c", "a b", "a[x]", "a[x=1", "a.b[x=1].c", "a[x=1]b", "ä.b!"]
        {
            assert!(show(text).contains("names no artifact"), "{text}: {}", show(text));
        }
    }
}
