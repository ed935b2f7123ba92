//! Inputs that come twice to one port, as where an ensemble is one network under two names.

use serde::Serialize;

use crate::plan::InputRef;
use crate::plan::Plan;

/// Two stages whose same output enters one port, and that make it of the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Doubled {
    /// The stage that takes it twice.
    pub stage: String,
    /// At which port.
    pub port: String,
    /// The stages that make it; one and the same where it is named twice.
    pub makers: [String; 2],
}

impl Plan {
    /// Returns what enters a port twice, each once whatever the cell; what is made of data that is not at hand is
    /// only known to be the same where it is one task.
    pub fn doubled(&self) -> Vec<Doubled> {
        let is_same = |one: &InputRef, other: &InputRef| {
            let recipe = |input: &InputRef| self.task(input.task).recipe;
            let is_made_alike = recipe(one).is_some() && recipe(one) == recipe(other);
            one.port == other.port && (one.task == other.task || is_made_alike)
        };
        let mut found = Vec::new();
        for task in &self.tasks {
            for (port, inputs) in &task.inputs {
                for (at, one) in inputs.iter().enumerate() {
                    let Some(other) = inputs[at + 1..].iter().find(|other| is_same(one, other))
                    else {
                        continue;
                    };
                    let makers = [one, other].map(|input| self.task(input.task).stage.clone());
                    found.push(Doubled { stage: task.stage.clone(), port: port.clone(), makers });
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}
