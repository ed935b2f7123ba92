//! Settling: params made complete for a cell, with the resources and sources that follow from them.
//!
//! Cells that give the same values share one result, so a kind is asked only once for each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::Source;
use crate::plan::axes::Cell;
use crate::plan::data::Finder;
use crate::plan::data::Refused;
use crate::plan::interpolate::Scope;
use crate::plan::interpolate::has_placeholder;
use crate::plan::link::Linked;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::SourceRef;

/// What a stage's params come to in a cell.
pub(super) struct Settled {
    /// Params, complete.
    pub(super) params: Value,
    /// What a run takes.
    pub(super) resources: Resources,
    /// Whether the result depends on the seed.
    pub(super) draws: bool,
    /// Files from outside, by name.
    pub(super) sources: BTreeMap<String, Source>,
}

/// Settles the params of all stages.
pub(super) struct Settler<'a> {
    scope: Scope<'a>,
    finder: Finder<'a>,
    /// Stages with placeholders that stand for nothing.
    unclear: BTreeSet<usize>,
    settled: BTreeMap<(usize, Cell), Option<Rc<Settled>>>,
}

impl<'a> Settler<'a> {
    /// Settles with these values, and looks for sources with this finder; `unclear` stages have
    /// placeholders that stand for nothing, which has been reported.
    pub(super) fn new(scope: Scope<'a>, finder: Finder<'a>, unclear: BTreeSet<usize>) -> Self {
        Self { scope, finder, unclear, settled: BTreeMap::new() }
    }

    /// Settles one stage in one cell; `named` are the axes that its params and resources name.
    pub(super) fn settle(
        &mut self,
        stage: usize,
        linked: &Linked<'_>,
        named: &BTreeSet<usize>,
        cell: &Cell,
        problems: &mut Problems,
    ) -> Option<Rc<Settled>> {
        let matters: Cell =
            cell.iter().filter(|(axis, _)| named.contains(axis)).map(|(a, v)| (*a, *v)).collect();
        if let Some(known) = self.settled.get(&(stage, matters.clone())) {
            return known.clone();
        }
        let settled = self.compute(stage, linked, &matters, problems).map(Rc::new);
        self.settled.insert((stage, matters), settled.clone());
        settled
    }

    fn compute(
        &mut self,
        stage: usize,
        linked: &Linked<'_>,
        cell: &Cell,
        problems: &mut Problems,
    ) -> Option<Settled> {
        let spec = linked.spec;
        let written = self.scope.fill(&spec.params, cell, problems);
        let params = match (linked.kind.resolve)(&written) {
            Ok(params) => params,
            Err(found) => {
                // A param that waits for a value is not wrong as well.
                let unclear = self.unclear.contains(&stage);
                let waits = |problem: &ParamProblem| {
                    unclear && spec.params.at(&problem.path).is_none_or(has_placeholder)
                };
                for problem in found.into_iter().filter(|problem| !waits(problem)) {
                    problems.push(param_problem(linked, problem));
                }
                return None;
            }
        };
        let usual = (linked.kind.resources)(&params);
        let resources = match &spec.resources {
            None => usual,
            Some(node) => self.resources(node, cell, &usual, problems),
        };
        let mut sources = BTreeMap::new();
        for wanted in (linked.kind.sources)(&params) {
            match self.finder.find(&wanted) {
                Ok(source) => {
                    sources.insert(wanted.name, source);
                }
                Err(refused) => problems.push(refusal(linked, &wanted, refused)),
            }
        }
        let draws = (linked.kind.draws)(&params);
        Some(Settled { params, resources, draws, sources })
    }

    fn resources(
        &self,
        node: &Node,
        cell: &Cell,
        usual: &Resources,
        problems: &mut Problems,
    ) -> Resources {
        let mut resources = usual.clone();
        for entry in node.entries() {
            let name = entry.key.value.as_str();
            let mut all = serde_json::to_value(&resources).unwrap_or_default();
            let known = all.as_object().cloned().unwrap_or_default();
            if !known.contains_key(name) {
                let names = || known.keys().map(String::as_str);
                let help = did_you_mean(name, names())
                    .unwrap_or_else(|| format!("known are {}", quoted(names())));
                let message = format!("there is no resource `{name}`");
                problems.push(Problem::at(entry.key.span, message).help(help));
                continue;
            }
            all[name] = self.scope.fill(&entry.value, cell, problems);
            match serde_json::from_value(all) {
                Ok(changed) => resources = changed,
                Err(error) => {
                    problems
                        .push(Problem::at(entry.value.span, format!("resource `{name}`: {error}")));
                }
            }
        }
        resources
    }
}

fn param_problem(linked: &Linked<'_>, problem: ParamProblem) -> Problem {
    let spec = linked.spec;
    // A problem that quotes the last name of its path is about the name, not about its value.
    let about_key =
        problem.path.last().is_some_and(|name| problem.problem.contains(&format!("`{name}`")));
    let whole = spec.params.is_null() || problem.path.is_empty();
    let span = if whole { spec.name.span } else { spec.params.span_at(&problem.path, about_key) };
    let name = &spec.name.value;
    let place = match problem.path.as_slice() {
        [] => format!("params of stage `{name}`"),
        path => format!("stage `{name}`, param `{}`", path.join(".")),
    };
    let message = format!("{place}: {}", problem.problem);
    let usual = format!("`ablate kinds {}` lists its params", linked.kind.name);
    Problem::at(span, message).help(problem.help.unwrap_or(usual))
}

/// Returns where a param that names a source was written.
pub(super) fn source_span(linked: &Linked<'_>, wanted: &SourceRef) -> Span {
    let path: Vec<String> = wanted.param.split('.').map(str::to_owned).collect();
    if linked.spec.params.is_null() {
        return linked.spec.name.span;
    }
    linked.spec.params.span_at(&path, false)
}

fn refusal(linked: &Linked<'_>, wanted: &SourceRef, refused: Refused) -> Problem {
    let span = source_span(linked, wanted);
    match refused {
        Refused::Unreadable(error) => Problem::at(span, error.to_string()),
        Refused::Changed { path, pin, found } => {
            let message = format!(
                "`{}` is not the file that the manifest asks for: its digest is {found}, expected {pin}",
                path.display()
            );
            Problem::at(span, message)
                .help("fetch the file again, or change `blake3` if the new content is meant")
        }
    }
}
