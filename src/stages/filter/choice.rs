//! The choice of images: steps that each keep the best of what the step before left.
//!
//! Knows scores, classes and how far images are apart; does not know where any of them come from.

use crate::artifact::ImageSet;
use crate::measure::clusters::clusters;
use crate::measure::distance::squared;
use crate::measure::farthest::farthest_first;
use crate::ml::Features;
use crate::stage::StageError;

use super::params::Bound;
use super::params::By;
use super::params::Keep;
use super::params::Step;

/// Why an image was kept or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    CopyOfReal,
    /// It nearly copies this one.
    CopyOf(usize),
    /// Others were better by this.
    Lower(By),
    /// Another of its cluster was better.
    Crowded,
}

/// Images of a class, or all images.
type Group = (Option<usize>, Vec<usize>);

/// What images are chosen by.
pub(super) struct Choice<'a> {
    pub(super) images: &'a ImageSet,
    pub(super) steps: &'a [Step],
    /// For each step the score of every image, the higher the better; `diversity` has none before its turn.
    pub(super) scores: Vec<Vec<Option<f64>>>,
    /// Where images lie, for what looks at how far they are apart.
    pub(super) places: Option<&'a Features>,
    /// What became of each image.
    pub(super) fates: Vec<Fate>,
    /// Place of each image in the last step that it took part in, 1 for the best; 0 for none.
    pub(super) ranks: Vec<usize>,
}

impl<'a> Choice<'a> {
    /// Begins a choice among images of which none is dropped yet.
    pub(super) fn new(
        images: &'a ImageSet,
        steps: &'a [Step],
        scores: Vec<Vec<Option<f64>>>,
        places: Option<&'a Features>,
    ) -> Self {
        let (fates, ranks) = (vec![Fate::Kept; images.len()], vec![0; images.len()]);
        Self { images, steps, scores, places, fates, ranks }
    }

    /// Returns the images that no step and nobody else has dropped, in the order in which they came.
    pub(super) fn kept(&self) -> Vec<usize> {
        (0..self.fates.len()).filter(|index| self.fates[*index] == Fate::Kept).collect()
    }

    /// Returns images by their score in a step, the best first, of equals the first.
    pub(super) fn ranked(&self, step: usize, mut members: Vec<usize>) -> Vec<usize> {
        let score = |index: usize| self.scores[step][index].unwrap_or(f64::INFINITY);
        members.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        members
    }

    /// Takes every step.
    pub(super) fn go(&mut self) -> Result<(), StageError> {
        (0..self.steps.len()).try_for_each(|step| self.take(step))
    }

    fn take(&mut self, number: usize) -> Result<(), StageError> {
        let step = &self.steps[number];
        let left = self.kept();
        for (class, members) in self.groups(step, left)? {
            let ranked = match step.by {
                By::Diversity => self.traverse(number, members),
                _ => self.ranked(number, members),
            };
            let places = self.places(step, number, class, &ranked)?;
            for (place, &index) in ranked.iter().enumerate() {
                self.ranks[index] = place + 1;
            }
            let chosen = if step.diverse {
                self.best_of_clusters(&ranked, places)
            } else {
                ranked[..places].to_vec()
            };
            let dropped = if step.diverse { Fate::Crowded } else { Fate::Lower(step.by) };
            for index in ranked {
                self.fates[index] = dropped;
            }
            for index in chosen {
                self.fates[index] = Fate::Kept;
            }
        }
        if self.kept().is_empty() { Err(self.nothing(step, number)) } else { Ok(()) }
    }

    /// Parts images into those of each class, where a step counts by classes.
    fn groups(&self, step: &Step, members: Vec<usize>) -> Result<Vec<Group>, StageError> {
        let classes = &self.images.classes;
        match &step.keep {
            Keep::Counts(counts) if counts.len() != classes.len() => {
                let (found, known) = (counts.len(), classes.len());
                let problem = format!(
                    "{found} numbers in `keep` for {known} classes: {}",
                    classes.join(", ")
                );
                let help = "give one number for each class, in this order";
                return Err(StageError::data(problem).help(help));
            }
            Keep::Counts(_) => {}
            Keep::Count(_) | Keep::Bound(_) if step.per_class => {}
            Keep::Count(_) | Keep::Bound(_) => return Ok(vec![(None, members)]),
        }
        let mut groups: Vec<_> =
            (0..classes.len()).map(|class| (Some(class), Vec::new())).collect();
        for index in members {
            let sample = &self.images.samples[index];
            let class = sample.label.ok_or_else(|| {
                let problem = format!(
                    "`keep` counts the images of each class, but `{}` has no label",
                    sample.id
                );
                StageError::data(problem).help(
                    "put a `label` stage before it, or train the GAN with `conditional: true`",
                )
            })?;
            groups[class].1.push(index);
        }
        Ok(groups)
    }

