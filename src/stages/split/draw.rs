//! Drawing parts: which image goes where, by sizes, classes and groups.
//!
//! Knows samples; does not look at pixels.

use std::collections::BTreeMap;

use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stages::split::Params;

/// What stays together: indices of samples.
type Unit = Vec<usize>;

/// Draws the indices of each part, in rising order.
pub(super) fn draw(
    samples: &[Sample],
    sizes: [usize; 3],
    params: &Params,
    seed: Seed,
) -> [Vec<usize>; 3] {
    let mut strata: BTreeMap<Option<usize>, Vec<Unit>> = BTreeMap::new();
    for unit in units(samples, params.by_group) {
        let class = unit.iter().filter_map(|index| samples[*index].label).max();
        strata.entry(class.filter(|_| params.stratify)).or_default().push(unit);
    }
    let mut parts: [Vec<usize>; 3] = [vec![], vec![], vec![]];
    let mut left: Vec<Vec<Unit>> = strata.into_values().collect();
    for (stratum, units) in left.iter_mut().enumerate() {
        seed.named("split").number(stratum as u64).stream().shuffle(units);
    }
    // The parts that measure are filled first, so that small classes reach them.
    for part in (0..3).rev() {
        let available: Vec<f64> =
            left.iter().map(|units| units.iter().map(Vec::len).sum::<usize>() as f64).collect();
        let quotas = apportion(sizes[part], &available);
        for (units, mut quota) in left.iter_mut().zip(quotas) {
            units.retain(|unit| {
                let fits = unit.len() <= quota;
                if fits {
                    quota -= unit.len();
                    parts[part].extend(unit);
                }
                !fits
            });
        }
    }
    let whole = sizes.iter().sum::<usize>() == samples.len();
    place_rest(left.into_iter().flatten().collect(), sizes, whole, &mut parts);
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Puts groups that no quota could hold where they miss the wanted sizes least; where parts need
/// not take everything, a group that would do more harm than good stays out.
fn place_rest(rest: Vec<Unit>, sizes: [usize; 3], whole: bool, parts: &mut [Vec<usize>; 3]) {
    for unit in rest {
        let missing = |part: usize| sizes[part] as isize - parts[part].len() as isize;
        let neediest = (0..3).filter(|part| sizes[*part] > 0).max_by_key(|part| missing(*part));
        let Some(neediest) = neediest else { return };
        if whole || 2 * missing(neediest) >= unit.len() as isize {
            parts[neediest].extend(unit);
        }
    }
}

fn units(samples: &[Sample], by_group: bool) -> Vec<Unit> {
    let mut groups: BTreeMap<&str, Unit> = BTreeMap::new();
    let mut units = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        match &sample.group {
            Some(group) if by_group => groups.entry(group).or_default().push(index),
            _ => units.push(vec![index]),
        }
    }
    units.extend(groups.into_values());
    units
}

/// Divides a whole number in the given proportions (largest remainders, as in elections).
pub(super) fn apportion(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    // A share that is whole but for rounding, such as 0.7 of 10, is whole.
    let mut sizes: Vec<usize> = exact.iter().map(|exact| (exact + 1e-9).floor() as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let remainder = |index: &usize| exact[*index] - sizes[*index] as f64;
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(b)));
    let missing = total.saturating_sub(sizes.iter().sum());
    for index in order.into_iter().take(missing) {
        sizes[index] += 1;
    }
    sizes
}
