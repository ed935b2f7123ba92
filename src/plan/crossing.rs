//! Crossings: inputs of one stage that hold different slices of one axis, so that its cells mix values
//! of it. Meant sometimes (a model of one data set, measured on another), a slip mostly.

use std::collections::BTreeSet;

use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::Span;
use crate::plan::axes::Axes;
use crate::plan::link::Link;
use crate::plan::link::Linked;
use crate::plan::link::LinkedFeed;
use crate::plan::link::LinkedInput;
use crate::stage::PortName;

/// What a port takes of one axis.
struct Take {
    port: PortName,
    /// Values held fast; nothing where the axis is followed.
    values: BTreeSet<Option<usize>>,
    /// Where the first of them is written.
    span: Span,
}

/// Reports inputs of a stage that take different slices of an axis; `spans` holds the axes that each
/// stage spans, those above this one at least.
pub(super) fn check(
    stage: &Linked<'_>,
    spans: &[BTreeSet<usize>],
    axes: &Axes,
    problems: &mut Problems,
) {
    let meant: BTreeSet<usize> =
        stage.spec.crosses.iter().filter_map(|axis| axes.axis(axis, problems)).collect();
    for axis in (0..axes.all.len()).filter(|axis| !meant.contains(axis)) {
        let takes: Vec<Take> =
            stage.inputs.iter().filter_map(|input| take(input, axis, spans)).collect();
        let Some((first, rest)) = takes.split_first() else { continue };
        let Some(other) = rest.iter().find(|other| other.values != first.values) else { continue };
        let name = &axes.all[axis].name;
        let words = |take: &Take| {
            let values = take.values.iter().map(|value| match value {
                Some(value) => format!("`{}`", axes.all[axis].values[*value].name),
                None => "every value".to_owned(),
            });
            let values: Vec<String> = values.collect();
            format!("`{}` takes {} of `{name}`", take.port, values.join(" and "))
        };
        let message = format!(
            "inputs of stage `{}` take different slices of axis `{name}`: {}, {}",
            stage.spec.name.value,
            words(first),
            words(other)
        );
        let help =
            format!("take the same slice in both; where both are meant, add `crosses: {name}`");
        let problem = Problem::at(other.span, message).help(help);
        problems.push(problem.mark(first.span, words(first)).mark(other.span, words(other)));
    }
}

/// Returns what an input takes of an axis; nothing where none of its artifacts spans it, or where
/// it says itself what enters for which value.
fn take(input: &LinkedInput, axis: usize, spans: &[BTreeSet<usize>]) -> Option<Take> {
    let links: Vec<&Link> = match &input.feed {
        LinkedFeed::Same(links) => links.iter().collect(),
        LinkedFeed::By { axis: by, .. } if *by == axis => return None,
        LinkedFeed::By { branches, .. } => branches.iter().flatten().flatten().collect(),
    };
    let mut spanning =
        links.into_iter().filter(|link| spans[link.stage].contains(&axis)).peekable();
    let span = spanning.peek()?.span;
    let values = spanning.map(|link| link.slice.get(&axis).copied()).collect();
    Some(Take { port: input.port.name, values, span })
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::faults;
    use crate::plan::tests::plan;

    const STUDY: &str = r#"
ablate: 1
name: x
axes: {site: [here, there], rate: [1, 2]}
stages:
  numbers: {kind: draw, params: {file: "${axis.site}.csv"}}
  parts: {kind: divide, inputs: {numbers: numbers}}
  fit: {kind: fit, inputs: {numbers: parts.train}, params: {rate: "${axis.rate}"}}
"#;

    fn study(score: &str) -> String {
        format!("{STUDY}  score: {{kind: judge, {score}}}\n")
    }

    #[test]
    fn inputs_that_take_different_slices_of_an_axis_are_refused() {
        insta::assert_snapshot!(faults(&study("inputs: {model: \"fit[site=here]\", numbers: \"parts.test[site=there]\"}")), @"9:67: inputs of stage `score` take different slices of axis `site`: `model` takes `here` of `site`, `numbers` takes `there` of `site` (help: take the same slice in both; where both are meant, add `crosses: site`)");
        insta::assert_snapshot!(faults(&study("inputs: {model: fit, numbers: \"parts.test[site=there]\"}")), @"9:54: inputs of stage `score` take different slices of axis `site`: `model` takes every value of `site`, `numbers` takes `there` of `site` (help: take the same slice in both; where both are meant, add `crosses: site`)");
        insta::assert_snapshot!(faults(&study("crosses: [sites], inputs: {model: fit, numbers: parts.test}")), @"9:34: there is no axis `sites` (help: did you mean `site`?)");
    }

    #[test]
    fn the_same_slice_an_axis_of_one_input_and_a_crossing_that_is_meant_are_fine() {
        for (score, tasks) in [
            ("inputs: {model: fit, numbers: parts.test}", 4),
            ("inputs: {model: \"fit[site=here]\", numbers: \"parts.test[site=here]\"}", 2),
            ("inputs: {model: \"fit[rate=2]\", numbers: parts.test}", 2),
            (
                "crosses: site, inputs: {model: \"fit[site=here]\", numbers: \"parts.test[site=there]\"}",
                2,
            ),
            ("crosses: site, inputs: {model: fit, numbers: \"parts.test[site=there]\"}", 4),
        ] {
            let plan = plan(&study(score));
            assert_eq!(plan.select("score").unwrap().tasks.len(), tasks, "{score}");
        }
    }

    #[test]
    fn an_input_that_says_what_enters_for_each_value_crosses_nothing() {
        let by = "{by: site, here: \"parts.test[site=there]\", there: \"parts.test[site=here]\"}";
        let plan = plan(&study(&format!("inputs: {{model: fit, numbers: {by}}}")));
        assert_eq!(plan.select("score").unwrap().tasks.len(), 4);
    }
}
