//! `ablate get`: copies a stage's artifacts into a folder, for other tools to open.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::Target;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::files;

/// Copies every file: `DIR/<port>/...` for one task, `DIR/<task>/<port>/...` for several.
pub(crate) fn run(
    target: &Target,
    output: &Path,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let found = study::records(target, cache, screen)?;
    let wanted = found.plan.selected_port(&target.stage);
    let alone = found.made.len() == 1;
    let mut copied: Vec<Value> = Vec::new();
    let (mut count, mut size) = (0, 0);
    for (id, record) in &found.made {
        let task = found.plan.task(*id);
        let folder = if alone {
            output.to_owned()
        } else {
            output.join(files::file_name(&task.to_string()))
        };
        let outputs = record.outputs.iter();
        for (port, artifact) in
            outputs.filter(|(port, _)| wanted.is_none_or(|name| *name == **port))
        {
            for (name, path) in found.store.checked_tree(artifact.digest)? {
                let to = folder.join(port).join(&name);
                files::write(&to, &files::map(&path)?)?;
                copied.push(json!({"task": task.to_string(), "port": port, "file": to}));
                count += 1;
            }
            size += artifact.bytes;
        }
    }
    if form.is_json() {
        screen.print_json(&copied);
    } else {
        let place = output.display();
        screen.print(&format!(
            "{}, {}, in {place}",
            words::many(count, "file"),
            words::bytes(size)
        ));
    }
    Ok(())
}