    /// Orders images so that each is far from those before it, and notes how far.
    fn traverse(&mut self, number: usize, members: Vec<usize>) -> Vec<usize> {
        let Some(places) = self.places else { return members };
        let rank = |at: &usize| (self.ranks[members[*at]], members[*at]);
        let first = (0..members.len()).min_by_key(rank).unwrap_or_default();
        let apart =
            |a: usize, b: usize| squared(places.row(members[a]), places.row(members[b])).sqrt();
        let order = farthest_first(members.len(), first, members.len(), apart);
        order
            .into_iter()
            .map(|stop| {
                let index = members[stop.row];
                self.scores[number][index] = stop.distance;
                index
            })
            .collect()
    }

    /// Returns how many of the images of a class, or of all, a step keeps.
    fn places(
        &self,
        step: &Step,
        number: usize,
        class: Option<usize>,
        ranked: &[usize],
    ) -> Result<usize, StageError> {
        let wanted = match (&step.keep, class) {
            (Keep::Count(count), _) => *count,
            (Keep::Counts(counts), Some(class)) => counts[class],
            (Keep::Counts(_), None) => return Ok(ranked.len()), // it is asked of classes only
            (Keep::Bound(Bound { share: Some(share), .. }), _) => {
                let places = (share * ranked.len() as f64).round() as usize;
                return Ok(places.max(1).min(ranked.len()));
            }
            (Keep::Bound(Bound { at_least, .. }), _) => {
                let least = at_least.unwrap_or(f64::NEG_INFINITY);
                let scores = &self.scores[number];
                let good = |index: &&usize| scores[**index].is_none_or(|score| score >= least);
                return Ok(ranked.iter().take_while(good).count());
            }
        };
        if wanted <= ranked.len() {
            return Ok(wanted);
        }
        let of = class.map(|class| format!(" of class `{}`", self.images.classes[class]));
        Err(too_few(wanted, ranked.len(), &of.unwrap_or_default(), self.copies()))
    }

    /// Returns the best image of each of so many clusters, and where these are fewer the best of the rest.
    fn best_of_clusters(&self, ranked: &[usize], places: usize) -> Vec<usize> {
        let Some(features) = self.places.filter(|_| places > 0) else {
            return ranked[..places].to_vec();
        };
        let rows: Vec<&[f32]> = ranked.iter().map(|&index| features.row(index)).collect();
        let of = clusters(&rows, places, 0);
        let mut taken = vec![false; places];
        let (mut best, mut rest) = (Vec::new(), Vec::new());
        for (&index, cluster) in ranked.iter().zip(of) {
            let is_first = !std::mem::replace(&mut taken[cluster], true);
            if is_first { best.push(index) } else { rest.push(index) }
        }
        best.extend(rest);
        best.truncate(places);
        best
    }

    fn copies(&self) -> usize {
        let copied = |fate: &&Fate| matches!(fate, Fate::CopyOfReal | Fate::CopyOf(_));
        self.fates.iter().filter(copied).count()
    }

    fn nothing(&self, step: &Step, number: usize) -> StageError {
        let name = step.by.name();
        let best = self.scores[number].iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        match step.keep {
            Keep::Bound(Bound { at_least: Some(least), .. }) if best.is_finite() => {
                StageError::data(format!(
                    "no image that is left has a `{name}` of at least {least}"
                ))
                .help(format!("the highest of all images is {best}: lower `at_least`"))
            }
            _ => StageError::data("no image is left to choose from")
                .help("raise `count` in the stage that generates them"),
        }
    }
}

/// Returns the error for more images than there are.
pub(super) fn too_few(wanted: usize, images: usize, of: &str, copies: usize) -> StageError {
    let less = match copies {
        0 => String::new(),
        _ => format!(", without the {copies} near copies"),
    };
    StageError::data(format!("`keep` asks for {wanted} of {images} images{of}{less}"))
        .help("lower `keep`, or raise `count` in the stage that generates them")
}
