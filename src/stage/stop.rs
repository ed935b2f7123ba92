//! A rule by which a training ends before its last epoch, by what its epochs came to.
//!
//! It looks at the history so far and at nothing else: a training that goes on from a checkpoint ends where
//! one ends that never stopped. Knows nothing of what the numbers measure.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::History;
use crate::stage::ParamProblem;
use crate::stage::schema;

/// When a training ends before its last epoch, with success. Whichever of its bounds is met first counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopWhen {
    /// Column of the history to look at.
    pub metric: String,
    /// Ends once the metric is less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Ends once the metric is more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Ends once the metric's least value is so many epochs old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub no_lower_for: Option<usize>,
    /// Ends once the metric's greatest value is so many epochs old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub no_higher_for: Option<usize>,
    /// Epochs that are trained in any case, and whose numbers do not count.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub after: usize,
}

impl StopWhen {
    /// Returns what is wrong with the rule at the param `stop_when` of a training that measures some metrics.
    pub fn problems(&self, metrics: &[&str]) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        let at = |name: &str, problem: String| {
            let mut found = ParamProblem::at("stop_when", problem);
            found.path.push(name.to_owned());
            found
        };
        if !metrics.contains(&self.metric.as_str()) {
            let known = schema::list(metrics);
            let problem = format!("found `{}`, expected one of {known}", self.metric);
            problems.push(at("metric", problem));
        }
        let bounds = [self.below.is_some(), self.above.is_some()];
        let patience = [self.no_lower_for.is_some(), self.no_higher_for.is_some()];
        if bounds == [false; 2] && patience == [false; 2] {
            let problem = "nothing says when: none of `below`, `above`, `no_lower_for` and `no_higher_for` is there";
            problems.push(
                ParamProblem::at("stop_when", problem).help("write, say, `no_lower_for: 50`"),
            );
        }
        if let (Some(below), Some(above)) = (self.below, self.above)
            && above < below
        {
            let problem = format!("every number is below {below} or above {above}");
            problems.push(at("above", problem).help("raise `above`, or leave one of them out"));
        }
        problems
    }

    /// Says why a training ends after the last epoch of a history, if it does. Epochs that did not measure the
    /// metric neither end it nor make it better.
    pub fn reached(&self, history: &History) -> Option<String> {
        let values = history.column(&self.metric)?;
        let epochs = values.len();
        let counting = || values.iter().copied().enumerate().skip(self.after);
        let measured = || counting().filter(|(_, value)| !value.is_nan());
        let name = &self.metric;
        let last = counting().last()?.1;
        if let Some(bound) = self.below.filter(|bound| last < *bound) {
            return Some(format!("`{name}` is {last}, below {bound}"));
        }
        if let Some(bound) = self.above.filter(|bound| last > *bound) {
            return Some(format!("`{name}` is {last}, above {bound}"));
        }
        let stale = |patience: Option<usize>, better: fn(f64, f64) -> bool| {
            let first = measured().next()?;
            let best = measured()
                .fold(first, |best, next| if better(next.1, best.1) { next } else { best });
            let age = epochs - 1 - best.0;
            patience.filter(|patience| age >= *patience).map(|_| (best, age))
        };
        if let Some(((epoch, best), age)) = stale(self.no_lower_for, |next, best| next < best) {
            return Some(format!(
                "`{name}` was lowest, {best}, in epoch {}, {age} epochs ago",
                epoch + 1
            ));
        }
        let ((epoch, best), age) = stale(self.no_higher_for, |next, best| next > best)?;
        Some(format!("`{name}` was highest, {best}, in epoch {}, {age} epochs ago", epoch + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert_eq;
    use proptest::proptest;
    use serde_json::Value;
    use serde_json::json;

    use super::History;
    use super::StopWhen;

    const NAN: f64 = f64::NAN;

    fn rule(value: &Value) -> StopWhen {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn history(values: &[f64]) -> History {
        let mut history = History::new(&["epoch", "loss"]);
        for (epoch, value) in values.iter().enumerate() {
            history.push(vec![epoch as f64 + 1.0, *value]);
        }
        history
    }

    /// Returns the first epoch after which a training would end, and why.
    fn end(rule: &StopWhen, values: &[f64]) -> Option<(usize, String)> {
        (1..=values.len())
            .find_map(|epochs| Some((epochs, rule.reached(&history(&values[..epochs]))?)))
    }

    #[test]
    fn each_bound_ends_a_training_at_the_first_epoch_that_meets_it() {
        let told = |value: &Value, values: &[f64]| match end(&rule(value), values) {
            Some((epoch, why)) => format!("after epoch {epoch}: {why}"),
            None => "never".to_owned(),
        };
        let values = [0.9, 0.3, 0.5, NAN, 0.4, 0.2, 0.6];
        let all = [
            json!({"metric": "loss", "below": 0.35}),
            json!({"metric": "loss", "below": 0.35, "after": 2}),
            json!({"metric": "loss", "above": 0.9}),
            json!({"metric": "loss", "above": 0.55, "after": 1}),
            json!({"metric": "loss", "no_lower_for": 3}),
            json!({"metric": "loss", "no_lower_for": 4}),
            json!({"metric": "loss", "no_higher_for": 2}),
            json!({"metric": "loss", "no_higher_for": 4, "after": 1}),
        ];
        let all: Vec<String> = all.iter().map(|rule| told(rule, &values)).collect();
        insta::assert_snapshot!(all.join("\n"), @"
        after epoch 2: `loss` is 0.3, below 0.35
        after epoch 6: `loss` is 0.2, below 0.35
        never
        after epoch 7: `loss` is 0.6, above 0.55
        after epoch 5: `loss` was lowest, 0.3, in epoch 2, 3 epochs ago
        never
        after epoch 3: `loss` was highest, 0.9, in epoch 1, 2 epochs ago
        never
        ");
    }

    #[test]
    fn what_was_never_measured_ends_nothing() {
        let patient = rule(&json!({"metric": "loss", "no_lower_for": 1, "below": 1.0}));
        assert_eq!(end(&patient, &[NAN; 5]), None);
        assert_eq!(end(&patient, &[]), None);
        assert_eq!(rule(&json!({"metric": "other", "below": 1.0})).reached(&history(&[0.0])), None);
    }

    #[test]
    fn rules_that_say_nothing_or_too_much_are_problems() {
        let problems = |value: &Value| {
            let found = rule(value).problems(&["loss", "accuracy"]);
            found.iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect::<Vec<_>>()
        };
        insta::assert_snapshot!(problems(&json!({"metric": "los"})).join("\n"), @"
        stop_when.metric: found `los`, expected one of `loss`, `accuracy`
        stop_when: nothing says when: none of `below`, `above`, `no_lower_for` and `no_higher_for` is there
        ");
        insta::assert_snapshot!(problems(&json!({"metric": "loss", "below": 2, "above": 1})).join("\n"), @"stop_when.above: every number is below 2 or above 1");
        assert_eq!(problems(&json!({"metric": "loss", "no_lower_for": 3})), [""; 0]);
    }

    proptest! {
        #[test]
        fn patience_ends_a_training_when_no_value_of_its_window_beats_those_before(
            values in proptest::collection::vec(0_u8..6, 1..20),
            patience in 1_usize..5,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
            let stale = |epochs: &usize| {
                let (before, window) = values[..*epochs].split_at(epochs - patience);
                least(window) >= least(before)
            };
            let expected = (patience + 1..=values.len()).find(stale);
            let patient = rule(&json!({"metric": "loss", "no_lower_for": patience}));
            prop_assert_eq!(end(&patient, &values).map(|(epoch, _)| epoch), expected);
        }
    }
}
