//! Linking: the names in a stage's inputs, found among stages, ports, axes and kinds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::manifest::Document;
use crate::manifest::Feed;
use crate::manifest::InputSpec;
use crate::manifest::Located;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Reference;
use crate::manifest::Span;
use crate::manifest::StageSpec;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::axes::Axes;
use crate::plan::axes::Cell;
use crate::plan::interpolate::has_placeholder;
use crate::stage::Port;
use crate::stage::Ports;
use crate::stage::StageKind;

/// A stage whose kind was found.
pub(super) struct Linked<'a> {
    /// The stage as it was written.
    pub(super) spec: &'a StageSpec,
    /// Its kind.
    pub(super) kind: &'static StageKind,
    /// Its ports.
    pub(super) ports: Arc<Ports>,
    /// What enters.
    pub(super) inputs: Vec<LinkedInput>,
}

/// An input port with what enters it.
pub(super) struct LinkedInput {
    /// The port.
    pub(super) port: Port,
    /// Where the port is named.
    pub(super) span: Span,
    /// What enters.
    pub(super) feed: LinkedFeed,
}

/// What enters a port.
pub(super) enum LinkedFeed {
    /// The same in every cell.
    Same(Vec<Link>),
    /// By value of an axis; nothing where the manifest has no branch for a value.
    By { axis: usize, branches: Vec<Option<Vec<Link>>> },
}

/// An artifact, found.
pub(super) struct Link {
    /// The stage that makes it.
    pub(super) stage: usize,
    /// The port by which it leaves.
    pub(super) port: Port,
    /// Axes held fast.
    pub(super) slice: Cell,
    /// Where it is named.
    pub(super) span: Span,
}

impl Linked<'_> {
    /// Returns every link of every input, whatever the cell.
    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.inputs.iter().flat_map(|input| -> Box<dyn Iterator<Item = &Link>> {
            match &input.feed {
                LinkedFeed::Same(links) => Box::new(links.iter()),
                LinkedFeed::By { branches, .. } => Box::new(branches.iter().flatten().flatten()),
            }
        })
    }
}

/// Finds names for all stages.
pub(super) struct Linker<'a> {
    /// The manifest.
    pub(super) document: &'a Document,
    /// The study's axes.
    pub(super) axes: &'a Axes,
    /// Where each stage stands, by its name.
    places: BTreeMap<&'a str, usize>,
    /// The kind of each stage, where it was found.
    kinds: Vec<Option<&'static StageKind>>,
    /// The ports of each stage; none where its kind was not found.
    ports: Vec<Arc<Ports>>,
}

impl<'a> Linker<'a> {
    /// Finds the kind of every stage.
    pub(super) fn new(
        document: &'a Document,
        axes: &'a Axes,
        kinds: &'static [StageKind],
        problems: &mut Problems,
    ) -> Self {
        let find = |stage: &StageSpec| {
            let found = kinds.iter().find(|kind| kind.name == stage.kind.value);
            if found.is_none() && !stage.kind.value.is_empty() {
                let names = || kinds.iter().map(|kind| kind.name);
                let help = did_you_mean(&stage.kind.value, names())
                    .unwrap_or_else(|| format!("kinds are {}", quoted(names())));
                let message = format!(
                    "stage `{}` has an unknown kind `{}`",
                    stage.name.value, stage.kind.value
                );
                problems.push(Problem::at(stage.kind.span, message).help(help));
            }
            found
        };
        let found: Vec<_> = document.stages.iter().map(find).collect();
        let mut shared: BTreeMap<&str, Arc<Ports>> = BTreeMap::new();
        let mut ports = |(spec, kind): (&StageSpec, Option<&'static StageKind>)| match kind {
            None => Arc::new(Ports { inputs: Vec::new(), outputs: Vec::new() }),
            Some(kind) if kind.declares.is_empty() => {
                let new = || Arc::new((kind.ports)(&Value::Null));
                Arc::clone(shared.entry(kind.name).or_insert_with(new))
            }
            Some(kind) => {
                refuse_placeholders(spec, kind, problems);
                Arc::new((kind.ports)(&spec.params.to_json()))
            }
        };
        let ports = document.stages.iter().zip(found.iter().copied()).map(&mut ports).collect();
        let names = document.stages.iter().map(|stage| stage.name.value.as_str());
        let places = names.zip(0..).collect();
        Self { document, axes, places, kinds: found, ports }
    }

