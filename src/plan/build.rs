//! Building: from a document and the list of kinds to a plan.
//!
//! Approach: link names, order the stages, find the axes that each spans, and then make the tasks
//! of one stage after the other, each with all that is known of it before anything runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::Document;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::did_you_mean;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::axes::Axes;
use crate::plan::axes::Cell;
use crate::plan::cells::Tasks;
use crate::plan::crossing;
use crate::plan::data::Finder;
use crate::plan::graph::StageGraph;
use crate::plan::interpolate::LARGEST;
use crate::plan::interpolate::Scope;
use crate::plan::link::Linked;
use crate::plan::link::LinkedFeed;
use crate::plan::link::Linker;
use crate::plan::settle::Settler;
use crate::plan::settle::source_span;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::StageKind;

/// Builds the plan of a study, or returns everything that is wrong with its manifest.
pub fn build(
    document: &Document,
    kinds: &'static [StageKind],
    data: &DataFolders,
) -> Result<Plan, Problems> {
    let mut problems = document.problems.clone();
    let light = problems.0.len();
    let axes = Axes::read(document, &mut problems);
    check_table(document, &axes, &mut problems);
    let linked = Linker::new(document, &axes, kinds, &mut problems).link_all(&mut problems);
    let order = order(&linked, &mut problems);
    let left = std::cell::Cell::new(LARGEST);
    let scope = Scope { vars: &document.vars, axes: &axes, left: &left };
    let mut unclear = BTreeSet::new();
    let mut named: Vec<BTreeSet<usize>> = Vec::new();
    for (at, stage) in linked.iter().enumerate() {
        let known = problems.0.len();
        let axes = stage.as_ref().map(|stage| named_axes(stage, scope, &mut problems));
        named.push(axes.unwrap_or_default());
        if problems.0.len() > known {
            unclear.insert(at);
        }
    }
    let spans = spans(&linked, &order, &named, &axes, &mut problems);
    let mut tasks = Tasks::new(document, &axes, &linked, &spans);
    let linked_well = problems.0.len() == light;
    let mut settler = Settler::new(scope, Finder::new(data), unclear);
    for &at in &order {
        let Some(stage) = &linked[at] else { continue };
        let Some(cells) = axes.cells(&spans[at]) else {
            let message = format!("stage `{}` has too many cells", stage.spec.name.value);
            problems.push(
                Problem::at(stage.spec.name.span, message).help("give its axes fewer values"),
            );
            continue;
        };
        if cells.is_empty() {
            let message =
                format!("`exclude` and `only` leave nothing of stage `{}`", stage.spec.name.value);
            let help = "leave fewer cells out, or take the stage away: `NAME: null`";
            problems.push(Problem::at(stage.spec.name.span, message).help(help));
        }
        for cell in cells {
            let settled = settler.settle(at, stage, &named[at], &cell, &mut problems);
            if let Some(settled) = settled.filter(|_| linked_well) {
                tasks.add(at, stage, cell, &settled, &mut problems);
            }
        }
    }
    let tasks = tasks.finish();
    refuse_hidden_images(&tasks, &linked, &mut problems);
    let overrides = document.overrides.clone();
    problems.or(Plan { name: document.name.clone(), axes: axes.all, tasks, overrides })
}

fn check_table(document: &Document, axes: &Axes, problems: &mut Problems) {
    let Some(table) = &document.table else { return };
    for axis in table.rows.iter().chain(&table.columns) {
        axes.axis(axis, problems);
    }
    if let Some(stage) = table.stage.as_ref().filter(|stage| document.stage(&stage.value).is_none())
    {
        let names = document.stages.iter().map(|stage| stage.name.value.as_str());
        let help = did_you_mean(&stage.value, names);
        let message = format!("there is no stage `{}`", stage.value);
        problems.push(Problem::at(stage.span, message).maybe_help(help));
    }
}

