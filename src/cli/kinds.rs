//! `ablate kinds` and `ablate schema`: what manifests may say.

use crate::cli::args::Form;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::report::KindGuide;
use crate::report::kinds;
use crate::report::manifest_schema;
use crate::stages::STAGES;

/// Lists the kinds, or explains one.
pub(crate) fn run(name: Option<&str>, form: Form, screen: &Screen) -> Result<(), Failure> {
    let Some(name) = name else {
        if form.is_json() {
            let guides: Vec<KindGuide> = STAGES.iter().map(KindGuide::of).collect();
            screen.print_json(&guides);
        } else {
            screen.print(&kinds::list(STAGES));
        }
        return Ok(());
    };
    let Some(kind) = STAGES.iter().find(|kind| kind.name == name) else {
        let known = || STAGES.iter().map(|kind| kind.name);
        let help = did_you_mean(name, known());
        let help = help.unwrap_or_else(|| format!("the kinds are {}", quoted(known())));
        return Err(Failure::usage(format!("there is no kind `{name}`")).help(help));
    };
    let guide = KindGuide::of(kind);
    if form.is_json() {
        screen.print_json(&guide);
    } else {
        screen.print(&guide.to_text());
    }
    Ok(())
}

/// Prints the JSON schema of manifests.
pub(crate) fn schema(screen: &Screen) {
    screen.print_json(&manifest_schema(STAGES));
}
