//! The canonical layout of a manifest: indentation, blanks, quotes and the order of fields. Keeps every
//! comment and every value.

use pretty_yaml::config::FormatOptions;
use pretty_yaml::config::LanguageOptions;
use pretty_yaml::config::LayoutOptions;

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::FileId;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;
use crate::manifest::document::FIELDS;
use crate::manifest::document::STAGE_FIELDS;
use crate::manifest::fields::MAP;
use crate::manifest::fields::wrong;
use crate::manifest::parse::parse;

/// Longest line, where something can be broken.
const WIDTH: usize = 120;

/// Most layouts until one is its own layout.
const ROUNDS: usize = 4;

/// Returns the text of a manifest in its canonical layout; `file` is where problems are.
pub fn canonical(file: FileId, text: &str) -> Result<String, Problem> {
    let root = parse(file, text)?;
    if !matches!(root.content, Content::Map(_)) {
        let mut problems = Problems::default();
        wrong(&root, "the manifest", "a map", MAP, &mut problems);
        return problems.0.into_iter().next().map_or(Ok(text.to_owned()), Err);
    }
    let meant = root.to_json();
    let mut laid_out = with_flush_head(text);
    for _ in 0..ROUNDS {
        let spaced = spaced(&laid_out).map_err(|error| refused(file, &error))?;
        let next = ordered(&spaced).unwrap_or(spaced);
        let kept = parse(file, &next).is_ok_and(|node| node.to_json() == meant);
        if !kept || comments(&next) != comments(text) {
            return Err(refused(file, "its meaning would change"));
        }
        if next == laid_out && with_flush_head(&next) == next {
            return Ok(next);
        }
        laid_out = next;
    }
    Err(refused(file, "no layout of it lasts"))
}

/// Returns the text with the comments at its beginning flush left: what is above all is in nothing.
fn with_flush_head(text: &str) -> String {
    let body = text.split_inclusive('\n').take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    });
    let head: usize = body.map(str::len).sum();
    let flush = text[..head].split_inclusive('\n').map(|line| line.trim_start_matches(' '));
    flush.collect::<String>() + &text[head..]
}

fn refused(file: FileId, why: &str) -> Problem {
    let start = Span { file, offset: 0, length: 0 };
    let message = format!("this manifest cannot be laid out anew: {why}");
    Problem::at(start, message)
        .help("set its fields in order by hand, without anchors, tags and odd indentation")
}

/// Returns the text with canonical blanks, lines and quotes.
fn spaced(text: &str) -> Result<String, String> {
    let layout = LayoutOptions { print_width: WIDTH, ..LayoutOptions::default() };
    let language = LanguageOptions {
        brace_spacing: false,
        trailing_comma: false,
        ..LanguageOptions::default()
    };
    let options = FormatOptions { layout, language };
    // Its code for block scalars trusts their indentation; what it cannot take is left as it is.
    let spaced = std::panic::catch_unwind(|| pretty_yaml::format_text(text, &options));
    let spaced = spaced.map_err(|_| "its indentation is too odd".to_owned())?;
    spaced.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// Returns the text with the fields of the manifest and of each stage in order, where they stand on
/// lines of their own.
fn ordered(text: &str) -> Option<String> {
    let root = parse(FileId(0), text).ok()?;
    let mut text = text.to_owned();
    // From the last stage to the first, so that offsets before it stay what they were.
    let stages = root.get("stages").map(Node::entries).unwrap_or_default();
    for stage in stages.iter().rev() {
        text = sorted(&text, stage.value.entries(), STAGE_FIELDS);
    }
    let root = parse(FileId(0), &text).ok()?;
    Some(sorted(&text, root.entries(), FIELDS))
}

/// Sorts entries of a block map with the comments above them; one in braces is left alone.
fn sorted(text: &str, entries: &[Entry], order: &[&str]) -> String {
    let line_start = |offset: usize| text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let on_own_lines = |entry: &Entry| {
        let offset = entry.key.span.offset;
        text[line_start(offset)..offset].trim().is_empty()
    };
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return text.to_owned();
    };
    if !entries.iter().all(on_own_lines) {
        return text.to_owned();
    }
    // What stands above the first entry belongs to the whole map.
    let mut starts = vec![line_start(first.key.span.offset)];
    starts.extend(entries[1..].iter().map(|entry| {
        let start = line_start(entry.key.span.offset);
        with_comments(text, start)
    }));
    let indent = first.key.span.offset - starts[0];
    let end = end_of_block(text, last.key.span.offset, indent);
    let ends = starts[1..].iter().copied().chain([end]);
    let mut pieces: Vec<(usize, &str)> = entries
        .iter()
        .zip(starts.iter().zip(ends))
        .map(|(entry, (&start, end))| {
            let place = order.iter().position(|name| *name == entry.key.value);
            (place.unwrap_or(order.len()), &text[start..end])
        })
        .collect();
    pieces.sort_by_key(|(place, _)| *place);
    let body: Vec<&str> = pieces.iter().map(|(_, piece)| *piece).collect();
    // A blank line stands between entries, not before the first.
    let head = body[0].trim_start_matches('\n');
    let moved: String = [head].into_iter().chain(body[1..].iter().copied()).collect();
    format!("{}{moved}{}", &text[..starts[0]], &text[end..])
}

