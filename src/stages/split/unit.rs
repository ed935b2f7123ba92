//! Units: images that stay together wherever parts are drawn.

use std::collections::BTreeMap;

use crate::artifact::Sample;

/// What stays together: indices of images, at least one.
pub(super) type Unit = Vec<usize>;

/// Returns the units of some images: each image is one, or, by group, each group. Those without a
/// group come first; groups follow in the order of their names. Within each, images keep their order.
pub(super) fn units(samples: &[Sample], among: &[usize], by_group: bool) -> Vec<Unit> {
    let mut groups: BTreeMap<&str, Unit> = BTreeMap::new();
    let mut units = Vec::new();
    for &index in among {
        match &samples[index].group {
            Some(group) if by_group => groups.entry(group).or_default().push(index),
            _ => units.push(vec![index]),
        }
    }
    units.extend(groups.into_values());
    units
}

/// Returns the number of each unit's images in every class; images without a class are one more, and all are
/// of one where classes do not matter.
pub(super) fn by_class(samples: &[Sample], units: &[Unit], stratify: bool) -> Vec<Vec<usize>> {
    let class = |index: &usize| samples[*index].label.filter(|_| stratify);
    let mut places: BTreeMap<Option<usize>, usize> =
        units.iter().flatten().map(|index| (class(index), 0)).collect();
    for (number, place) in places.values_mut().enumerate() {
        *place = number;
    }
    let count = |unit: &Unit| {
        let mut counts = vec![0; places.len()];
        for index in unit {
            counts[places[&class(index)]] += 1;
        }
        counts
    };
    units.iter().map(count).collect()
}
