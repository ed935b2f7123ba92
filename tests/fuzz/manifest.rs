//! Any bytes as a manifest: they become a plan or problems that can be drawn, and a layout that is its
//! own layout; nothing panics, hangs or takes much memory.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use ablate::manifest;
use ablate::manifest::Report;
use ablate::manifest::Sources;
use ablate::plan;
use ablate::plan::DataFolders;
use ablate::stages::STAGES;
use libfuzzer_sys::fuzz_target;
use miette::GraphicalReportHandler;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made").keep();
    folder.join("study.yaml")
});

fn draw(report: &Report) {
    assert!(!report.problems.is_empty(), "a refusal says why");
    let handler = GraphicalReportHandler::new();
    for diagnosis in report.diagnoses() {
        let mut drawn = String::new();
        handler.render_report(&mut drawn, &diagnosis).expect("every problem can be drawn");
    }
}

/// Lays a text out; what has a layout has it once and for all.
fn lay_out(text: &str) {
    let file = Sources::default().add("study.yaml", text);
    if let Ok(once) = manifest::canonical(file, text) {
        let twice = manifest::canonical(file, &once).expect("a layout can be laid out");
        assert_eq!(once, twice, "a layout is its own layout");
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        lay_out(text);
    }
    std::fs::write(&*FILE, bytes).expect("the temporary folder can be written to");
    let manifest = match manifest::load(&FILE, &[]) {
        Ok(manifest) => manifest,
        Err(report) => return draw(&report),
    };
    match plan::build(&manifest.document, STAGES, &DataFolders::new([], &FILE)) {
        Ok(plan) => {
            for task in &plan.tasks {
                let selected = plan.select(&task.to_string()).expect("a task is found by its name");
                assert_eq!(selected.tasks.first(), Some(&task.id));
            }
            assert_eq!(plan::Difference::between(&plan, &plan).things(), 0);
            let _ = plan.contrasts();
        }
        Err(problems) => draw(&manifest.report(problems)),
    }
});
