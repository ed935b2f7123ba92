//! The documentation as files: forms, links, and what must be explained.
//!
//! Knows Markdown only as lines; what the commands in it print is not its concern.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source;
use crate::source::Source;

/// Kinds of change that a changelog tells apart.
const CHANGES: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

fn pages() -> Vec<Source> {
    let mut pages = source::below("docs", &["md"]);
    pages.extend(["README.md", "CHANGELOG.md", "cache/README.md"].map(source::file));
    pages
}

/// Returns the targets of a page's links that point into the repository, without `#part`.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](") {
        let rest = &text[at + 2..];
        let target = &rest[..rest.find([')', '\n']).unwrap_or(rest.len())];
        let path = target.split('#').next().unwrap_or(target);
        if !path.is_empty() && !path.contains("://") {
            found.push(path);
        }
    }
    found
}

/// Returns what is wrong with a changelog: title, an introduction, versions newest first, each with
/// kinds of change that have entries.
fn changelog_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("# Changelog\n\n") {
        faults.push("it starts with `# Changelog`".to_owned());
    }
    let mut versions = Vec::new();
    let mut open: Option<&str> = None;
    for line in text.lines().skip(1) {
        if let Some(version) = line.strip_prefix("## ") {
            faults.extend(open.take().map(|change| format!("`{change}` has no entry")));
            versions.push(version);
        } else if let Some(change) = line.strip_prefix("### ") {
            faults.extend(open.take().map(|change| format!("`{change}` has no entry")));
            if !CHANGES.contains(&change) {
                faults.push(format!("`{change}` is no kind of change"));
            }
            open = Some(change);
        } else if line.starts_with("- ") {
            open = None;
        } else if line.starts_with('#') {
            faults.push(format!("`{line}` is too deep"));
        }
    }
    faults.extend(open.map(|change| format!("`{change}` has no entry")));
    faults.extend(version_faults(&versions));
    faults
}

fn version_faults(versions: &[&str]) -> Vec<String> {
    let released = versions.strip_prefix(&["Unreleased"]).unwrap_or(versions);
    let mut faults = Vec::new();
    let mut numbers = Vec::new();
    for version in released {
        let number = version.split_once(" - ").map(|(number, _)| number);
        let parts: Option<Vec<u32>> =
            number.and_then(|number| number.split('.').map(|part| part.parse().ok()).collect());
        match parts.filter(|parts| parts.len() == 3) {
            Some(parts) => numbers.push(parts),
            None => faults.push(format!("`{version}` is not of the form `1.2.3 - 2030-12-31`")),
        }
    }
    if !numbers.is_sorted_by(|newer, older| newer > older) {
        faults.push("the newest version stands first".to_owned());
    }
    faults
}

/// Returns the names of direct dependencies in a `Cargo.toml`.
fn dependencies(cargo: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in cargo.lines() {
        if line.starts_with('[') {
            inside = matches!(
                line.trim(),
                "[dependencies]" | "[dev-dependencies]" | "[build-dependencies]"
            );
        } else if let (true, Some((name, _))) = (inside, line.split_once(" = "))
            && !line.starts_with('#')
        {
            found.insert(name);
        }
    }
    found
}

/// Returns the names that a list of dependencies explains.
fn explained(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once("`: "))
        .map(|(name, _)| name)
        .collect()
}

/// Returns the targets of a Makefile.
fn targets(makefile: &str) -> BTreeSet<&str> {
    makefile
        .lines()
        .filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect()
}

/// Returns the targets that a page tells to make, in backticks or at the start of a line.
fn named_targets(page: &str) -> BTreeSet<&str> {
    let quoted = page.split("`make ").skip(1);
    let typed = page.lines().filter_map(|line| line.strip_prefix("make "));
    quoted
        .chain(typed)
        .filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_lowercase()).next())
        .filter(|target| !target.is_empty())
        .collect()
}

/// Returns the headings of the second level.
fn headings(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("## ")).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    for page in pages() {
        let folder = Path::new(&page.path).parent().expect("a page lies in a folder");
        for link in links(&page.text) {
            let target = source::root().join(folder).join(link);
            assert!(target.exists(), "{}: `{link}` leads nowhere", page.path);
        }
    }
}

