//! Params of `train-classifier` that contradict each other.

use crate::artifact::Head;
use crate::artifact::Stem;
use crate::augment::Online;
use crate::ml::ClassWeights;
use crate::ml::Decay;
use crate::ml::Draw;
use crate::ml::Metric;
use crate::ml::Optimiser;
use crate::stage::ParamProblem;
use crate::stages::train_classifier::params::Keep;
use crate::stages::train_classifier::params::Params;
use crate::stages::train_classifier::params::default_betas;
use crate::stages::train_classifier::params::default_epochs;
use crate::stages::train_classifier::params::default_learning_rate;

/// Returns every problem that a schema cannot say.
pub(super) fn problems(params: &Params) -> Vec<ParamProblem> {
    let mut all = of_course(params);
    all.extend(of_optimiser(params));
    all.extend(of_loss(params));
    all.extend(of_network(params));
    all.extend(of_choice(params));
    for mut problem in params.online.iter().flat_map(Online::problems) {
        problem.path.insert(0, "online".to_owned());
        all.push(problem);
    }
    all
}

fn of_course(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    let mut in_place = |taker: &str, takes: &[(&str, bool)]| {
        for (name, _) in takes.iter().filter(|(_, said)| *said) {
            let problem = format!("`{taker}` takes the place of `{name}`");
            problems.push(ParamProblem::at(name, problem).help("leave one of them out"));
        }
    };
    let epochs = params.epochs != default_epochs();
    if params.schedule.is_some() {
        let rate = params.learning_rate != default_learning_rate();
        let steps = params.steps.is_some();
        let decay = params.decay.is_some();
        let takes =
            [("epochs", epochs), ("learning_rate", rate), ("steps", steps), ("decay", decay)];
        in_place("schedule", &takes);
    } else if params.steps.is_some() {
        in_place("steps", &[("epochs", epochs)]);
    }
    match (params.steps, params.round()) {
        (Some(steps), Some(round)) if !steps.is_multiple_of(round) => {
            let problem = format!("{steps} steps are not a whole number of rounds of {round}");
            let help = format!("write `round: {}`", largest_divisor(steps, round));
            problems.push(ParamProblem::at("steps", problem).help(help));
        }
        (None, _) if params.round.is_some() => {
            let problem = "`round` belongs to `steps`";
            problems.push(ParamProblem::at("round", problem).help("write `steps`"));
        }
        _ => {}
    }
    if params.decay == Some(Decay::OneCycle) && params.warm_up > 0 {
        let problem = "`decay: one-cycle` warms up by itself";
        problems.push(ParamProblem::at("warm_up", problem).help("leave one of them out"));
    } else if params.decay.is_some_and(Decay::looks_ahead)
        && params.steps.is_some_and(|steps| params.warm_up >= steps)
    {
        let problem = "the warm-up is as long as the training";
        problems.push(ParamProblem::at("warm_up", problem).help("make it shorter"));
    }
    match (params.decay, params.decay_every) {
        (Some(Decay::Step), None) => {
            let problem = "`decay: step` needs `decay_every`";
            problems.push(ParamProblem::at("decay", problem).help("write `decay_every: 30`"));
        }
        (Some(Decay::Step), Some(_)) => {}
        _ => {
            let said = [
                ("decay_every", params.decay_every.is_some()),
                ("decay_factor", params.decay_factor.is_some()),
            ];
            for (name, _) in said.into_iter().filter(|(_, said)| *said) {
                let problem = format!("`{name}` belongs to `decay: step`");
                problems.push(ParamProblem::at(name, problem).help("write `decay: step`"));
            }
        }
    }
    problems
}

/// Returns the largest number up to a bound that divides another.
fn largest_divisor(number: usize, bound: usize) -> usize {
    (1..=bound.min(number)).rev().find(|part| number.is_multiple_of(*part)).unwrap_or(1)
}

fn of_optimiser(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    if params.betas.iter().any(|beta| !(0.0..1.0).contains(beta)) {
        let problem = "both are expected to be at least 0 and less than 1";
        problems.push(ParamProblem::at("betas", problem));
    }
    if params.momentum.is_some() && params.optimiser != Optimiser::Sgd {
        let problem = "`momentum` belongs to SGD";
        problems.push(ParamProblem::at("momentum", problem).help("write `optimiser: sgd`"));
    }
    let adams = [Optimiser::Adam, Optimiser::Adamw];
    if params.betas != default_betas() && !adams.contains(&params.optimiser) {
        let problem = "`betas` belong to Adam";
        problems.push(ParamProblem::at("betas", problem).help("write `optimiser: adam`"));
    }
    if params.ema.is_some_and(|ema| ema >= 1.0) {
        let problem = "found 1, expected a number below 1: the average would stay at the start";
        problems.push(ParamProblem::at("ema", problem).help("0.999 is usual"));
    }
    problems
}

fn of_loss(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    if params.label_smoothing >= 1.0 {
        let problem = "found 1, expected a number below 1: nothing would be left of the labels";
        problems.push(ParamProblem::at("label_smoothing", problem).help("0.1 is usual"));
    }
    let said = [
        ("label_smoothing", params.label_smoothing > 0.0),
        ("class_weights", params.class_weights.is_some()),
        ("focal", params.focal.is_some()),
    ];
    if params.head == Head::Coral {
        for (name, _) in said.into_iter().filter(|(_, said)| *said) {
            let problem = format!("`{name}` belongs to `head: softmax`");
            problems.push(ParamProblem::at(name, problem).help("leave one of them out"));
        }
    } else if params.focal.is_some() && params.label_smoothing > 0.0 {
        let problem = "the focal loss has no smoothed labels";
        problems.push(ParamProblem::at("label_smoothing", problem).help("leave one of them out"));
    }
    match &params.class_weights {
        Some(ClassWeights::Each(weights)) if weights.iter().any(|weight| *weight <= 0.0) => {
            let problem = "every weight is expected to be more than 0";
            problems.push(ParamProblem::at("class_weights", problem));
        }
        Some(ClassWeights::Rule(_)) if params.draw == Draw::Balanced => {
            let problem = "`draw: balanced` makes all classes count alike already";
            problems.push(ParamProblem::at("class_weights", problem).help("leave one of them out"));
        }
        _ => {}
    }
    problems
}

fn of_network(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    if params.normalise.deviation.iter().any(|deviation| *deviation <= 0.0) {
        let problem = "every `deviation` is expected to be more than 0";
        problems.push(ParamProblem::at("normalise", problem));
    }
    if params.stem == Stem::Cifar && !params.network.is_residual() {
        let problem = format!("`stem: cifar` belongs to a ResNet, not to {}", params.network);
        problems.push(ParamProblem::at("stem", problem).help("take a ResNet"));
    }
    if params.freeze.is_some() && params.weights.is_none() {
        let problem = "layers that learnt nothing would stay as they were drawn";
        problems.push(ParamProblem::at("freeze", problem).help("give starting `weights`"));
    }
    problems
}

fn of_choice(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    let chooses = params.keep == Keep::Best || params.patience.is_some();
    if params.metric != Metric::default() && !chooses {
        let problem = "`metric` chooses nothing";
        problems.push(
            ParamProblem::at("metric", problem).help("write `keep: best`, or give a `patience`"),
        );
    }
    problems
}
