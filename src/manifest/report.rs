//! A report: problems together with the texts they point into, ready to be drawn.
//!
//! The one place of this module that knows `miette`; it draws nothing itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use miette::LabeledSpan;
use miette::NamedSource;

use crate::manifest::FileId;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Sources;
use crate::manifest::Span;

/// One problem together with the text it points into.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    problem: Problem,
    source: Option<NamedSource<Arc<str>>>,
    /// What other texts have to do with it, a text each.
    related: Vec<Diagnosis>,
}

/// Every problem of a manifest together with the texts they point into.
#[derive(Debug, Clone)]
pub struct Report {
    /// The manifest, as it was named.
    pub manifest: String,
    /// What is wrong.
    pub problems: Problems,
    /// The texts that spans point into.
    pub sources: Sources,
}

impl Report {
    /// Returns each problem with its text.
    pub fn diagnoses(&self) -> impl Iterator<Item = Diagnosis> {
        self.problems.0.iter().map(|problem| self.diagnosis(problem))
    }

    /// Puts a problem to its text, and its marks in other texts to those.
    fn diagnosis(&self, problem: &Problem) -> Diagnosis {
        let mut elsewhere: BTreeMap<FileId, Vec<(Span, String)>> = BTreeMap::new();
        let mut here = problem.clone();
        here.marks.retain(|(span, words)| {
            let is_here = problem.span.is_some_and(|place| place.file == span.file);
            if !is_here {
                elsewhere.entry(span.file).or_default().push((*span, words.clone()));
            }
            is_here
        });
        let related = elsewhere.into_iter().map(|(file, marks)| {
            let message = format!("here `{}` has a part in it", self.sources.name(file));
            let problem = Problem { marks, ..Problem::nowhere(message) };
            Diagnosis { problem, source: Some(self.source(file)), related: Vec::new() }
        });
        let source = problem.span.map(|span| self.source(span.file));
        Diagnosis { related: related.collect(), problem: here, source }
    }

    fn source(&self, file: FileId) -> NamedSource<Arc<str>> {
        let text = Arc::clone(self.sources.text(file));
        NamedSource::new(self.sources.name(file), text).with_language("yaml")
    }

    /// Returns each problem as one line: place, message, help.
    pub fn lines(&self) -> Vec<String> {
        let line = |problem: &Problem| {
            let place = problem.span.map_or(self.manifest.clone(), |span| {
                let (line, column) = self.sources.place(span);
                format!("{}:{line}:{column}", self.sources.name(span.file))
            });
            let help = problem.help.as_ref().map(|help| format!(" (help: {help})"));
            format!("{place}: {}{}", problem.message, help.unwrap_or_default())
        };
        self.problems.0.iter().map(line).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Report {}

impl Diagnosis {
    /// Returns the problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Diagnosis {}

impl miette::Diagnostic for Diagnosis {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        // A span may lie in an empty text or at its end; a label may not reach beyond it.
        let room = self.source.as_ref()?.inner().len();
        let place = self.problem.span;
        let label = move |span: Span, words: Option<String>| {
            let offset = span.offset.min(room);
            let within = (offset, span.length.min(room - offset));
            match place {
                Some(place) if place == span => LabeledSpan::new_primary_with_span(words, within),
                _ => LabeledSpan::new_with_span(words, within),
            }
        };
        let marks = &self.problem.marks;
        let is_marked = |place: &Span| marks.iter().any(|(span, _)| span == place);
        let own = self.problem.span.filter(|place| !is_marked(place));
        let own = own.map(|span| label(span, None));
        let marks = marks.iter().map(move |(span, words)| label(*span, Some(words.clone())));
        Some(Box::new(own.into_iter().chain(marks)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        let is_aside = self.problem.span.is_none() && !self.problem.marks.is_empty();
        is_aside.then_some(miette::Severity::Advice)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let related = self.related.iter().map(|one| one as &dyn miette::Diagnostic);
        (!self.related.is_empty()).then(|| Box::new(related) as Box<_>)
    }
}
