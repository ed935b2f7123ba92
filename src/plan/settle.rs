//! Settling: params made complete for a cell, with the resources and sources that follow from them.
//!
//! Cells that give the same values share one result, so a kind is asked only once for each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;

use serde_json::Map;
use serde_json::Value;

use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::Params;
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
    pub(super) params: Params,
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
    /// Schema of the params of each kind that was met.
    schemas: BTreeMap<&'static str, Value>,
}

impl<'a> Settler<'a> {
    /// Settles with these values, and looks for sources with this finder; `unclear` stages have
    /// placeholders that stand for nothing, which has been reported.
    pub(super) fn new(scope: Scope<'a>, finder: Finder<'a>, unclear: BTreeSet<usize>) -> Self {
        Self { scope, finder, unclear, settled: BTreeMap::new(), schemas: BTreeMap::new() }
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
        let kind = linked.kind;
        let schema = self.schemas.entry(kind.name).or_insert_with(kind.schema);
        let params = match (kind.resolve_by)(schema, &written) {
            Ok(params) => params,
            Err(found) => {
                for problem in self.without_waiting(stage, &spec.params, found) {
                    problems.push(param_problem(linked, problem));
                }
                return None;
            }
        };
        let usual = (linked.kind.resources)(&params);
        let resources = match &spec.resources {
            None => usual,
            Some(node) => {
                let written = self.resources(node, cell, &usual, problems);
                usual.with(&written).unwrap_or_else(|found| {
                    for problem in self.without_waiting(stage, node, found) {
                        problems.push(resource_problem(linked, node, &problem));
                    }
                    usual
                })
            }
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
        Some(Settled { params: params.into(), resources, draws, sources })
    }

    /// Leaves out the problems of values that wait for a placeholder: these are not wrong as well.
    fn without_waiting(
        &self,
        stage: usize,
        node: &Node,
        problems: Vec<ParamProblem>,
    ) -> impl Iterator<Item = ParamProblem> {
        let unclear = self.unclear.contains(&stage);
        let waits = move |problem: &ParamProblem| {
            unclear && node.at(&problem.path).is_none_or(has_placeholder)
        };
        problems.into_iter().filter(move |problem| !waits(problem))
    }

    /// Returns the resources that a manifest names, filled in; reports names that there are not.
    fn resources(
        &self,
        node: &Node,
        cell: &Cell,
        usual: &Resources,
        problems: &mut Problems,
    ) -> Map<String, Value> {
        let known = serde_json::to_value(usual).unwrap_or_default();
        let known = known.as_object().cloned().unwrap_or_default();
        let mut written = Map::new();
        for entry in node.entries() {
            let name = entry.key.value.as_str();
            if known.contains_key(name) {
                let value = self.scope.fill(&entry.value, cell, problems);
                written.insert(name.to_owned(), value);
                continue;
            }
            let names = || known.keys().map(String::as_str);
            let help = did_you_mean(name, names())
                .unwrap_or_else(|| format!("known are {}", quoted(names())));
            let message = format!("there is no resource `{name}`");
            problems.push(Problem::at(entry.key.span, message).help(help));
        }
        written
    }
}

fn resource_problem(linked: &Linked<'_>, node: &Node, problem: &ParamProblem) -> Problem {
    let (stage, name) = (&linked.spec.name.value, problem.path.join("."));
    let message = format!("stage `{stage}`, resource `{name}`: {}", problem.problem);
    let usual = "`cpus` counts cores, `gpus` is a share of one, `memory` MiB and `time` seconds; `device` is `auto`, `cpu` or `cuda`";
    let help = match name.as_str() {
        "device" => "write `auto`, `cpu`, or `cuda` for a GPU".to_owned(), // `gpu` is not near `cuda`
        _ => problem.help.clone().unwrap_or_else(|| usual.to_owned()),
    };
    Problem::at(node.span_at(&problem.path, false), message).help(help)
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
    let SourceRef { name, kind, param, .. } = wanted;
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
        Refused::OtherMd5 { path, expected, found } => {
            let message = format!(
                "`{}` is not the file that the manifest asks for: its MD5 is {found}, expected {expected}",
                path.display()
            );
            let help = if wanted.remote.is_some() {
                "move it away, so that the right one is fetched, or change `md5` if this one is meant"
            } else {
                "fetch the file again, or change `md5` if the new content is meant"
            };
            Problem::at(span, message).help(help)
        }
        Refused::Outside => {
            let message = format!(
                "`{name}` leads out of the data folders; what comes from outside is named, not located"
            );
            let plain = Path::new(name).file_name().map(OsStr::to_string_lossy);
            let plain = plain.as_deref().unwrap_or("NAME");
            Problem::at(span, message).help(format!(
                "write `{param}: {plain}`, and give its folder with `--data DIR` or ABLATE_DATA"
            ))
        }
        Refused::Other(found) => {
            let message = format!("`{name}` is a {found}; `{param}` takes a {kind}");
            let help = format!("name a {kind}, or the param for a {found}");
            Problem::at(span, message).help(help)
        }
    }
}
