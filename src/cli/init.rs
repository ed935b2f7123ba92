//! `ablate init`: a commented manifest to start from, and the schema that editors check it by.

use std::path::Path;

use serde_json::json;

use crate::cli::args::Form;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::files;
use crate::report::manifest_schema;
use crate::stages::STAGES;

const TEMPLATE: &str = include_str!("init.yaml");
/// The file that the template's first line names.
const SCHEMA: &str = "manifest.schema.json";

/// Writes the manifest and, beside it, the schema; overwrites no manifest.
pub(crate) fn run(path: &Path, form: Form, screen: &Screen) -> Result<(), Failure> {
    if path.exists() {
        let problem = format!("`{}` exists already", path.display());
        return Err(Failure::usage(problem).help("name another file: `ablate init FILE`"));
    }
    let schema = path.with_file_name(SCHEMA);
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let name = serde_json::to_string(&name.unwrap_or_default()).expect("a text is JSON");
    let text = TEMPLATE.replace("name: my-study", &format!("name: {name}"));
    let described = manifest_schema(STAGES);
    files::write(path, text.as_bytes())?;
    // Another file of this name is somebody's own; an older schema is not.
    let is_ours = |bytes: Vec<u8>| {
        let old: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        old.is_some_and(|old| old["title"] == described["title"])
    };
    if schema.exists() && !files::read(&schema).is_ok_and(is_ours) {
        screen.say(&format!("`{}` is there already and is left as it is", schema.display()));
    } else {
        let text = serde_json::to_string_pretty(&described).expect("keys are texts") + "\n";
        files::write(&schema, text.as_bytes())?;
    }
    if form.is_json() {
        screen.print_json(&json!({"manifest": path, "schema": schema}));
    } else {
        let (path, schema) = (path.display(), schema.display());
        screen.print(&format!(
            "{path}: read it, change it, then `ablate run {path}`\n{schema}: for editors"
        ));
    }
    Ok(())
}
