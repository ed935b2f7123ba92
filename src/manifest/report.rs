//! A report: problems together with the texts they point into, ready to be drawn.
//!
//! The one place of this module that knows `miette`; it draws nothing itself.

use std::fmt;
use std::sync::Arc;

use miette::LabeledSpan;
use miette::NamedSource;

use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Sources;

/// One problem together with the text it points into.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    problem: Problem,
    source: Option<NamedSource<Arc<str>>>,
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
        self.problems.0.iter().map(|problem| Diagnosis {
            problem: problem.clone(),
            source: problem.span.map(|span| {
                NamedSource::new(
                    self.sources.name(span.file),
                    Arc::clone(self.sources.text(span.file)),
                )
                .with_language("yaml")
            }),
        })
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
        let span = self.problem.span?;
        // A span may lie in an empty text or at its end; a label may not reach beyond it.
        let room = self.source.as_ref()?.inner().len();
        let offset = span.offset.min(room);
        let length = span.length.min(room - offset);
        let label = LabeledSpan::new(self.problem.label.clone(), offset, length);
        Some(Box::new(std::iter::once(label)))
    }
}