    /// Links every stage; a stage of unknown kind gives nothing.
    pub(super) fn link_all(&self, problems: &mut Problems) -> Vec<Option<Linked<'a>>> {
        let stages = self.document.stages.iter().zip(&self.kinds).zip(&self.ports);
        stages
            .map(|((spec, kind), ports)| {
                let Some(kind) = *kind else {
                    spec.inputs.iter().for_each(|input| self.look_up(spec, input, problems));
                    return None;
                };
                let inputs = spec
                    .inputs
                    .iter()
                    .filter_map(|input| self.link_input(spec, (kind, ports), input, problems))
                    .collect();
                // A port that a wrong name was meant for has been suggested there.
                let near = |wrong: &InputSpec, port: &Port| {
                    ports.input(&wrong.port.value).is_none()
                        && did_you_mean(&wrong.port.value, [&*port.name]).is_some()
                };
                for port in ports.inputs.iter().filter(|port| !port.optional) {
                    let named = |input: &InputSpec| port.name == *input.port.value;
                    if !spec.inputs.iter().any(|input| named(input) || near(input, port)) {
                        let message =
                            format!("stage `{}` has no input `{}`", spec.name.value, port.name);
                        let help = format!(
                            "add `{}: STAGE` to its `inputs`; it takes {} ({})",
                            port.name,
                            article(port.artifact),
                            port.about.trim_end_matches('.'),
                        );
                        problems.push(Problem::at(spec.name.span, message).help(help));
                    }
                }
                Some(Linked { spec, kind, ports: Arc::clone(ports), inputs })
            })
            .collect()
    }

    fn link_input(
        &self,
        spec: &StageSpec,
        (kind, ports): (&StageKind, &Ports),
        input: &InputSpec,
        problems: &mut Problems,
    ) -> Option<LinkedInput> {
        let Some(port) = ports.input(&input.port.value) else {
            let names = || ports.inputs.iter().map(|port| &*port.name);
            if is_declared(spec, "inputs", &input.port.value) {
                return None; // what is wrong with its declaration is told there
            }
            let message = format!("kind `{}` has no input `{}`", kind.name, input.port.value);
            let others = match (kind.declares, names().next()) {
                ([], _) | (_, Some(_)) => format!("its inputs are {}", quoted(names())),
                _ => format!("declare it below `params.inputs`: `{}: TYPE`", input.port.value),
            };
            let help = did_you_mean(&input.port.value, names()).unwrap_or(others);
            problems.push(Problem::at(input.port.span, message).help(help));
            self.look_up(spec, input, problems);
            return None;
        };
        let feed = match &input.feed {
            Feed::Same(references) => {
                LinkedFeed::Same(self.links(spec, port, &input.port, references, problems))
            }
            Feed::By { axis, branches } => {
                let axis = self.axes.axis(axis, problems)?;
                let mut found: Vec<Option<Vec<Link>>> = Vec::new();
                found.resize_with(self.axes.all[axis].values.len(), || None);
                for (value, references) in branches {
                    let links = self.links(spec, port, value, references, problems);
                    if let Some(value) = self.axes.value(axis, value, problems) {
                        found[value] = Some(links);
                    }
                }
                LinkedFeed::By { axis, branches: found }
            }
        };
        Some(LinkedInput { port: *port, span: input.port.span, feed })
    }

    /// Says who gives an artifact of a type: the stage that was named, by another output, else the
    /// others.
    fn who_gives(&self, stage: usize, artifact: &str) -> String {
        let outputs = |at: usize| {
            let (name, ports) = (&self.document.stages[at].name.value, &self.ports[at]);
            let fitting = ports.outputs.iter().filter(|port| port.artifact == artifact);
            fitting.map(|port| output_name(name, ports, port)).collect::<Vec<_>>()
        };
        if let [own, ..] = outputs(stage).as_slice() {
            return format!("did you mean `{own}`?");
        }
        let all: Vec<String> = (0..self.kinds.len()).flat_map(outputs).collect();
        if all.is_empty() {
            return format!("no stage gives {}", article(artifact));
        }
        format!("{} is given by {}", article(artifact), quoted(all.iter().map(String::as_str)))
    }

    fn links(
        &self,
        spec: &StageSpec,
        port: &Port,
        place: &Located<String>,
        references: &[Reference],
        problems: &mut Problems,
    ) -> Vec<Link> {
        let mut links = Vec::with_capacity(references.len());
        links.extend(references.iter().filter_map(|one| self.link(spec, port, one, problems)));
        let name = &spec.name.value;
        if references.len() > 1 && !port.many {
            let message = format!(
                "input `{}` of stage `{name}` takes one artifact; {} are named",
                port.name,
                references.len()
            );
            let help = "take one of them; another stage may join several";
            problems.push(Problem::at(references[1].span, message).help(help));
        }
        if references.is_empty() && !port.optional {
            let message = format!("nothing enters input `{}` of stage `{name}`", port.name);
            let help = format!("name a stage: `{}: STAGE`", place.value);
            problems.push(Problem::at(place.span, message).help(help));
        }
        links
    }

    /// Looks for the stages that enter a port that nothing else is known of.
    fn look_up(&self, spec: &StageSpec, input: &InputSpec, problems: &mut Problems) {
        let references: Vec<&Reference> = match &input.feed {
            Feed::Same(references) => references.iter().collect(),
            Feed::By { branches, .. } => branches.iter().flat_map(|(_, all)| all).collect(),
        };
        for reference in references {
            self.stage(spec, reference, problems);
        }
    }

    /// Returns the stage that a reference names, or reports that there is none.
    fn stage(
        &self,
        spec: &StageSpec,
        reference: &Reference,
        problems: &mut Problems,
    ) -> Option<usize> {
        let wanted = &reference.stage;
        let found = self.places.get(wanted.value.as_str()).copied();
        if found.is_none() {
            let names = self.document.stages.iter().map(|stage| stage.name.value.as_str());
            let names = names.filter(|name| *name != spec.name.value);
            let message = format!("there is no stage `{}`", wanted.value);
            let help = did_you_mean(&wanted.value, names.clone())
                .unwrap_or_else(|| format!("the other stages are {}", quoted(names)));
            problems.push(Problem::at(wanted.span, message).help(help));
        }
        found
    }

    /// Returns the output that is meant where only a stage is named: its first, or its only one where
    /// a manifest declares them, which gives them no order.
    fn only_output(
        &self,
        stage: usize,
        reference: &Reference,
        problems: &mut Problems,
    ) -> Option<&Port> {
        let outputs = &self.ports[stage].outputs;
        let declares = self.kinds[stage].is_some_and(|kind| !kind.declares.is_empty());
        if declares && outputs.len() > 1 {
            let name = &reference.stage.value;
            let names: Vec<String> =
                outputs.iter().map(|port| format!("{name}.{}", port.name)).collect();
            let message = format!("stage `{name}` declares several outputs; one is to be named");
            let help = format!("write {}", quoted(names.iter().map(String::as_str)));
            problems.push(Problem::at(reference.span, message).help(help));
            return None;
        }
        outputs.first()
    }

    fn link(
        &self,
        spec: &StageSpec,
        port: &Port,
        reference: &Reference,
        problems: &mut Problems,
    ) -> Option<Link> {
        let wanted = &reference.stage;
        let stage = self.stage(spec, reference, problems)?;
        for (at, (axis, _)) in reference.slice.iter().enumerate() {
            if reference.slice[..at].iter().any(|(other, _)| other.value == axis.value) {
                let message = format!("this slice holds axis `{}` twice", axis.value);
                problems.push(Problem::at(axis.span, message).help("name one value of it"));
            }
        }
        let slice: Option<Cell> = reference
            .slice
            .iter()
            .map(|(axis, value)| self.axes.point(axis, value, problems))
            .collect();
        let (producer, ports) = (self.kinds[stage]?, &self.ports[stage]);
        let from = match &reference.port {
            None => self.only_output(stage, reference, problems)?,
            Some(name) => ports.output(&name.value).or_else(|| {
                if is_declared(&self.document.stages[stage], "outputs", &name.value) {
                    return None;
                }
                let names = || ports.outputs.iter().map(|port| &*port.name);
                let message = format!(
                    "stage `{}` ({}) has no output `{}`",
                    wanted.value,
                    article(producer.name),
                    name.value
                );
                let help = did_you_mean(&name.value, names())
                    .unwrap_or_else(|| format!("its outputs are {}", quoted(names())));
                problems.push(Problem::at(name.span, message).help(help));
                None
            })?,
        };
        if from.artifact != port.artifact {
            let message = format!(
                "`{}.{}` is {}, but input `{}` of stage `{}` takes {}",
                wanted.value,
                from.name,
                article(from.artifact),
                port.name,
                spec.name.value,
                article(port.artifact)
            );
            let help = self.who_gives(stage, port.artifact);
            problems.push(Problem::at(reference.span, message).help(help));
            return None;
        }
        Some(Link { stage, port: *from, slice: slice?, span: reference.span })
    }
}

/// Reports placeholders in params that declare ports: what flows where is the same in every cell.
fn refuse_placeholders(spec: &StageSpec, kind: &StageKind, problems: &mut Problems) {
    for name in kind.declares {
        let path = [(*name).to_owned()];
        if spec.params.at(&path).is_some_and(has_placeholder) {
            let stage = &spec.name.value;
            let message =
                format!("stage `{stage}`: `params.{name}` declares ports with a `${{...}}`");
            let help = "write names and types of ports out: they are the same in every cell";
            problems.push(Problem::at(spec.params.span_at(&path, false), message).help(help));
        }
    }
}

/// Returns whether params declare a port, rightly or not.
fn is_declared(spec: &StageSpec, param: &str, port: &str) -> bool {
    !spec.params.is_null() && spec.params.at(&[param.to_owned(), port.to_owned()]).is_some()
}

/// Returns a stage's output as manifests write it; the first needs no name.
fn output_name(stage: &str, ports: &Ports, port: &Port) -> String {
    match ports.outputs.first() {
        Some(first) if first.name == port.name => stage.to_owned(),
        _ => format!("{stage}.{}", port.name),
    }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} `{noun}`", if vowel { "an" } else { "a" })
}
