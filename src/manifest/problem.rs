//! Problems: what is wrong with a manifest, each with its place; collected, never thrown singly.

use crate::manifest::Span;

/// Something wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where; absent where no text is to blame, such as a file that cannot be read.
    pub span: Option<Span>,
    /// What was found and what is expected, as a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Places that have a part in it, each with a few words; may name `span` too.
    pub marks: Vec<(Span, String)>,
}

impl Problem {
    /// Returns a problem at a place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::nowhere(message) }
    }

    /// Returns a problem that no text is to blame for.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), help: None, marks: Vec::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do about it, where that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds a few words to a place that has a part in it.
    #[must_use]
    pub fn mark(mut self, span: Span, words: impl Into<String>) -> Self {
        self.marks.push((span, words.into()));
        self
    }
}

/// Every problem found, without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a problem, unless it is there already: cells of one stage have the same problems.
    pub fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Adds all problems of another collection.
    pub fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|problem| self.push(problem));
    }

    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value if nothing is wrong, and the problems in order of their places otherwise.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|problem| problem.span);
        Err(self)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
