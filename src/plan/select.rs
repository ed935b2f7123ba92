//! Selection: tasks named on the command line, as `STAGE` or `STAGE[axis=value,...]`.

use std::collections::BTreeSet;

use crate::manifest::Reference;
use crate::manifest::Sources;
use crate::manifest::Span;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::stage::PortName;

/// Tasks of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The tasks, in order; never empty.
    pub tasks: BTreeSet<TaskId>,
    /// The output port, where one is named.
    pub port: Option<PortName>,
}

/// A text that selects no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    /// What was found and what is expected.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl Plan {
    /// Returns the tasks that a text such as `fit[arm=classic,seed=1]` names.
    pub fn select(&self, text: &str) -> Result<Selection, SelectError> {
        let file = Sources::default().add("", text);
        let span = Span { file, offset: 0, length: text.len() };
        let reference = Reference::parse(text, span)
            .map_err(|problem| SelectError { message: problem.message, help: problem.help })?;
        let stage = reference.stage.value.as_str();
        let mut tasks: Vec<_> = self.tasks.iter().filter(|task| task.stage == stage).collect();
        let Some(first) = tasks.first() else {
            let names = || self.stage_names().into_iter();
            return Err(unknown(&format!("there is no stage `{stage}`"), stage, "stages", names));
        };
        let ports = &first.ports;
        let spans: BTreeSet<String> = first.cell.keys().cloned().collect();
        let mut named = BTreeSet::new();
        for (axis, value) in &reference.slice {
            let Some(known) = self
                .axes
                .iter()
                .find(|known| known.name == axis.value)
                .filter(|_| spans.contains(&axis.value))
            else {
                let message = format!("stage `{stage}` does not span axis `{}`", axis.value);
                return Err(unknown(&message, &axis.value, "its axes", || {
                    spans.iter().map(String::as_str)
                }));
            };
            let values = || known.values.iter().map(|value| value.name.as_str());
            if !values().any(|name| name == value.value) {
                let message = format!("axis `{}` has no value `{}`", axis.value, value.value);
                return Err(unknown(&message, &value.value, "its values", values));
            }
            if !named.insert(axis.value.as_str()) {
                let message = format!("`{text}` names axis `{}` twice", axis.value);
                let help = "name it once; without it, all its values are meant".to_owned();
                return Err(SelectError { message, help: Some(help) });
            }
            tasks.retain(|task| task.cell.get(&axis.value) == Some(&value.value));
        }
        if tasks.is_empty() {
            let message = format!("`{text}` is a cell that the manifest leaves out");
            return Err(SelectError { message, help: None });
        }
        let port = match &reference.port {
            None => None,
            Some(port) => {
                Some(ports.output(&port.value).map(|port| port.name).ok_or_else(|| {
                    let message = format!("stage `{stage}` has no output `{}`", port.value);
                    unknown(&message, &port.value, "its outputs", || {
                        ports.outputs.iter().map(|port| &*port.name)
                    })
                })?)
            }
        };
        Ok(Selection { tasks: tasks.iter().map(|task| task.id).collect(), port })
    }

    /// Returns the output port that a text names, where it names one.
    pub fn selected_port(&self, text: &str) -> Option<PortName> {
        self.select(text).ok()?.port
    }

    /// Returns the plan of the given tasks and all that they need; the whole where none is given.
    #[must_use]
    pub fn limited_to(&self, wanted: &BTreeSet<TaskId>) -> Self {
        if wanted.is_empty() {
            return self.clone();
        }
        let kept: Vec<TaskId> = self.with_ancestors(wanted).into_iter().collect();
        let place = |id: TaskId| TaskId(kept.binary_search(&id).expect("inputs are kept as well"));
        let mut tasks = Vec::with_capacity(kept.len());
        for id in &kept {
            let mut task = self.task(*id).clone();
            task.id = place(task.id);
            for input in task.inputs.iter_mut().flat_map(|(_, refs)| refs) {
                input.task = place(input.task);
            }
            tasks.push(task);
        }
        Self { tasks, ..self.clone() }
    }

    /// Returns the names of the stages, in order of the plan.
    pub fn stage_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for task in &self.tasks {
            if names.last() != Some(&task.stage.as_str()) {
                names.push(&task.stage);
            }
        }
        names
    }
}

fn unknown<'a, I: Iterator<Item = &'a str>>(
    message: &str,
    name: &str,
    what: &str,
    known: impl Fn() -> I,
) -> SelectError {
    let help =
        did_you_mean(name, known()).unwrap_or_else(|| format!("{what} are {}", quoted(known())));
    SelectError { message: message.to_owned(), help: Some(help) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::plan::tests::STUDY;
    use crate::plan::tests::plan;

    #[test]
    fn a_text_selects_the_cells_it_names() {
        let plan = plan(STUDY);
        let names = |text: &str| -> Vec<String> {
            let selected = plan.select(text).unwrap();
            selected.tasks.iter().map(|id| plan.task(*id).to_string()).collect()
        };
        assert_eq!(names("gan"), ["gan"]);
        assert_eq!(
            names("fit[seed=2, arm=sum+fake]"),
            ["fit[arm=sum+fake,rate=0.1,seed=2]", "fit[arm=sum+fake,rate=0.2,seed=2]"]
        );
        assert_eq!(plan.select("parts.test").unwrap().port.as_deref(), Some("test"));
    }

    #[test]
    fn a_plan_is_limited_to_what_is_wanted_and_what_that_needs() {
        let plan = plan(STUDY);
        let limited = plan.limited_to(&plan.select("fake").unwrap().tasks);
        assert_eq!(limited.stage_names(), ["numbers", "parts", "gan", "fake"]);
        for (place, task) in limited.tasks.iter().enumerate() {
            assert_eq!(task.id.0, place);
            assert!(task.all_inputs().all(|(_, input)| input.task < task.id), "{task}");
        }
        assert_eq!(
            limited.task(limited.tasks[3].inputs.get("numbers").unwrap()[0].task).stage,
            "gan"
        );
        assert_eq!(plan.limited_to(&BTreeSet::new()).tasks.len(), plan.tasks.len());
    }

    #[test]
    fn what_selects_nothing_is_said_with_what_was_meant() {
        let plan = plan(STUDY);
        let fault = |text: &str| {
            let error = plan.select(text).unwrap_err();
            format!("{error} ({})", error.help.as_deref().unwrap_or_default())
        };
        let texts = [
            "fitt",
            "gan[arm=none]",
            "fit[arms=none]",
            "fit[arm=sun]",
            "fit[arm=none,arm=sum]",
            "parts.tests",
            "fit[arm",
        ];
        insta::assert_snapshot!(texts.map(fault).join("\n"), @"
        there is no stage `fitt` (did you mean `fit`?)
        stage `gan` does not span axis `arm` (its axes are none)
        stage `fit` does not span axis `arms` (did you mean `arm`?)
        axis `arm` has no value `sun` (did you mean `sum`?)
        `fit[arm=none,arm=sum]` names axis `arm` twice (name it once; without it, all its values are meant)
        stage `parts` has no output `tests` (did you mean `test`?)
        `fit[arm` names no artifact: `]` is missing (write `stage`, `stage.port` or `stage[axis=value].port`)
        ");
    }
}