/// Returns where the comments right above a line begin that are indented as it is, and the blank line
/// above them. A deeper comment belongs to what stands above it.
fn with_comments(text: &str, start: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(text[start..].lines().next().unwrap_or_default());
    let mut at = start;
    while at > 0 {
        let above = text[..at - 1].rfind('\n').map_or(0, |at| at + 1);
        let line = text[above..at].trim_end();
        if line.is_empty() {
            return above;
        }
        if !line.trim_start().starts_with('#') || indent(line) != own {
            break;
        }
        at = above;
    }
    at
}

/// Returns where the entry that begins at an offset ends: behind its last line that is indented more
/// than its block. Blank lines and comments behind it belong to the block or to what follows.
fn end_of_block(text: &str, offset: usize, indent: usize) -> usize {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let mut lines = text[start..].split_inclusive('\n');
    let mut at = start + lines.next().map_or(0, str::len);
    let mut end = at;
    for line in lines {
        let deep = line.len() - line.trim_start().len();
        at += line.len();
        if !line.trim().is_empty() {
            if deep <= indent {
                break;
            }
            end = at;
        }
    }
    end
}

/// Returns all comments, in any order: none may get lost.
fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text.lines().filter_map(comment).collect();
    found.sort_unstable();
    found
}

/// Returns the comment of a line: what follows a `#` that stands at its start or behind a blank, and
/// in no quotes.
fn comment(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut before = ' ';
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            // `\"` and `''` stand for quotes within quotes.
            (Some('"'), '\\') => drop(letters.next()),
            (Some('\''), '\'') if letters.peek().is_some_and(|(_, next)| *next == '\'') => {
                letters.next();
            }
            (Some(open), _) if open == letter => quote = None,
            (None, '#') if before.is_whitespace() => return Some(line[at + 1..].trim()),
            (None, '"' | '\'') if " [{,:".contains(before) => quote = Some(letter),
            _ => {}
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::canonical;
    use super::comments;
    use crate::manifest::FileId;
    use crate::manifest::parse::parse;
    use crate::seed::Seed;

    fn laid_out(text: &str) -> String {
        canonical(FileId(0), text).unwrap()
    }

    #[test]
    fn fields_stand_in_order_with_their_comments_and_braces_are_kept() {
        let text = r"# The study of a rainy day,
# in two lines.

seed:   7   # of luck
name: 'rain'
# What is compared.
axes:
    arm: [ none,classic ]

stages:
        # Images first.
        retina:
                params: { size: 32, fundus: {train: 20, test: 10} }
                # What it does.
                kind: load

        parts: {inputs: {images: retina},
           kind: split, params: {use: given}}
        # The end.
        last:
                inputs:
                   images: parts.train # training images
                spans: [arm]
                kind: classic-augment
ablate: 1
";
        insta::assert_snapshot!(laid_out(text), @r#"
        # The study of a rainy day,
        # in two lines.

        ablate: 1
        name: "rain"
        seed: 7 # of luck
        # What is compared.
        axes:
          arm: [none, classic]

        stages:
          # Images first.
          retina:
            # What it does.
            kind: load
            params: {size: 32, fundus: {train: 20, test: 10}}

          parts: {inputs: {images: retina}, kind: split, params: {use: given}}
          # The end.
          last:
            kind: classic-augment
            spans: [arm]
            inputs:
              images: parts.train # training images
        "#);
    }

    #[test]
    fn a_comment_stays_with_what_it_is_about() {
        let text = r"
    # Above all.
stages:
  a:
    params:
      size: 32
      # lesions: 3.0
    # The kind.
    kind: load
    # At the end of a.
  b:
    about: |
      A text.

      # A heading of the text.
    kind: split
    # inputs: {images: a}
axes:
  arm: [a, b]
  # seed: [1, 2, 3]
# What decides.
seed: 3
name: x
# ablate: 2
ablate: 1
# The end.
";
        insta::assert_snapshot!(laid_out(text), @"
        # Above all.
        # ablate: 2
        ablate: 1
        name: x
        # What decides.
        seed: 3
        axes:
          arm: [a, b]
          # seed: [1, 2, 3]
        stages:
          a:
            # The kind.
            kind: load
            params:
              size: 32
              # lesions: 3.0
            # At the end of a.
          b:
            kind: split
            about: |
              A text.

              # A heading of the text.
            # inputs: {images: a}
        # The end.
        ");
    }

    /// Returns the lines of a text with blanks, empty lines and comments put in at random where they
    /// mean nothing.
    fn roughened(text: &str, seed: u64) -> String {
        let mut stream = Seed(seed).stream();
        let mut rough = String::new();
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            if stream.chance(0.1) {
                let _ = writeln!(rough, "{}# remark {number}", " ".repeat(2 * indent));
            }
            if stream.chance(0.1) {
                rough += "\n\n";
            }
            // Twice as deep everywhere is the same structure.
            let spaced = line.replace(", ", if stream.chance(0.5) { " ,  " } else { "," });
            let body = if line.contains('#') || line.contains('"') { line } else { &spaced };
            rough += &" ".repeat(2 * indent);
            rough += body.trim_start();
            rough += if stream.chance(0.1) { "   # aside\n" } else { "\n" };
        }
        rough
    }

    #[test]
    fn a_comment_stands_behind_a_blank_and_in_no_quotes() {
        let found = |line| super::comment(line);
        assert_eq!(found("a: b # c"), Some("c"));
        assert_eq!(found("a: b#c"), None);
        assert_eq!(found("a: 'it''s # b' # c"), Some("c"));
        assert_eq!(found(r#"a: "\" # b" # c"#), Some("c"));
        assert_eq!(found("a: it's # c"), Some("c"));
    }

    proptest! {
        #[test]
        fn a_layout_keeps_meaning_and_comments_and_is_its_own_layout(seed in any::<u64>()) {
            let text = include_str!("../../pipelines/quickstart.yaml");
            let rough = roughened(text, seed);
            let once = laid_out(&rough);
            let meaning = |text: &str| parse(FileId(0), text).unwrap().to_json();
            prop_assert_eq!(meaning(&once), meaning(text));
            prop_assert_eq!(comments(&once), comments(&rough));
            prop_assert_eq!(laid_out(&once), once);
        }
    }
}
