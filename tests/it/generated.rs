//! Pages and files that are made from the program: those in the tree are those that it makes.

use std::path::Path;

use ablate::report::kinds;
use ablate::report::manifest_schema;
use ablate::stages::STAGES;

/// Compares a file with what the program makes, and leaves the latter where it can be taken from.
fn assert_current(name: &str, made: &str) {
    let found = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    if found.ok().as_deref() == Some(made) {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = folder.join(Path::new(name).file_name().expect("a file"));
    ablate::files::write_scratch(&kept, made.as_bytes()).expect("a file");
    panic!("`{name}` is not what the program makes: cp {} {name}", kept.display());
}

#[test]
fn the_page_of_kinds_is_current() {
    assert_current("docs/stages.md", &kinds::manual(STAGES));
}

#[test]
fn the_schema_of_manifests_is_current() {
    let schema = serde_json::to_string_pretty(&manifest_schema(STAGES)).unwrap();
    assert_current("docs/manifest.schema.json", &(schema + "\n"));
}

#[test]
fn every_param_says_what_it_means() {
    fn silent(place: &str, params: &[ablate::report::Param], found: &mut Vec<String>) {
        for param in params {
            let place = format!("{place}.{}", param.name);
            if param.about.is_empty() {
                found.push(place.clone());
            }
            silent(&place, &param.fields, found);
        }
    }
    let mut found = Vec::new();
    for kind in STAGES {
        silent(kind.name, &ablate::report::KindGuide::of(kind).params, &mut found);
    }
    assert!(found.is_empty(), "without a word of meaning: {found:?}");
}
