//! Causes: why a task will run, and what that comes from, down to the root.
//!
//! Knows a plan, its status and earlier runs; finds no words for them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::digest::Digest;
use crate::engine::Past;
use crate::engine::Status;
use crate::plan::Change;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::plan::changes;
use crate::stage::PortName;

/// One reason for which a task will run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// A file from outside is nowhere.
    SourceMissing,
    /// Nothing like it has run.
    NeverRun,
    /// It has run, but its files are gone.
    FilesGone,
    /// Its own key differs from that of the nearest earlier run.
    Differs {
        /// How; never an input.
        change: Change,
    },
    /// Something else enters a port than did in the nearest earlier run.
    Input {
        /// The port.
        port: String,
        /// What makes it as before, with another result now; each with what it made then.
        changed: Vec<Remade>,
        /// What enters now and did not.
        joined: Vec<TaskId>,
        /// How many artifacts entered that do no more.
        left: usize,
    },
    /// These have to run first.
    After {
        /// Its inputs that have not run.
        tasks: Vec<TaskId>,
    },
}

/// A task whose result is another than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remade {
    /// The task.
    pub task: TaskId,
    /// The port by which its result leaves.
    pub port: PortName,
    /// What it made then.
    pub then: Digest,
}

/// A task with the reasons for which it runs, or for which its result is another, and what those
/// come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// The task.
    pub task: TaskId,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Why what enters it changed; a task stands only where it is met first.
    pub above: Vec<Cause>,
}

/// Finds causes.
pub struct Causes<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What the cache has of it.
    pub status: &'a BTreeMap<TaskId, Status>,
    /// What ran before.
    pub past: &'a Past,
}

