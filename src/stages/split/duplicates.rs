//! Copies among images: the same pixels, or nearly the same, flipped or not.
//!
//! Approach: images whose perceptual hashes differ in few bits are compared pixel by pixel, shrunk.
//! Two hashes that differ in fewer bits than there are bands agree in one band at least, so only
//! images that share a band are looked at: far fewer than all pairs.

use std::collections::BTreeMap;

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::artifact::Table;
use crate::imaging::flip::flip_horizontally;
use crate::imaging::flip::flip_vertically;
use crate::imaging::hash::BITS;
use crate::imaging::hash::perceptual_hash;
use crate::imaging::resize::Filter;
use crate::imaging::resize::resize;
use crate::imaging::rgb::Rgb;
use crate::measure::distance::root_mean_square;
use crate::stages::split::PARTS;

/// Bands of a hash; copies differ in fewer bits.
const BANDS: u32 = 8;
/// Bits of a band.
const BAND_BITS: u32 = BITS / BANDS;
/// Longest side of the images that are compared pixel by pixel.
const SIDE: usize = 32;
/// Largest root of the mean squared difference of copies, grey levels. Of the 1,600 images of
/// RetinaMNIST at 28 x 28, 26 pairs lie below 3 and no other below 5.5; a copy stored as JPEG of
/// quality 75, with noise of 2 grey levels or 3 levels brighter, lies below 3.
const LIMIT: f64 = 5.0;
/// Pairs that a message names.
const TOLD: usize = 10;

/// Two images that are copies, or nearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    /// The two, by place in their set; the first is the lower.
    pub(super) images: [usize; 2],
    /// Root of the mean squared difference, shrunk, grey levels.
    pub(super) difference: f64,
    /// Whether every pixel is the same.
    pub(super) is_exact: bool,
    /// How the second was flipped to be compared: `no`, `horizontal`, `vertical`, `both`.
    pub(super) flip: &'static str,
}

/// All copies among the images of a set.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Copies(pub(super) Vec<Pair>);

/// Copies that lie in different parts.
pub(super) struct Torn(Vec<(Pair, [Partition; 2])>);

/// An image as it is compared.
struct Look {
    hash: u128,
    small: Vec<u8>,
}

impl Copies {
    /// Finds all copies, on all of rayon's threads.
    pub(super) fn among(images: &ImageSet) -> Self {
        let looks: Vec<[Look; 4]> =
            (0..images.len()).into_par_iter().map(|index| looks(images, index)).collect();
        let mut bands: Vec<BTreeMap<u128, Vec<usize>>> = vec![BTreeMap::new(); BANDS as usize];
        for (index, look) in looks.iter().enumerate() {
            for (band, members) in bands.iter_mut().enumerate() {
                members.entry(piece(look[0].hash, band)).or_default().push(index);
            }
        }
        let of = |first: usize| {
            let mut found = copies_of(first, &looks, &bands);
            for pair in &mut found {
                let [one, other] = pair.images.map(|index| images.image(index));
                pair.is_exact = one == other;
            }
            found
        };
        Self((0..looks.len()).into_par_iter().flat_map_iter(of).collect())
    }