/// Reports files of a program from which another stage takes images: these would enter it by no port, and
/// nobody would know what it was made from.
fn refuse_hidden_images(tasks: &[Task], linked: &[Option<Linked<'_>>], problems: &mut Problems) {
    let held = |task: &Task| -> Vec<String> {
        let sources = task.sources.iter();
        sources
            .flat_map(|(name, one)| [Some(name.clone()), one.digest.map(|it| it.to_string())])
            .flatten()
            .collect()
    };
    let (programs, others): (Vec<&Task>, Vec<&Task>) =
        tasks.iter().partition(|task| task.kind.runner == Runner::Program);
    if programs.is_empty() {
        return;
    }
    let mut known = BTreeMap::new();
    for task in others {
        known.extend(held(task).into_iter().map(|source| (source, &task.stage)));
    }
    for task in programs {
        for wanted in task.sources_named() {
            let digest = task.sources.get(&wanted.name).and_then(|source| source.digest);
            let digest = digest.map(|digest| digest.to_string()).unwrap_or_default();
            let Some(other) = known.get(&wanted.name).or_else(|| known.get(&digest)) else {
                continue;
            };
            let stage = linked.iter().flatten().find(|one| one.spec.name.value == task.stage);
            let message = format!(
                "`{}` enters stage `{}` as a file, and stage `{other}` loads it",
                wanted.name, task.stage
            );
            let problem = Problem {
                span: stage.map(|one| source_span(one, &wanted)),
                ..Problem::nowhere(message)
            }
            .help("take it by an input, so that it is known what the program saw");
            if !problems.0.contains(&problem) {
                problems.push(problem);
            }
        }
    }
}

/// Returns the stages with producers first, and reports every cycle.
fn order(linked: &[Option<Linked<'_>>], problems: &mut Problems) -> Vec<usize> {
    let edges = linked.iter().enumerate().filter_map(|(to, stage)| Some((to, stage.as_ref()?)));
    let edges = edges.flat_map(|(to, stage)| stage.links().map(move |link| (link.stage, to)));
    let graph = StageGraph::new(linked.len(), edges);
    for cycle in graph.cycles() {
        let names: Vec<&str> = cycle
            .iter()
            .filter_map(|&stage| Some(linked[stage].as_ref()?.spec.name.value.as_str()))
            .collect();
        let [from, to, ..] = cycle.as_slice() else { continue };
        let link = linked[*to].as_ref().and_then(|to| to.links().find(|link| link.stage == *from));
        let span = link.map(|link| link.span);
        let message = format!("stages feed one another in a circle: {}", names.join(" -> "));
        let problem = Problem { span, ..Problem::nowhere(message) };
        problems.push(problem.help("take one of these inputs away"));
    }
    graph.order()
}

/// Returns the axes that a stage's params and resources name.
fn named_axes(stage: &Linked<'_>, scope: Scope<'_>, problems: &mut Problems) -> BTreeSet<usize> {
    let mut named = scope.axes_in(&stage.spec.params, problems);
    if let Some(resources) = &stage.spec.resources {
        named.extend(scope.axes_in(resources, problems));
    }
    named
}

/// Returns the axes that each stage spans: those it names and those of what enters it.
fn spans(
    linked: &[Option<Linked<'_>>],
    order: &[usize],
    named: &[BTreeSet<usize>],
    axes: &Axes,
    problems: &mut Problems,
) -> Vec<BTreeSet<usize>> {
    let mut spans = named.to_vec();
    for &at in order {
        let Some(stage) = &linked[at] else { continue };
        let mut found = spans[at].clone();
        found.extend(stage.spec.spans.iter().filter_map(|axis| axes.axis(axis, problems)));
        for input in &stage.inputs {
            if let LinkedFeed::By { axis, .. } = &input.feed {
                found.insert(*axis);
            }
        }
        for link in stage.links() {
            let producer = &spans[link.stage];
            for axis in link.slice.keys().filter(|axis| !producer.contains(axis)) {
                let Some(from) = &linked[link.stage] else { continue };
                let message = format!(
                    "stage `{}` does not span axis `{}`",
                    from.spec.name.value, axes.all[*axis].name
                );
                problems.push(Problem::at(link.span, message).help("leave this slice out"));
            }
            found.extend(producer.iter().filter(|axis| !link.slice.contains_key(axis)));
        }
        crossing::check(stage, &spans, axes, problems);
        spans[at] = found;
    }
    spans
}

/// Tasks by stage and cell.
pub(super) type Index = Vec<BTreeMap<Cell, TaskId>>;

impl Plan {
    /// Returns every source that is not at hand, with the task that names it.
    pub fn missing_sources(&self) -> Vec<(TaskId, SourceRef)> {
        let missing = |task: &Task| -> Vec<(TaskId, SourceRef)> {
            let is_missing = |wanted: &SourceRef| {
                task.sources.get(&wanted.name).is_some_and(|found| found.path.is_none())
            };
            let wanted = task.sources_named().into_iter().filter(is_missing);
            wanted.map(|wanted| (task.id, wanted)).collect()
        };
        self.tasks.iter().flat_map(missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::plan::tests::STUDY;
    use crate::plan::tests::faults;
    use crate::plan::tests::plan;

    #[test]
    fn a_thousand_tasks_are_planned() {
        let mut text = "ablate: 1\nname: thousand\naxes:\n  a: [".to_owned();
        for value in 0..500 {
            write!(text, "{value}, ").unwrap();
        }
        text += "]\nstages:\n  numbers: {kind: draw}\n  parts: {kind: divide, inputs: {numbers: numbers}}\n";
        text +=
            "  fit: {kind: fit, inputs: {numbers: parts.train}, params: {rate: \"${axis.a}\"}}\n";
        text += "  score: {kind: judge, inputs: {model: fit, numbers: parts.test}}\n";
        let plan = plan(&text);
        assert_eq!(plan.tasks.len(), 1_002);
        let recipes: std::collections::BTreeSet<_> =
            plan.tasks.iter().map(|task| task.recipe.unwrap()).collect();
        assert_eq!(recipes.len(), 1_002);
    }

    #[test]
    fn every_task_comes_after_what_enters_it() {
        for task in &plan(STUDY).tasks {
            assert!(task.all_inputs().all(|(_, input)| input.task < task.id), "{task}");
        }
    }

    #[test]
    fn a_slice_holds_an_axis_and_a_hole_leaves_cells_out() {
        let text = STUDY.replace("seed: 7", "seed: 7\nexclude: [{arm: sum, rate: 0.2}]")
            + "  again: {kind: add, inputs: {numbers: [\"fit[arm=none,rate=0.2]\", \"fit.model[arm=sum+fake,rate=0.1]\"]}}\n";
        let plan = plan(&text);
        assert_eq!(plan.select("fit").unwrap().tasks.len(), 10);
        assert_eq!(plan.select("score").unwrap().tasks.len(), 10);
        let again: Vec<String> = plan
            .select("again")
            .unwrap()
            .tasks
            .iter()
            .map(|id| {
                let task = plan.task(*id);
                let inputs: Vec<String> =
                    task.all_inputs().map(|(_, input)| plan.task(input.task).to_string()).collect();
                format!("{task}: {}", inputs.join(" "))
            })
            .collect();
        insta::assert_snapshot!(again.join("\n"), @"
        again[seed=1]: fit[arm=none,rate=0.2,seed=1] fit[arm=sum+fake,rate=0.1,seed=1]
        again[seed=2]: fit[arm=none,rate=0.2,seed=2] fit[arm=sum+fake,rate=0.1,seed=2]
        ");
    }

    #[test]
    fn only_what_is_wanted_is_kept_where_its_axes_are_spanned() {
        let count = |field: &str| {
            let plan = plan(&STUDY.replace("seed: 7", &format!("seed: 7\n{field}")));
            ["numbers", "gan", "fit", "score"].map(|stage| plan.select(stage).unwrap().tasks.len())
        };
        assert_eq!(count("only: []"), [1, 1, 12, 12]);
        assert_eq!(count("only: [{arm: sum}]"), [1, 1, 4, 4]);
        assert_eq!(count("only: [{arm: sum}, {arm: none, seed: 1}]"), [1, 1, 6, 6]);
        assert_eq!(count("only: [{arm: sum}]\nexclude: [{rate: 0.1, seed: 2}]"), [1, 1, 3, 3]);
    }

    #[test]
    fn a_branch_that_is_not_taken_adds_no_task() {
        let plan = plan(STUDY);
        let none = plan.select("fit[arm=none]").unwrap().tasks;
        let needed = plan.with_ancestors(&none);
        let stages: std::collections::BTreeSet<&str> =
            needed.iter().map(|id| plan.task(*id).stage.as_str()).collect();
        assert_eq!(stages.into_iter().collect::<Vec<_>>(), ["fit", "numbers", "parts"]);
    }

    #[test]
    fn the_axis_seed_sets_the_seed_of_what_spans_it_and_of_nothing_else() {
        let plan = plan(STUDY);
        let seed = |text: &str| plan.task(*plan.select(text).unwrap().tasks.first().unwrap()).seed;
        let one = "fit[arm=none,rate=0.1,seed=1]";
        assert_eq!(seed("gan"), 7);
        assert_ne!(seed(one), 7);
        assert_ne!(seed(one), seed("fit[arm=none,rate=0.1,seed=2]"));
        assert_eq!(seed(one), seed("fit[arm=sum,rate=0.2,seed=1]"));
        assert_eq!(seed("parts"), 0);
        assert_eq!(seed("score"), 0);
    }

    #[test]
    fn names_resources_and_retries_never_change_a_recipe() {
        let renamed = STUDY
            .replace(
                "gan: {kind: fit,",
                "wgan: {kind: fit, retries: 2, about: x, resources: {cpus: 3},",
            )
            .replace("numbers: gan", "numbers: wgan");
        let (before, after) = (plan(STUDY), plan(&renamed));
        let recipes = |plan: &crate::plan::Plan| -> Vec<_> {
            plan.tasks.iter().map(|task| task.recipe).collect()
        };
        assert_eq!(recipes(&before), recipes(&after));
        let gan = after.task(*after.select("wgan").unwrap().tasks.first().unwrap());
        assert_eq!((gan.retries, gan.resources.cpus), (2, 3));
    }

    #[test]
    fn a_changed_param_changes_the_recipes_behind_it_and_no_others() {
        let (before, after) = (plan(STUDY), plan(&STUDY.replace("value: 1", "value: 2")));
        let changed: std::collections::BTreeSet<String> = before
            .tasks
            .iter()
            .zip(&after.tasks)
            .filter(|(before, after)| before.recipe != after.recipe)
            .map(|(task, _)| {
                format!("{} {}", task.stage, task.cell.get("arm").map_or("", |arm| arm))
            })
            .collect();
        assert_eq!(
            changed.into_iter().collect::<Vec<_>>(),
            ["fake ", "fit sum+fake", "score sum+fake"]
        );
    }

    #[test]
    fn faults_of_shape_are_said_with_their_remedy() {
        let study = |stages: &str| {
            faults(&format!(
                "ablate: 1\nname: x\naxes: {{arm: [a, b], seed: [1]}}\nstages:\n  numbers: {{kind: draw, params: {{count: 200}}}}\n{stages}"
            ))
        };
        insta::assert_snapshot!(study("  a: {kind: add, inputs: {numbers: c}}\n  b: {kind: add, inputs: {numbers: a}}\n  c: {kind: add, inputs: {numbers: [numbers, b]}}\n  d: {kind: add, inputs: {numbers: d}}\n"), @"
        7:36: stages feed one another in a circle: a -> b -> c -> a (help: take one of these inputs away)
        9:36: stages feed one another in a circle: d -> d (help: take one of these inputs away)
        ");
        insta::assert_snapshot!(study("  kept: {kind: add, inputs: {numbers: numbers}, params: {keep: 443}}\n"), @"6:3: stage `kept` cannot run: it keeps 443 of 200 numbers");
        insta::assert_snapshot!(study("  a: {kind: add, inputs: {numbers: \"numbers[arm=a]\"}}\n"), @"6:36: stage `numbers` does not span axis `arm` (help: leave this slice out)");
        insta::assert_snapshot!(study("  a: {kind: add, inputs: {numbers: {by: arm, a: numbers}}}\n"), @"6:27: input `numbers` of stage `a` does not say what enters for `b` of axis `arm` (help: add `b: [STAGE, ...]`)");
        insta::assert_snapshot!(study("  a: {kind: divide, inputs: {numbers: [numbers, numbers]}}\n  b: {kind: add, inputs: {numbers: []}}\n"), @"
        6:49: input `numbers` of stage `a` takes one artifact; 2 are named (help: take one of them; another stage may join several)
        7:27: nothing enters input `numbers` of stage `b` (help: name a stage: `numbers: STAGE`)
        ");
        insta::assert_snapshot!(study("  a: {kind: add, spans: [arm], inputs: {numbers: numbers}}\nexclude: [{arm: a}, {arm: c}]\ntable: {stage: sore, rows: [arms]}\n"), @"
        7:27: axis `arm` has no value `c` (help: its values are `a`, `b`)
        8:16: there is no stage `sore`
        8:29: there is no axis `arms` (help: did you mean `arm`?)
        ");
    }

    #[test]
    fn a_fault_in_one_cell_is_not_blamed_on_what_needs_it() {
        let text = STUDY.replace("rate: [0.1, 0.2]", "rate: [0.1, fast]");
        insta::assert_snapshot!(faults(&text), @"22:44: stage `fit`, param `rate`: found `fast`, expected a number (help: `ablate kinds fit` lists its params)");
        let text = STUDY.replace("seed: 7", "seed: 7\nexclude: [{arm: none}]")
            + "  again: {kind: add, inputs: {numbers: [\"fit[arm=none,rate=0.2]\"]}}\n";
        insta::assert_snapshot!(faults(&text), @"25:41: stage `again` needs cells that `exclude` or `only` leaves out, such as [arm=none,rate=0.2,seed=1] (help: leave the same cells of this stage out, or keep those)");
    }

    #[test]
    fn faults_of_the_language_are_said_with_their_remedy() {
        insta::assert_snapshot!(faults(""), @"
        1:1: the manifest has no `ablate`, its format (help: write `ablate: 1`)
        1:1: the manifest has no `name` (help: write `name: my-study`)
        1:1: the manifest has no `stages` (help: write `stages: {retina: {kind: load}}`)
        ");
        insta::assert_snapshot!(faults("ablate: 2\nname: x\nsed: 3\nseed: -1\nstages: {a b: {kind: draw, param: {}}, c: {retries: x}}"), @"
        1:9: the manifest's format `ablate` is `2`; `1` expected (help: write `ablate: 1`, or take a newer program)
        3:1: the manifest has no field `sed` (help: did you mean `seed`?)
        4:7: `seed` is `-1`; a whole number from 0 to 18446744073709551615 expected (help: write a number without quotes: `seed: 1`)
        5:10: `a b` cannot name a stage (help: a name consists of letters, digits, `-` and `_`)
        5:28: stage `a b` has no field `param` (help: did you mean `params`?)
        5:40: stage `c` has no `kind` (help: write `kind: load`, or another of those that `ablate kinds` lists)
        5:53: `retries` is `x`; a whole number from 0 to 100 expected (help: write a number without quotes: `retries: 1`)
        ");
        insta::assert_snapshot!(faults("ablate: 1\nname: x\naxes: {a: 3, b: [], c: [1, 1, {x: 2}, [3], 'a,b']}\nexclude: {a: 1}\nstages: [a]"), @"
        3:11: axis `a` is `3`; a list of values expected (help: write `a: [ONE, OTHER]`)
        3:17: axis `b` has no values (help: give it one value or more, or take it away)
        3:28: axis `c` has the value `1` twice (help: a value names one column or row: take one of them away)
        3:31: a value of axis `c` has no `name` (help: write `{name: ..., ...}`)
        3:39: a value of axis `c` is a list; a text expected (help: write one word, or a sentence in quotes)
        3:44: `a,b` cannot name a value of an axis (help: slices are written `stage[axis=value,...]`: leave out `,`, `=`, `[` and `]`)
        4:10: `exclude` is a map; a list expected (help: write `exclude: [...]`, or each item after a `-`)
        5:9: `stages` is a list; a map expected (help: write `name: value` on lines of their own, indented further)
        ");
        insta::assert_snapshot!(faults("ablate: 1\nname: x\nstages: {a: {kind: add, inputs: {numbers: {arm: [a]}}}, b: {kind: add, inputs: {numbers: [{x: 1}, 'c d']}}}"), @r#"
        3:43: a map of inputs has no `by` (help: write `{by: AXIS, VALUE: [STAGE, ...], ...}`)
        3:91: a map names no artifact (help: write `stage`, `stage.port` or a list of those; put a slice in quotes: `"stage[axis=value]"`)
        3:99: `c d` names no artifact: a name consists of letters, digits, `-` and `_` (help: write `stage`, `stage.port` or `stage[axis=value].port`)
        "#);
        insta::assert_snapshot!(faults("- a\n- b\n"), @"1:1: the manifest is a list; a map expected (help: write `name: value` on lines of their own, indented further)");
    }
}
