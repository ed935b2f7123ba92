//! Linking: the names in a stage's inputs, found among stages, ports, axes and kinds.

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
use crate::stage::Port;
use crate::stage::StageKind;

/// A stage whose kind was found.
pub(super) struct Linked<'a> {
    /// The stage as it was written.
    pub(super) spec: &'a StageSpec,
    /// Its kind.
    pub(super) kind: &'static StageKind,
    /// What enters.
    pub(super) inputs: Vec<LinkedInput>,
}

/// An input port with what enters it.
pub(super) struct LinkedInput {
    /// The port.
    pub(super) port: &'static Port,
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
    pub(super) port: &'static Port,
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
    /// The kind of each stage, where it was found.
    kinds: Vec<Option<&'static StageKind>>,
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
        let found = document.stages.iter().map(find).collect();
        Self { document, axes, kinds: found }
    }

    /// Links every stage; a stage of unknown kind gives nothing.
    pub(super) fn link_all(&self, problems: &mut Problems) -> Vec<Option<Linked<'a>>> {
        let stages = self.document.stages.iter().zip(&self.kinds);
        stages
            .map(|(spec, kind)| {
                let Some(kind) = *kind else {
                    spec.inputs.iter().for_each(|input| self.look_up(spec, input, problems));
                    return None;
                };
                let inputs = spec
                    .inputs
                    .iter()
                    .filter_map(|input| self.link_input(spec, kind, input, problems))
                    .collect();
                // A port that a wrong name was meant for has been suggested there.
                let near = |wrong: &InputSpec, port: &Port| {
                    kind.input(&wrong.port.value).is_none()
                        && did_you_mean(&wrong.port.value, [port.name]).is_some()
                };
                for port in kind.inputs.iter().filter(|port| !port.optional) {
                    let named = |input: &InputSpec| input.port.value == port.name;
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
                Some(Linked { spec, kind, inputs })
            })
            .collect()
    }

    fn link_input(
        &self,
        spec: &StageSpec,
        kind: &'static StageKind,
        input: &InputSpec,
        problems: &mut Problems,
    ) -> Option<LinkedInput> {
        let Some(port) = kind.input(&input.port.value) else {
            let names = || kind.inputs.iter().map(|port| port.name);
            let message = format!("kind `{}` has no input `{}`", kind.name, input.port.value);
            let help = did_you_mean(&input.port.value, names())
                .unwrap_or_else(|| format!("its inputs are {}", quoted(names())));
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
        Some(LinkedInput { port, span: input.port.span, feed })
    }

    /// Says who gives an artifact of a type: the stage that was named, by another output, else the
    /// others.
    fn who_gives(&self, stage: usize, artifact: &str) -> String {
        let outputs = |at: usize| {
            let (name, kind) = (&self.document.stages[at].name.value, self.kinds[at]);
            let ports =
                kind.into_iter().flat_map(|kind| kind.outputs.iter().map(move |p| (kind, p)));
            let fitting = ports.filter(|(_, port)| port.artifact == artifact);
            fitting.map(|(kind, port)| output_name(name, kind, port)).collect::<Vec<_>>()
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
        port: &'static Port,
        place: &Located<String>,
        references: &[Reference],
        problems: &mut Problems,
    ) -> Vec<Link> {
        let links: Vec<Link> = references
            .iter()
            .filter_map(|reference| self.link(spec, port, reference, problems))
            .collect();
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
        let (stages, wanted) = (&self.document.stages, &reference.stage);
        let found = stages.iter().position(|stage| stage.name.value == wanted.value);
        if found.is_none() {
            let names = stages.iter().map(|stage| stage.name.value.as_str());
            let names = names.filter(|name| *name != spec.name.value);
            let message = format!("there is no stage `{}`", wanted.value);
            let help = did_you_mean(&wanted.value, names.clone())
                .unwrap_or_else(|| format!("the other stages are {}", quoted(names)));
            problems.push(Problem::at(wanted.span, message).help(help));
        }
        found
    }

    fn link(
        &self,
        spec: &StageSpec,
        port: &'static Port,
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
        let producer = self.kinds[stage]?;
        let from = match &reference.port {
            None => producer.outputs.first()?,
            Some(name) => producer.output(&name.value).or_else(|| {
                let names = || producer.outputs.iter().map(|port| port.name);
                let message = format!(
                    "stage `{}` (a `{}`) has no output `{}`",
                    wanted.value, producer.name, name.value
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
        Some(Link { stage, port: from, slice: slice?, span: reference.span })
    }
}

/// Returns a stage's output as manifests write it; the first needs no name.
fn output_name(stage: &str, kind: &StageKind, port: &Port) -> String {
    match kind.outputs.first() {
        Some(first) if first.name == port.name => stage.to_owned(),
        _ => format!("{stage}.{}", port.name),
    }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} `{noun}`", if vowel { "an" } else { "a" })
}
