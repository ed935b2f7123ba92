//! `ablate fmt`: manifests in their canonical layout.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::files;
use crate::manifest;
use crate::manifest::Problems;
use crate::manifest::Report;
use crate::manifest::Sources;

/// Lays manifests out anew and prints the names of those that changed; with `check` only prints them.
pub(crate) fn run(manifests: &[PathBuf], check: bool, screen: &Screen) -> Result<(), Failure> {
    let mut changed = 0;
    for path in manifests {
        let (old, new) = canonical(path, screen)?;
        if old != new {
            changed += 1;
            screen.print(&path.display().to_string());
            if !check {
                files::write(path, new.as_bytes())?;
            }
        }
    }
    if check && changed > 0 {
        let what = words::many(changed, "manifest");
        let problem = format!("{what} not in the canonical layout");
        return Err(Failure::usage(problem).help("run `ablate fmt` on what is listed"));
    }
    Ok(())
}

/// Returns a manifest as it is and as it should be laid out; draws what is wrong with it.
fn canonical(path: &Path, screen: &Screen) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let mut sources = Sources::default();
    let laid_out = manifest::text_of(path).and_then(|text| {
        let file = sources.add(name.clone(), text.as_str());
        manifest::canonical(file, &text).map(|canonical| (text, canonical))
    });
    laid_out.map_err(|problem| {
        let report = Report { manifest: name, problems: Problems::from(problem), sources };
        study::drawn(&report, screen)
    })
}
