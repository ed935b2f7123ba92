//! The repository's own files, as the tests about it read them.
//!
//! Knows nothing of what the tests want to find.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A text file of the repository.
pub(crate) struct Source {
    /// Place below the repository's root, with `/`.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// Returns a file that exists only in a test.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns the top module that the file belongs to: `stage` for `src/stage/kind.rs`.
    pub(crate) fn module(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = inner.split('/').next().unwrap_or(inner);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Returns what the file says before its tests: nothing for a file of tests.
    pub(crate) fn before_tests(&self) -> &str {
        if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            return "";
        }
        self.text.find("#[cfg(test)]\nmod ").map_or(&self.text, |tests| &self.text[..tests])
    }

    /// Returns each line of code with its number; comments are cut off.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().filter_map(|(index, line)| {
            let code = line.find("//").map_or(line, |comment| &line[..comment]);
            (!code.trim().is_empty()).then_some((index + 1, code))
        })
    }
}

/// Returns the repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file below a folder that ends in one of `extensions`, sorted by path.
pub(crate) fn below(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    paths
        .iter()
        .filter(|path| {
            path.extension()
                .and_then(|end| end.to_str())
                .is_some_and(|end| extensions.contains(&end))
        })
        .map(|path| read(path))
        .collect()
}

/// Returns one file of the repository.
pub(crate) fn file(path: &str) -> Source {
    read(&root().join(path))
}

fn read(path: &Path) -> Source {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let below = path.strip_prefix(root()).expect("below the root").to_string_lossy();
    Source { path: below.replace('\\', "/"), text }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("a readable folder").path()) {
        if entry.is_dir() { collect(&entry, paths) } else { paths.push(entry) }
    }
}

#[test]
fn tests_are_told_from_the_rest() {
    let source = Source::new("src/a.rs", "let a = 1;\n#[cfg(test)]\nmod tests {}\n");
    assert_eq!(source.before_tests(), "let a = 1;\n");
    assert_eq!(Source::new("src/a/tests.rs", "let a = 1;").before_tests(), "");
    assert_eq!(Source::new("src/a.rs", "let a = 1;").before_tests(), "let a = 1;");
}

#[test]
fn code_has_no_comments() {
    let source = Source::new("src/a/b.rs", "//! header\nlet a = 1; // why\n\n/// doc\n");
    assert_eq!(source.code().collect::<Vec<_>>(), [(2, "let a = 1; ")]);
    assert_eq!(source.module(), "a");
    assert_eq!(Source::new("src/digest.rs", "").module(), "digest");
}
