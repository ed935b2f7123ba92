//! `ablate graph`: the stages and what flows between them, drawn.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::cli::args::Drawing;
use crate::cli::args::StudyArgs;
use crate::cli::failure::Failure;
use crate::cli::programs;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::plan;
use crate::plan::Plan;
use crate::report;

/// Draws the stages of a manifest.
pub(crate) fn run(
    args: &StudyArgs,
    cache: &Path,
    drawing: Drawing,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = study::plan(args, cache, screen)?;
    match drawing {
        Drawing::Dot => screen.print(&plan::to_dot(&plan)),
        Drawing::Mermaid => screen.print(&plan::to_mermaid(&plan)),
        Drawing::Svg => screen.print(&report::Drawing::of(&plan).to_svg()),
        Drawing::Json => screen.print_json(&told(&plan)),
    }
    programs::tell(&plan, screen);
    Ok(())
}

fn told(plan: &Plan) -> Vec<Value> {
    let tasks = plan.tasks.iter();
    tasks
        .map(|task| {
            let inputs: Vec<Value> = task
                .all_inputs()
                .map(|(port, input)| {
                    let from = plan.task(input.task).to_string();
                    json!({"port": port, "from": from, "output": input.port})
                })
                .collect();
            json!({"task": task.to_string(), "kind": task.kind.name, "inputs": inputs})
        })
        .collect()
}
