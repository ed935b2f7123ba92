//! Drawing parts: which image goes where, by sizes, classes and groups.
//!
//! Knows samples; does not look at pixels.

use std::collections::BTreeMap;

use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stages::split::Params;
use crate::stages::split::even;
use crate::stages::split::unit::Unit;
use crate::stages::split::unit::by_class;
use crate::stages::split::unit::units;

/// Draws the indices of each part among some images, in rising order. Sizes sum to as many images at most;
/// where groups stay together they are met nearly.
pub(super) fn draw(
    samples: &[Sample],
    among: &[usize],
    sizes: [usize; 3],
    params: &Params,
    seed: Seed,
) -> [Vec<usize>; 3] {
    let units = units(samples, among, params.by_group);
    let seed = seed.named("split");
    let mut parts = if units.iter().any(|unit| unit.len() > 1) {
        draw_groups(samples, &units, sizes, params, seed)
    } else {
        draw_images(samples, units, sizes, params, seed)
    };
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

fn draw_images(
    samples: &[Sample],
    units: Vec<Unit>,
    sizes: [usize; 3],
    params: &Params,
    seed: Seed,
) -> [Vec<usize>; 3] {
    let mut strata: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for image in units.into_iter().flatten() {
        strata.entry(samples[image].label.filter(|_| params.stratify)).or_default().push(image);
    }
    let mut parts: [Vec<usize>; 3] = [vec![], vec![], vec![]];
    let mut left: Vec<Vec<usize>> = strata.into_values().collect();
    for (stratum, images) in left.iter_mut().enumerate() {
        seed.number(stratum as u64).stream().shuffle(images);
    }
    // The parts that measure are filled first, so that small classes reach them.
    for part in (0..3).rev() {
        let available: Vec<f64> = left.iter().map(|images| images.len() as f64).collect();
        let quotas = apportion(sizes[part], &available);
        for (images, quota) in left.iter_mut().zip(quotas) {
            parts[part].extend(images.drain(..quota.min(images.len())));
        }
    }
    parts
}

fn draw_groups(
    samples: &[Sample],
    units: &[Unit],
    sizes: [usize; 3],
    params: &Params,
    seed: Seed,
) -> [Vec<usize>; 3] {
    let images = units.iter().map(Vec::len).sum::<usize>();
    let left_out = images.saturating_sub(sizes.iter().sum());
    let wanted: Vec<(usize, usize)> =
        sizes.into_iter().chain([left_out]).enumerate().filter(|(_, size)| *size > 0).collect();
    let shares: Vec<f64> = wanted.iter().map(|(_, size)| *size as f64 / images as f64).collect();
    let groups = by_class(samples, units, params.stratify);
    let needed = wanted.iter().filter(|(part, _)| *part < 3).count();
    let bins = even::place(&groups, &shares, needed, &mut seed.named("groups").stream());
    let mut parts: [Vec<usize>; 3] = [vec![], vec![], vec![]];
    for (unit, bin) in units.iter().zip(bins) {
        if let Some(part) = parts.get_mut(wanted[bin].0) {
            part.extend(unit);
        }
    }
    parts
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