impl Causes<'_> {
    /// Returns why a task will run; nothing for one that is cached.
    pub fn of(&self, id: TaskId) -> Vec<Reason> {
        match &self.status[&id] {
            Status::Hit { .. } => Vec::new(),
            Status::Miss { key: None, .. } => vec![Reason::SourceMissing],
            Status::Miss { key: Some(key), .. } => match self.past.nearest(key) {
                None => vec![Reason::NeverRun],
                Some((_, changes)) if changes.is_empty() => vec![Reason::FilesGone],
                Some((_, changes)) => self.reasons(id, changes),
            },
            Status::Unknown => {
                let own = self.past.own_changes(&self.plan.task(id).own_key()).into_iter();
                let after = Reason::After { tasks: self.missing(id).collect() };
                own.map(|change| Reason::Differs { change }).chain([after]).collect()
            }
        }
    }

    /// Returns why a task will run, and what that comes from, down to the root.
    pub fn tree(&self, id: TaskId) -> Cause {
        let mut seen = BTreeSet::from([id]);
        self.grow(id, self.of(id), &mut seen)
    }

    fn grow(&self, id: TaskId, reasons: Vec<Reason>, seen: &mut BTreeSet<TaskId>) -> Cause {
        let mut above = Vec::new();
        for reason in &reasons {
            match reason {
                Reason::After { tasks } => {
                    for &task in tasks {
                        if seen.insert(task) {
                            above.push(self.grow(task, self.of(task), seen));
                        }
                    }
                }
                Reason::Input { changed, .. } => {
                    for remade in changed {
                        if seen.insert(remade.task) {
                            above.push(self.grow(remade.task, self.since(*remade), seen));
                        }
                    }
                }
                _ => {}
            }
        }
        Cause { task: id, reasons, above }
    }

    /// Returns how a task differs from the run that made something else of it.
    fn since(&self, remade: Remade) -> Vec<Reason> {
        let Some(key) = self.key(remade.task) else { return self.of(remade.task) };
        let old = self.past.maker(remade.then, &remade.port, &key);
        old.map_or_else(Vec::new, |old| self.reasons(remade.task, changes(Some(old), &key)))
    }

    fn key(&self, id: TaskId) -> Option<TaskKey> {
        match &self.status[&id] {
            Status::Hit { record, .. } => record.key.read(),
            Status::Miss { key, .. } => key.clone(),
            Status::Unknown => None,
        }
    }

    fn missing(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        let inputs = self.plan.task(id).all_inputs().map(|(_, input)| input.task);
        let missing: BTreeSet<TaskId> =
            inputs.filter(|input| self.status[input].record().is_none()).collect();
        missing.into_iter()
    }

    fn reasons(&self, id: TaskId, changes: Vec<Change>) -> Vec<Reason> {
        let reason = |change: Change| match change {
            Change::Input { port, old, new } => self.input(id, port, &old, &new),
            change => Reason::Differs { change },
        };
        changes.into_iter().map(reason).collect()
    }

    /// Tells, of what enters a port, what was made otherwise from what enters for the first time.
    fn input(&self, id: TaskId, port: String, old: &[Digest], new: &[Digest]) -> Reason {
        let mut gone: Vec<Digest> =
            old.iter().filter(|digest| !new.contains(digest)).copied().collect();
        let entering = self.plan.task(id).inputs.get(&port).into_iter().flatten();
        let fresh = entering.zip(new).filter(|(_, digest)| !old.contains(digest));
        let (mut changed, mut joined) = (Vec::new(), Vec::new());
        for (input, _) in fresh {
            let then = self.key(input.task).and_then(|key| {
                gone.iter().position(|&digest| self.past.maker(digest, &input.port, &key).is_some())
            });
            match then {
                Some(place) => {
                    let (task, port) = (input.task, input.port);
                    changed.push(Remade { task, port, then: gone.remove(place) });
                }
                None => joined.push(input.task),
            }
        }
        Reason::Input { port, changed, joined, left: gone.len() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::Causes;
    use crate::engine::Past;
    use crate::engine::rehearsal::options;
    use crate::engine::rehearsal::rehearse;
    use crate::engine::status;
    use crate::engine::toys::NUMBER;
    use crate::engine::toys::SUM;
    use crate::engine::toys::Sketch;
    use crate::plan::TaskId;
    use crate::store::Store;

    /// A number and another, their sum, the sum's remainder, and the double of that.
    fn chain(one: i64, two: Option<i64>, divisor: i64) -> (Sketch, TaskId) {
        let mut sketch = Sketch::new();
        let first = sketch.add("one", &NUMBER, &json!({"value": one}), &[]);
        let second = two.map(|two| sketch.add("two", &NUMBER, &json!({"value": two}), &[]));
        let terms: Vec<TaskId> = [first].into_iter().chain(second).collect();
        let sum = sketch.add("sum", &SUM, &json!({"value": divisor}), &terms);
        let last = sketch.add("last", &SUM, &json!({"value": 0}), &[sum, sum]);
        (sketch, last)
    }

    fn told(cache: &Path, sketch: &Sketch, id: TaskId) -> String {
        let store = Store::open(cache).unwrap();
        let (status, past) = (status(&sketch.plan, &store), Past::read(&store).unwrap());
        let causes = Causes { plan: &sketch.plan, status: &status, past: &past };
        let tree = causes.tree(id);
        let mut lines = Vec::new();
        let mut open = vec![(0, &tree)];
        while let Some((depth, cause)) = open.pop() {
            let reasons = serde_json::to_string(&cause.reasons).unwrap();
            let task = &sketch.plan.task(cause.task).stage;
            lines.push(format!("{}{task}: {reasons}", "  ".repeat(depth)));
            open.extend(cause.above.iter().rev().map(|above| (depth + 1, above)));
        }
        let text = lines.join("\n");
        // Digests are of no interest here.
        let mut pieces = text.split("\"then\":\"");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + "\"then\":\"..." + &piece[64..])
    }

    #[test]
    fn a_change_is_followed_to_its_root_before_and_after_it_has_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = |(sketch, _): &(Sketch, TaskId)| {
            let (outcome, _) = rehearse(&sketch.plan, folder.path(), &options());
            assert!(outcome.is_complete());
        };
        let told = |(sketch, last): &(Sketch, TaskId)| told(folder.path(), sketch, *last);
        insta::assert_snapshot!(told(&chain(3, Some(4), 5)), @r#"
        last: [{"reason":"after","tasks":[2]}]
          sum: [{"reason":"after","tasks":[0,1]}]
            one: [{"reason":"never-run"}]
            two: [{"reason":"never-run"}]
        "#);
        run(&chain(3, Some(4), 5));
        insta::assert_snapshot!(told(&chain(3, Some(4), 5)), @"last: []");
        insta::assert_snapshot!(told(&chain(8, Some(5), 5)), @r#"
        last: [{"reason":"after","tasks":[2]}]
          sum: [{"reason":"after","tasks":[0,1]}]
            one: [{"reason":"differs","change":{"change":"param","path":"value","old":3,"new":8}}]
            two: [{"reason":"differs","change":{"change":"param","path":"value","old":3,"new":5}}]
        "#);
        // All but the last has run: its input is another, and that comes from a number.
        let (sketch, last) = chain(2, Some(4), 5);
        let mut upper = Sketch::new();
        upper.plan.tasks = sketch.plan.tasks[..last.0].to_vec();
        run(&(upper, last));
        insta::assert_snapshot!(told(&(sketch, last)), @r#"
        last: [{"reason":"input","port":"terms","changed":[{"task":2,"port":"value","then":"..."},{"task":2,"port":"value","then":"..."}],"joined":[],"left":0}]
          sum: [{"reason":"input","port":"terms","changed":[{"task":0,"port":"value","then":"..."}],"joined":[],"left":0}]
            one: [{"reason":"differs","change":{"change":"param","path":"value","old":3,"new":2}}]
        "#);
        // A term that is gone is told from one that changed.
        insta::assert_snapshot!(told(&chain(3, None, 4)), @r#"
        last: [{"reason":"after","tasks":[1]}]
          sum: [{"reason":"differs","change":{"change":"param","path":"value","old":0,"new":4}},{"reason":"input","port":"terms","changed":[{"task":0,"port":"value","then":"..."}],"joined":[],"left":1}]
            one: [{"reason":"differs","change":{"change":"param","path":"value","old":2,"new":3}}]
        "#);
    }
}
