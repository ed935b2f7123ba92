//! Rounds: pairs of runs put together until each image has been measured once.
//!
//! Where every run is measured on the same images, each pair is a round. Where an axis parts the images, as the
//! folds of a cross-validation do, its pairs make up one round: two runs on different images are no two draws
//! of one thing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::artifact::Prediction;
use crate::report::comparison::Pair;

/// One image as both sides of a pair answered it: the baseline's, the row's.
pub(super) type Answers<'s> = [&'s Prediction; 2];

/// Returns the answers of each round, image by image in one order; nothing where rounds are not of the same
/// images, or of none.
pub(super) fn rounds<'s>(pairs: &[Pair<'s>]) -> Option<Vec<Vec<Answers<'s>>>> {
    let first = pairs.first()?;
    let parting: Vec<&String> = first.at.keys().filter(|axis| parts(pairs, axis)).collect();
    let rounds: Vec<Vec<Answers<'s>>> = match parting.as_slice() {
        [] => pairs.iter().map(|pair| answers(pair).collect()).collect(),
        _ => joined(pairs, &parting),
    };
    let ids = |round: &[Answers<'s>]| -> Vec<&'s str> {
        round.iter().map(|answers| answers[1].id.as_str()).collect()
    };
    let images = ids(&rounds[0]);
    let once = images.iter().collect::<BTreeSet<_>>().len() == images.len();
    let same = rounds.iter().all(|round| ids(round) == images);
    (once && same && !images.is_empty()).then_some(rounds)
}

/// Puts together the pairs that differ in nothing but the given axes, in the order of the images' ids.
fn joined<'s>(pairs: &[Pair<'s>], parting: &[&String]) -> Vec<Vec<Answers<'s>>> {
    let mut rounds: BTreeMap<Vec<&str>, Vec<Answers<'s>>> = BTreeMap::new();
    for pair in pairs {
        let held = pair.at.iter().filter(|(axis, _)| !parting.contains(axis));
        let place = held.map(|(_, value)| value.as_str()).collect();
        rounds.entry(place).or_default().extend(answers(pair));
    }
    let mut rounds: Vec<Vec<Answers<'s>>> = rounds.into_values().collect();
    for round in &mut rounds {
        round.sort_by(|a, b| a[1].id.cmp(&b[1].id));
    }
    rounds
}

fn answers<'s>(pair: &Pair<'s>) -> impl Iterator<Item = Answers<'s>> + use<'s> {
    let sides = pair.reference.predictions.iter().zip(&pair.row.predictions);
    sides.map(|(reference, row)| [reference, row])
}

/// Returns whether an axis parts the images: no two pairs that differ in nothing else have one in common.
fn parts(pairs: &[Pair<'_>], axis: &str) -> bool {
    let mut twins: BTreeMap<Vec<&str>, Vec<&Pair<'_>>> = BTreeMap::new();
    for pair in pairs {
        let held = pair.at.iter().filter(|(other, _)| *other != axis);
        twins.entry(held.map(|(_, value)| value.as_str()).collect()).or_default().push(pair);
    }
    let are_apart = |twins: &Vec<&Pair<'_>>| {
        let mut seen = BTreeSet::new();
        let mut ids = twins.iter().flat_map(|pair| &pair.row.predictions);
        ids.all(|answer| seen.insert(&answer.id))
    };
    twins.values().any(|twins| twins.len() > 1) && twins.values().all(are_apart)
}
