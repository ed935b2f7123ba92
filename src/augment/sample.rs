//! Some passes out of a list, drawn anew for each image, as `RandAugment` draws its operations.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::augment::Operation;
use crate::augment::Pass;
use crate::augment::pass;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::seed::Stream;
use crate::stage::ParamProblem;

/// What to draw from, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What is drawn from: passes, each as likely as the others.
    #[schemars(length(min = 1, max = 64))]
    pub of: Vec<Pass>,
    /// How many are drawn, one after the other; one may be drawn again.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub count: usize,
}

fn one() -> usize {
    1
}

impl Operation for Sample {
    fn draws(&self) -> bool {
        self.of.len() > 1 || self.of.iter().any(Pass::draws)
    }

    fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = pass::problems("of", &self.of);
        for (index, _) in self.of.iter().enumerate().filter(|(_, pass)| pass.classes.is_some()) {
            let path = ["of".to_owned(), index.to_string(), "classes".to_owned()].to_vec();
            let problem = "what is drawn from is the same for every class".to_owned();
            let help = Some("write `classes` beside `sample`".to_owned());
            problems.push(ParamProblem { path, problem, help });
        }
        problems
    }

    fn apply(&self, image: &mut Rgb, stream: &mut Stream) {
        for _ in 0..self.count {
            let pass = &self.of[stream.below(self.of.len())];
            pass.apply(image, Seed(stream.next_u64()));
        }
    }
}