#[test]
fn every_page_is_reached_by_a_link() {
    let linked: Vec<_> = pages()
        .iter()
        .flat_map(|page| links(&page.text).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for page in source::below("docs", &["md"]) {
        let name = page.path.rsplit('/').next().expect("a file name");
        let folder = page.path.rsplit('/').nth(1).expect("a folder");
        let reached = linked.iter().any(|link| {
            link.ends_with(name) || link.trim_end_matches('/').ends_with(&format!("docs/{folder}"))
        });
        assert!(reached, "no page links to {}", page.path);
    }
}

#[test]
fn the_changelog_has_its_form() {
    assert_eq!(changelog_faults(&source::file("CHANGELOG.md").text), Vec::<String>::new());
}

#[test]
fn every_decision_has_context_decision_alternatives_and_consequences() {
    let decisions = source::below("docs/decisions", &["md"]);
    assert!(!decisions.is_empty());
    for (index, decision) in decisions.iter().enumerate() {
        let number = index + 1;
        let name = decision.path.rsplit('/').next().expect("a file name");
        assert!(name.starts_with(&format!("{number:04}-")), "{name} should be number {number}");
        assert!(
            decision.text.starts_with(&format!("# {number}. ")),
            "{name}: its title has another number"
        );
        assert_eq!(
            headings(&decision.text),
            ["Context", "Decision", "Alternatives", "Consequences"],
            "{name}"
        );
    }
}

#[test]
fn every_dependency_is_explained_and_no_other() {
    let cargo = source::file("Cargo.toml");
    let page = source::file("docs/dependencies.md");
    let declared = dependencies(&cargo.text);
    assert!(declared.contains("serde"));
    assert_eq!(explained(&page.text), declared);
}

#[test]
fn the_architecture_fits_in_two_hundred_lines() {
    let lines = source::file("docs/ARCHITECTURE.md").text.lines().count();
    assert!(lines <= 200, "{lines}");
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = source::file("Makefile");
    let declared = targets(&makefile.text);
    for page in pages() {
        for target in named_targets(&page.text) {
            assert!(declared.contains(target), "{}: `make {target}` does not exist", page.path);
        }
    }
}

#[test]
fn no_page_names_a_place_on_one_machine() {
    for page in pages() {
        for place in [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")] {
            assert!(!page.text.contains(place), "{}: {place}", page.path);
        }
    }
}

#[test]
fn faults_of_a_changelog_are_found() {
    let good = "# Changelog\n\nNews.\n\n## Unreleased\n\n## 0.2.0 - 2030-01-01\n\n### Added\n\n- A.\n\n## 0.1.9 - 2029-01-01\n";
    assert_eq!(changelog_faults(good), Vec::<String>::new());
    for (from, to) in [
        ("# Changelog\n", "# Changes\n"),
        ("0.1.9", "0.2.1"),
        ("0.1.9", "0.2.0"),
        ("0.1.9 -", "v1 -"),
        ("### Added", "### New"),
        ("- A.", "A."),
    ] {
        assert_eq!(changelog_faults(&good.replace(from, to)).len(), 1, "{from} -> {to}");
    }
}

#[test]
fn targets_are_read() {
    let names = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(targets("A := b\nlint: deny ## Checks.\n\tcargo x\ndocs: export A = b\n")),
        "docs lint"
    );
    assert_eq!(names(named_targets("Say `make demo`, make sense.\nmake test  # x\n")), "demo test");
}

#[test]
fn links_and_dependencies_are_read() {
    assert_eq!(links("[a](b.md#c), [d](https://e.org) [f](#g) ![h](i/j.png)"), ["b.md", "i/j.png"]);
    let cargo = "[package]\nname = \"x\"\n[dependencies]\n# y = 1\nserde = \"1\"\n\n[dev-dependencies]\ninsta = { version = \"1\" }\n[lints.rust]\nz = 1\n";
    assert_eq!(dependencies(cargo).into_iter().collect::<Vec<_>>(), ["insta", "serde"]);
    assert_eq!(explained("- `serde`: text.\n- none").into_iter().collect::<Vec<_>>(), ["serde"]);
}
