//! Which module may name which: each only those of the layers above it, and no sibling.
//!
//! Sees only paths that start with `crate::`, which is why the house style asks for them.

use crate::source;
use crate::source::Source;

/// From the modules that know nothing to the one that knows all.
const LAYERS: &[&[&str]] = &[
    &["digest"],
    &["files", "guard", "seed", "wide"],
    &["archive", "fetch", "imaging", "measure", "manifest", "store"],
    &["artifact"],
    &["stage"],
    &["augment"],
    &["ml"],
    &["stages", "plan"],
    &["engine"],
    &["report"],
    &["cli"],
];

/// Pairs that the layers would permit: kinds are handed in, so that these can be tested with toys; and
/// neither a plan nor a stage reaches for the network.
const BARRED: &[(&str, &str)] = &[
    ("stages", "fetch"),
    ("plan", "fetch"),
    ("plan", "ml"),
    ("engine", "ml"),
    ("engine", "stages"),
    ("report", "ml"),
    ("report", "stages"),
];

/// Files at the top: they declare the modules or start `cli`.
const ROOTS: &[&str] = &["src/lib.rs", "src/main.rs", "src/worker_main.rs"];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Returns the modules that a line names after `crate::`.
fn named(code: &str) -> Vec<&str> {
    code.match_indices("crate::")
        .filter(|(at, _)| {
            !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
        })
        .map(|(at, found)| {
            let rest = &code[at + found.len()..];
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

/// Returns what a file names and may not.
fn violations(source: &Source) -> Vec<String> {
    if ROOTS.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let own = source.module();
    let Some(own_layer) = layer(own) else {
        return vec![format!("{}: module `{own}` has no layer", source.path)];
    };
    let mut found = Vec::new();
    for (line, code) in source.code() {
        let place = format!("{}:{line}", source.path);
        if code.contains("super::super") || code.contains("::*;") || code.contains("crate::{") {
            found.push(format!("{place}: one path a `use`, from `crate::`"));
        }
        for other in named(code).into_iter().filter(|other| *other != own) {
            match layer(other) {
                None => found.push(format!("{place}: `{other}` is no module of a layer")),
                Some(layer) if layer >= own_layer => {
                    found.push(format!("{place}: `{own}` may not know `{other}`"));
                }
                Some(_) if BARRED.contains(&(own, other)) => {
                    found.push(format!("{place}: `{own}` is handed what it needs of `{other}`"));
                }
                Some(_) => {}
            }
        }
    }
    found
}

#[test]
fn every_module_knows_only_the_layers_above_it() {
    let found: Vec<_> = source::below("src", &["rs"]).iter().flat_map(violations).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_layer_is_declared_in_its_order() {
    let library = source::file("src/lib.rs");
    let declared: Vec<_> = library
        .code()
        .filter_map(|(_, code)| code.trim().strip_suffix(';')?.rsplit(' ').next())
        .collect();
    let ranks: Vec<_> = declared.iter().map(|module| layer(module)).collect();
    assert!(!ranks.contains(&None), "{declared:?}");
    assert!(ranks.is_sorted(), "{declared:?}");
}

#[test]
fn upward_sideward_and_barred_names_are_found() {
    let told = |path, text| violations(&Source::new(path, text)).join("\n");
    assert_eq!(
        told("src/store/mod.rs", "use crate::digest::Digest;\nuse crate::store::Record;"),
        ""
    );
    assert_eq!(
        told("src/store/mod.rs", "\nuse crate::plan::Task;"),
        "src/store/mod.rs:2: `store` may not know `plan`"
    );
    assert_eq!(
        told("src/imaging/resize.rs", "let mean = crate::measure::mean(&all);"),
        "src/imaging/resize.rs:1: `imaging` may not know `measure`"
    );
    assert_eq!(
        told("src/engine/run.rs", "use crate::stages::STAGES;"),
        "src/engine/run.rs:1: `engine` is handed what it needs of `stages`"
    );
    assert_eq!(
        told("src/cli/run.rs", "use crate::helpers::Thing;"),
        "src/cli/run.rs:1: `helpers` is no module of a layer"
    );
    assert_eq!(told("src/extra.rs", ""), "src/extra.rs: module `extra` has no layer");
}

#[test]
fn paths_that_hide_from_the_layers_are_found() {
    for code in ["use crate::{digest, files};", "use super::super::key;", "use crate::digest::*;"] {
        assert!(!violations(&Source::new("src/plan/a.rs", code)).is_empty(), "{code}");
    }
    assert_eq!(named("$crate::stage::Port, a_crate::x, crate::plan"), ["stage", "plan"]);
}
