//! Spans: where in which text something was written.
//!
//! Knows texts and offsets; does not know YAML.

use std::sync::Arc;

/// A text of [`Sources`]: an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub usize);

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// Start, bytes.
    pub offset: usize,
    /// Length, bytes; 0 points between two bytes.
    pub length: usize,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

/// Every text that a manifest was read from: files, and arguments of `--set`.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<(String, Arc<str>)>);

impl Span {
    /// Returns the span from the start of `self` to the end of `other`, if that is one stretch of
    /// one text, and `self` otherwise.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        let end = other.offset + other.length;
        if self.file != other.file || end < self.offset {
            return self;
        }
        Self { length: end - self.offset, ..self }
    }

    /// Returns a piece of this span: `length` bytes from `start`, cut to what there is.
    #[must_use]
    pub fn piece(self, start: usize, length: usize) -> Self {
        let start = start.min(self.length);
        Self { offset: self.offset + start, length: length.min(self.length - start), ..self }
    }
}

impl<T> Located<T> {
    /// Puts a value to its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl Sources {
    /// Adds a text under the name that people know it by.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.0.push((name.into(), text.into()));
        FileId(self.0.len() - 1)
    }

    /// Returns the name of a text.
    pub fn name(&self, file: FileId) -> &str {
        &self.0[file.0].0
    }

    /// Returns a text.
    pub fn text(&self, file: FileId) -> &Arc<str> {
        &self.0[file.0].1
    }

    /// Returns a span's line and column, both from 1; columns count characters.
    pub fn place(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.file);
        let mut end = span.offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Sources;
    use super::Span;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "é: 1\nöb: 2\n");
        let at = |offset| sources.place(Span { file, offset, length: 1 });
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 2));
        assert_eq!(at(8), (2, 2));
        assert_eq!(at(99), (3, 1));
    }
}
