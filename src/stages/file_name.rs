//! Names of files as tables write them: with backslashes, escapes of URLs, other endings or none.

/// Returns a path as tables write it with `/` between parts, and without escapes of URLs.
pub(super) fn plain(cell: &str) -> String {
    let decoded = unescaped(cell).replace('\\', "/");
    let parts = decoded.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// Returns a path in lower case, with blanks for what stands in their place: `1. original images/a`.
pub(super) fn plain_words(path: &str) -> String {
    let blank = |letter: char| if matches!(letter, '_' | '-' | '+') { ' ' } else { letter };
    unescaped(path).to_lowercase().chars().map(blank).collect()
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%').then(|| after.get(..2)).flatten();
        let digits = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Returns a path without its ending.
pub(super) fn stem(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') && !stem.is_empty() => stem,
        _ => path,
    }
}

/// Returns the last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::last;
    use super::plain;
    use super::plain_words;
    use super::stem;

    #[test]
    fn what_tables_write_is_made_plain() {
        assert_eq!(plain("\\B.%20Disease%20Grading//./x%2"), "B. Disease Grading/x%2");
        assert_eq!(plain_words("1._Original-Images/A"), "1. original images/a");
        assert_eq!((stem("a.b/c.png"), stem("a.b/c"), stem(".png")), ("a.b/c", "a.b/c", ".png"));
        assert_eq!((last("a/b.png"), last("b")), ("b.png", "b"));
    }
}
