//! Leaks in words: a violation of the proof as a problem of the manifest, with each step of the way
//! marked where it is written.

use crate::artifact::Partition;
use crate::manifest::Problem;
use crate::plan::InputRef;
use crate::plan::Task;
use crate::plan::axes::Axes;
use crate::plan::link::Link;
use crate::plan::link::Linked;
use crate::plan::link::LinkedFeed;
use crate::plan::proof::Fault;
use crate::plan::proof::Violation;

/// What a message on a leak is made of: the manifest's stages and the tasks above the leaking one.
struct Scene<'a> {
    axes: &'a Axes,
    linked: &'a [Option<Linked<'a>>],
    tasks: &'a [Task],
    task: &'a Task,
}

/// Returns the problem that a violation by `task` is; `tasks` are those above it.
pub(super) fn problem(
    axes: &Axes,
    linked: &[Option<Linked<'_>>],
    tasks: &[Task],
    task: &Task,
    violation: &Violation,
) -> Problem {
    let scene = Scene { axes, linked, tasks, task };
    let Violation { port, way, .. } = violation;
    let (name, path) = (&task.stage, scene.names(way));
    let entrance = scene.links(task, port).get(violation.index).map(|link| link.span);
    let span = entrance.or_else(|| scene.stage(name).map(|stage| stage.spec.name.span));
    let permit = format!("a study of leakage writes `allow_leakage: \"REASON\"` on stage `{name}`");
    let (message, help) = match &violation.fault {
        Fault::Undivided(does) => (
            format!(
                "images that were never divided reach stage `{name}`, which {does} what enters `{port}`: {path}"
            ),
            "put a `split` between, and take its `train`".to_owned(),
        ),
        Fault::Barred(partition, does) => {
            let instead = match partition {
                Partition::Validation => "take training images",
                _ => "take training or, where a port selects, validation images",
            };
            let message = format!(
                "{partition} images reach stage `{name}`, which {does} what enters `{port}`: {path}"
            );
            (message, format!("{instead}; {permit}"))
        }
        Fault::Known { port: model, way: trained } => {
            let trained = scene.names(trained);
            let message = format!(
                "images that enter `{port}` of stage `{name}` may have trained what enters `{model}`: {path}, and {trained}"
            );
            let both = "take both from the same `split`, its `train` and another part";
            (message, format!("{both}; {permit}"))
        }
    };
    let problem = Problem { span, ..Problem::nowhere(message) }.help(help);
    match &violation.fault {
        Fault::Known { port: model, way: trained } => {
            let problem = scene.marked(problem, port, way);
            scene.marked(problem, model, trained)
        }
        _ => scene.marked(problem, port, way),
    }
}

impl<'a> Scene<'a> {
    fn stage(&self, name: &str) -> Option<&'a Linked<'a>> {
        self.linked.iter().flatten().find(|stage| stage.spec.name.value == name)
    }

    /// Returns how manifests write an artifact.
    fn name(&self, input: InputRef) -> String {
        let task = &self.tasks[input.task.0];
        match task.ports.outputs.as_slice() {
            [_] => task.stage.clone(),
            _ => format!("{}.{}", task.stage, input.port),
        }
    }

    /// Returns a way in names: `retina -> parts.test -> classic -> gan`.
    fn names(&self, way: &[InputRef]) -> String {
        let steps = way.iter().map(|input| self.name(*input));
        steps.chain([self.task.stage.clone()]).collect::<Vec<_>>().join(" -> ")
    }

    /// Returns what a port takes in a task's cell, as the manifest names it.
    fn links(&self, task: &Task, port: &str) -> &'a [Link] {
        let inputs = self.stage(&task.stage).map_or(&[][..], |stage| &stage.inputs);
        let Some(input) = inputs.iter().find(|input| input.port.name == *port) else { return &[] };
        match &input.feed {
            LinkedFeed::Same(links) => links,
            LinkedFeed::By { axis, branches } => {
                let axis = &self.axes.all[*axis];
                let here = task.cell.get(&axis.name);
                let value = axis.values.iter().position(|value| Some(&value.name) == here);
                value.and_then(|value| branches[value].as_deref()).unwrap_or_default()
            }
        }
    }

    /// Marks each step of a way that ends at a port of the leaking stage.
    fn marked(&self, mut problem: Problem, port: &str, way: &[InputRef]) -> Problem {
        for (at, input) in way.iter().enumerate() {
            let consumer = way.get(at + 1).map_or(self.task, |next| &self.tasks[next.task.0]);
            let is_last = at + 1 == way.len();
            let ports = consumer.inputs.iter().filter(|(name, _)| !is_last || *name == port);
            let places = ports.flat_map(|(name, refs)| {
                let links = self.links(consumer, name).iter();
                refs.iter().zip(links).filter(|(one, _)| *one == input).map(|(_, link)| link.span)
            });
            let Some(span) = places.into_iter().next() else { continue };
            let words = format!("{}: {} -> {}", at + 1, self.name(*input), consumer.stage);
            problem = problem.mark(span, words);
        }
        problem
    }
}