    /// Makes one group of the images that are copies of one another, and of their groups.
    pub(super) fn join_groups(&self, samples: &mut [Sample]) {
        let mut root: Vec<usize> = (0..samples.len()).collect();
        let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
        let grouped =
            samples.iter().enumerate().filter_map(|(at, s)| Some((at, s.group.as_ref()?)));
        let same_group = grouped.map(|(at, group)| [*firsts.entry(group).or_insert(at), at]);
        for [one, other] in
            same_group.collect::<Vec<_>>().into_iter().chain(self.0.iter().map(|p| p.images))
        {
            let (one, other) = (find(&root, one), find(&root, other));
            root[one.max(other)] = one.min(other);
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..samples.len() {
            members.entry(find(&root, at)).or_default().push(at);
        }
        for members in members.into_values().filter(|members| members.len() > 1) {
            let known = members.iter().find_map(|&at| samples[at].group.clone());
            let name = known.unwrap_or_else(|| format!("copies of {}", samples[members[0]].id));
            for at in members {
                samples[at].group = Some(name.clone());
            }
        }
    }

    /// Returns the pairs that lie in different parts; `parts` are those of [`PARTS`], by index.
    pub(super) fn across(&self, parts: &[Vec<usize>; 3]) -> Torn {
        let mut of: BTreeMap<usize, Partition> = BTreeMap::new();
        for (part, members) in PARTS.into_iter().zip(parts) {
            of.extend(members.iter().map(|&index| (index, part)));
        }
        let place = |pair: &Pair| {
            let [one, other] = pair.images;
            let parts = [*of.get(&one)?, *of.get(&other)?];
            (parts[0] != parts[1]).then_some((*pair, parts))
        };
        Torn(self.0.iter().filter_map(place).collect())
    }
}

impl Torn {
    /// Returns the pairs in words, the nearest first; nothing where there is none.
    pub(super) fn told(&self, samples: &[Sample]) -> Option<String> {
        let mut pairs: Vec<&(Pair, [Partition; 2])> = self.0.iter().collect();
        pairs.sort_by(|(a, _), (b, _)| {
            (!a.is_exact).cmp(&!b.is_exact).then(a.difference.total_cmp(&b.difference))
        });
        let exact = pairs.iter().filter(|(pair, _)| pair.is_exact).count();
        let names = pairs.iter().take(TOLD).map(|(pair, parts)| {
            let [one, other] = pair.images.map(|index| &samples[index].id);
            format!("`{one}` ({}) and `{other}` ({})", parts[0].name(), parts[1].name())
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let count = pairs.len();
        let (noun, are) = if count == 1 { ("pair", "is") } else { ("pairs", "are") };
        let rest = if count > TOLD { format!(" and {} more", count - TOLD) } else { String::new() };
        (count > 0).then(|| {
            format!("{count} {noun} of images in different parts {are} copies, {exact} of the same pixels: {names}{rest}")
        })
    }

    /// Returns one row a pair.
    pub(super) fn table(&self, samples: &[Sample]) -> Table {
        let mut table =
            Table::new(&["id", "part", "copy", "copy_part", "exact", "difference", "flip"]);
        for (pair, parts) in &self.0 {
            let [one, other] = pair.images.map(|index| samples[index].id.clone());
            let [here, there] = parts.map(|part| part.name().to_owned());
            let difference = format!("{:.3}", pair.difference);
            let exact = if pair.is_exact { "yes" } else { "no" }.to_owned();
            table.push(vec![one, here, other, there, exact, difference, pair.flip.to_owned()]);
        }
        table
    }
}

const FLIPS: [&str; 4] = ["no", "horizontal", "vertical", "both"];

/// Returns an image as it is compared, in the order of [`FLIPS`].
fn looks(images: &ImageSet, index: usize) -> [Look; 4] {
    let image = Rgb::new(images.height, images.width, images.image(index).to_vec());
    let (height, width) = (image.height.min(SIDE), image.width.min(SIDE));
    let small = resize(&image, height, width, Filter::Bilinear);
    FLIPS.map(|flip| {
        let mut small = small.clone();
        if flip == "horizontal" || flip == "both" {
            flip_horizontally(&mut small);
        }
        if flip == "vertical" || flip == "both" {
            flip_vertically(&mut small);
        }
        Look { hash: perceptual_hash(&small), small: small.pixels }
    })
}

/// Returns a band of a hash.
fn piece(hash: u128, band: usize) -> u128 {
    (hash >> (band as u32 * BAND_BITS)) & ((1 << BAND_BITS) - 1)
}

/// Returns an image's copies among those behind it.
fn copies_of(first: usize, looks: &[[Look; 4]], bands: &[BTreeMap<u128, Vec<usize>>]) -> Vec<Pair> {
    let mut found: BTreeMap<usize, Pair> = BTreeMap::new();
    for (flip, look) in FLIPS.into_iter().zip(&looks[first]) {
        let mut near: Vec<usize> = Vec::new();
        for (band, members) in bands.iter().enumerate() {
            let alike = members.get(&piece(look.hash, band)).into_iter().flatten();
            near.extend(alike.filter(|&&second| {
                second > first && (looks[second][0].hash ^ look.hash).count_ones() < BANDS
            }));
        }
        near.sort_unstable();
        near.dedup();
        for second in near {
            let difference = root_mean_square(&look.small, &looks[second][0].small);
            let is_nearer = found.get(&second).is_none_or(|known| difference < known.difference);
            if difference <= LIMIT && is_nearer {
                found.insert(
                    second,
                    Pair { images: [first, second], difference, is_exact: false, flip },
                );
            }
        }
    }
    found.into_values().collect()
}

fn find(root: &[usize], mut at: usize) -> usize {
    while root[at] != at {
        at = root[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Copies;
    use super::FLIPS;
    use super::LIMIT;
    use super::looks;
    use crate::artifact::ImageSet;
    use crate::artifact::Partition;
    use crate::artifact::Sample;
    use crate::imaging::flip::flip_horizontally;
    use crate::imaging::fundus::Settings;
    use crate::imaging::fundus::photograph;
    use crate::imaging::rgb::Rgb;
    use crate::measure::distance::root_mean_square;
    use crate::seed::Seed;

    fn sample(index: usize) -> Sample {
        let id = format!("whole/{index}");
        let (partition, origin) = (Partition::Whole, "file".to_owned());
        Sample { id, label: None, partition, group: None, origin }
    }

    fn set(images: &[Rgb]) -> ImageSet {
        let mut set = ImageSet::empty(images[0].height, images[0].width, vec![]);
        for (index, image) in images.iter().enumerate() {
            set.push(sample(index), &image.pixels);
        }
        set
    }

    fn retina(seed: u64) -> Rgb {
        let settings =
            Settings { size: 48, balance: [1.0; 5], overlap: 0.5, lesions: 2.0, noise: 0.02 };
        photograph(Seed(seed), 0, &settings).image
    }

    fn noisy(image: &Rgb, levels: usize, seed: u64) -> Rgb {
        let mut stream = Seed(seed).stream();
        let pixels =
            image.pixels.iter().map(|&level| level.saturating_add(stream.below(levels + 1) as u8));
        Rgb::new(image.height, image.width, pixels.collect())
    }

    #[test]
    fn copies_are_found_whether_exact_noisy_or_mirrored_and_others_are_not() {
        let mut images: Vec<Rgb> = (0..40).map(retina).collect();
        let mut mirrored = images[7].clone();
        flip_horizontally(&mut mirrored);
        images.extend([images[3].clone(), noisy(&images[5], 4, 9), mirrored]);
        let found = Copies::among(&set(&images)).0;
        let told: Vec<_> = found.iter().map(|pair| (pair.images, pair.flip)).collect();
        assert_eq!(told, [([3, 40], "no"), ([5, 41], "no"), ([7, 42], "horizontal")]);
        assert!(found[0].is_exact && found[0].difference == 0.0);
        assert!(!found[2].is_exact, "a mirrored copy has other pixels");
        assert!(found[1].difference > 0.0);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_comparing_all_pairs_finds(
            seed in any::<u64>(), levels in proptest::collection::vec(0_usize..8, 1..8),
        ) {
            let mut images: Vec<Rgb> = (0..6).map(|n| retina(seed.wrapping_add(n))).collect();
            for (n, levels) in levels.into_iter().enumerate() {
                images.push(noisy(&images[n % 6], levels, n as u64));
            }
            let set = set(&images);
            let found = Copies::among(&set).0;
            let looks: Vec<_> = (0..set.len()).map(|index| looks(&set, index)).collect();
            for first in 0..set.len() {
                for second in first + 1..set.len() {
                    let least = (0..FLIPS.len())
                        .map(|flip| root_mean_square(&looks[first][flip].small, &looks[second][0].small))
                        .fold(f64::INFINITY, f64::min);
                    let pair = found.iter().find(|pair| pair.images == [first, second]);
                    // Near the limit hashes may part; what is far nearer is never missed.
                    prop_assert!(pair.is_some() || least > 0.8 * LIMIT, "{least}");
                    if let Some(pair) = pair {
                        prop_assert_eq!(pair.difference, least);
                        prop_assert!(least <= LIMIT);
                    }
                }
            }
        }
    }

    #[test]
    fn groups_are_joined_by_their_copies() {
        let a = retina(1);
        let images = [a.clone(), retina(2), a.clone(), retina(3), retina(4), a];
        let mut set = set(&images);
        set.samples[1].group = Some("p1".to_owned());
        set.samples[2].group = Some("p1".to_owned());
        let copies = Copies::among(&set);
        let mut samples = set.samples.clone();
        copies.join_groups(&mut samples);
        let groups: Vec<Option<&str>> = samples.iter().map(|s| s.group.as_deref()).collect();
        assert_eq!(groups, [Some("p1"), Some("p1"), Some("p1"), None, None, Some("p1")]);
        set.samples.iter_mut().for_each(|sample| sample.group = None);
        copies.join_groups(&mut set.samples);
        assert_eq!(set.samples[5].group.as_deref(), Some("copies of whole/0"));
    }
}
