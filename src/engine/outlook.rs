//! The outlook: what is left to do for each arm of a study, and what that will take by earlier runs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::Past;
use crate::engine::Status;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;

/// What one arm, or what all arms share, still takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Share {
    /// Value of the axis; absent for tasks that do not span it.
    pub arm: Option<String>,
    /// Tasks that are cached.
    pub cached: usize,
    /// Tasks to run.
    pub to_run: usize,
    /// Those of them that nothing like them has run before.
    pub unknown: usize,
    /// Those of them that only ran with other params.
    pub rough: usize,
    /// Seconds that the others will take, one after the other.
    pub seconds: f64,
    /// Those of the seconds that were spent on a GPU.
    pub gpu_seconds: f64,
    /// Bytes that the others will write at most: files that the cache has are not written again.
    pub bytes: u64,
}

/// Returns what is left to do: what all share, and then each value of the axis that tasks span.
pub fn outlook(
    plan: &Plan,
    status: &BTreeMap<TaskId, Status>,
    past: &Past,
    axis: Option<&str>,
) -> Vec<Share> {
    let axis = axis.and_then(|name| plan.axes.iter().find(|axis| axis.name == name));
    let values = axis.into_iter().flat_map(|axis| &axis.values);
    let arms = values.map(|value| Share { arm: Some(value.name.clone()), ..Share::default() });
    let mut shares: Vec<Share> = [Share::default()].into_iter().chain(arms).collect();
    for task in &plan.tasks {
        let arm = axis.and_then(|axis| task.cell.get(&axis.name));
        let share = shares.iter_mut().find(|share| share.arm.as_ref() == arm);
        if let Some(share) = share {
            share.add(plan, task, &status[&task.id], past);
        }
    }
    shares.retain(|share| share.cached + share.to_run > 0);
    shares
}

impl Share {
    fn add(&mut self, plan: &Plan, task: &Task, status: &Status, past: &Past) {
        if status.record().is_some() {
            self.cached += 1;
            return;
        }
        self.to_run += 1;
        match past.expected(plan, task, status.head_start()) {
            None => self.unknown += 1,
            Some(expected) => {
                self.rough += usize::from(expected.is_rough);
                self.seconds += expected.seconds;
                self.gpu_seconds += if expected.on_gpu { expected.seconds } else { 0.0 };
                self.bytes += expected.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::outlook;
    use crate::engine::Past;
    use crate::engine::rehearsal::options;
    use crate::engine::rehearsal::rehearse;
    use crate::engine::status;
    use crate::engine::toys::NUMBER;
    use crate::engine::toys::SUM;
    use crate::engine::toys::Sketch;
    use crate::plan::Axis;
    use crate::plan::AxisValue;
    use crate::store::Store;

    /// A number that all share, and its remainder by each divisor, an arm each.
    fn study(number: i64, divisors: &[i64]) -> Sketch {
        let mut sketch = Sketch::new();
        let one = sketch.add("one", &NUMBER, &json!({"value": number}), &[]);
        let value = |divisor: &i64| AxisValue { name: divisor.to_string(), value: json!(divisor) };
        let values = divisors.iter().map(value).collect();
        sketch.plan.axes = vec![Axis { name: "by".to_owned(), values }];
        for divisor in divisors {
            let sum =
                sketch.add(&format!("sum-{divisor}"), &SUM, &json!({"value": divisor}), &[one]);
            sketch.task(sum).cell.insert("by".to_owned(), divisor.to_string());
        }
        sketch
    }

    #[test]
    fn each_arm_has_what_it_still_takes_by_earlier_runs() {
        let folder = tempfile::tempdir().unwrap();
        rehearse(&study(3, &[5, 7]).plan, folder.path(), &options());
        let shares = |sketch: &Sketch| {
            let store = Store::open(folder.path()).unwrap();
            let (status, past) = (status(&sketch.plan, &store), Past::read(&store).unwrap());
            let told = outlook(&sketch.plan, &status, &past, Some("by")).into_iter();
            told.map(|one| (one.arm, one.cached, one.to_run, one.rough, one.bytes))
                .collect::<Vec<_>>()
        };
        let arm = |name: &str| Some(name.to_owned());
        let bytes = "value\n3\n".len() as u64;
        assert_eq!(
            shares(&study(3, &[5, 11])),
            [(None, 1, 0, 0, 0), (arm("5"), 1, 0, 0, 0), (arm("11"), 0, 1, 1, bytes)]
        );
        assert_eq!(shares(&study(4, &[5])), [(None, 0, 1, 1, bytes), (arm("5"), 0, 1, 0, bytes)]);
    }
}
