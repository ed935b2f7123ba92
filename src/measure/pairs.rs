//! Distances between all rows of two lists, tile by tile, without any of them being kept.
//!
//! Where bounds on a distance settle a question about it they answer it, and otherwise the distance itself in double
//! precision does: the answers are those of the exact numbers.

use std::iter;
use std::ops::Range;

use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelIterator;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use crate::measure::block::Block;
use crate::measure::nearest;
use crate::measure::nearest::Nearest;
use crate::measure::tile::Multiplier;
use crate::measure::tile::TILE;
use crate::measure::tile::Tile;
use crate::wide::Work;
use crate::wide::wide;

/// Rows that are asked for the middle of their numbers.
const ASKED: usize = 64;

/// Rows, made ready to be compared.
pub(super) struct Points<'a> {
    rows: &'a [Vec<f64>],
    multiplier: Multiplier,
    tiles: Vec<Tile>,
}

/// Two rows, whose distance is known to lie between two numbers.
pub(super) struct Pair<'a> {
    /// Number of the row of one list.
    pub(super) row: usize,
    /// Number of the row of the other list.
    pub(super) other: usize,
    /// The distance is not below this.
    least: f64,
    /// Nor above this.
    most: f64,
    lists: [&'a [Vec<f64>]; 2],
}

/// Returns the squared distance of two rows.
pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    wide(Squared(a, b))
}

/// Finds the squared distance of two rows.
struct Squared<'a>(&'a [f64], &'a [f64]);

impl Work for Squared<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Sums side by side, which the compiler turns into vector instructions.
        const LANES: usize = 16;
        let mut sums = [0.0; LANES];
        let (a, rest_of_a) = self.0.as_chunks::<LANES>();
        let (b, rest_of_b) = self.1.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += (a - b) * (a - b);
            }
        }
        let rest = rest_of_a.iter().zip(rest_of_b).map(|(a, b)| (a - b) * (a - b));
        // What is no number has a sign too, by which it would be sorted before all numbers.
        (sums.into_iter().sum::<f64>() + rest.sum::<f64>()).abs()
    }
}

impl Pair<'_> {
    /// Returns whether both are nearer than a squared distance.
    pub(super) fn is_within(&self, reach: f64) -> bool {
        if self.least * self.least >= reach {
            false
        } else if self.most * self.most < reach {
            true
        } else {
            squared(&self.lists[0][self.row], &self.lists[1][self.other]) < reach
        }
    }
}

impl<'a> Points<'a> {
    /// Prepares rows around a centre, which is the same for all that are compared.
    pub(super) fn of(rows: &'a [Vec<f64>], centre: &[f64]) -> Self {
        let multiplier = Multiplier::of_width(centre.len());
        let tiles = rows.par_chunks(TILE).enumerate();
        let of = |(number, rows)| Tile::of(number * TILE, rows, centre, &multiplier);
        let tiles = tiles.map(of).collect();
        Self { rows, multiplier, tiles }
    }

    /// Shows each row of another list together with the rows of this one that are near enough to matter; what is made of
    /// that is returned for each row of the other list. Squared distances up to which they matter are given for each row
    /// of this list and of the other; the larger one holds.
    pub(super) fn each<T: Default + Send>(
        &self,
        others: &Points<'_>,
        reach: [&[f64]; 2],
        see: impl Fn(&mut T, &Pair<'_>) + Sync,
    ) -> Vec<T> {
        let lists = [self.rows, others.rows];
        let reach = reach.map(|reach| reach.iter().map(|reach| reach.sqrt()).collect::<Vec<f64>>());
        let of = |room: &mut Vec<i32>, theirs: &Tile| {
            let mut answers: Vec<T> = Vec::new();
            answers.resize_with(theirs.len(), T::default);
            for ours in &self.tiles {
                let reach = [&reach[0][ours.numbers.clone()], &reach[1][theirs.numbers.clone()]];
                let block = Block::of([ours, theirs], &self.multiplier, room);
                block.near(reach, |[row, other], [least, most]| {
                    let (row, at) = (ours.numbers.start + row, theirs.numbers.start + other);
                    see(&mut answers[other], &Pair { row, other: at, least, most, lists });
                });
            }
            answers
        };
        let answers: Vec<Vec<T>> = others.tiles.par_iter().map_init(room, of).collect();
        answers.into_iter().flatten().collect()
    }

    /// Returns the squared distance of each row to its `k`-th nearest other one; there are more than `k`, which is not 0.
    pub(super) fn reach(&self, k: usize) -> Vec<f64> {
        // Most rows are out of the question once a few are known. What a tile says of another, that says of it too.
        let known = self.tiles.par_iter().map_init(room, |room, tile| self.within(tile, k, room));
        let known: Vec<Vec<Nearest>> = known.collect();
        let known: Vec<Nearest> = known.into_iter().flatten().collect();
        let later = |number: usize| self.tiles[number + 1..].iter();
        let pairs = self.tiles.iter().enumerate();
        let pairs = pairs.flat_map(|(number, one)| later(number).map(move |other| [one, other]));
        let pairs: Vec<[&Tile; 2]> = pairs.collect();
        let share = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
        let found = pairs.par_chunks(share).map(|pairs| {
            let mut found: Vec<Nearest> = known.iter().map(Nearest::bounded).collect();
            let mut room = room();
            for tiles in pairs {
                self.between(*tiles, &mut found, &mut room);
            }
            found
        });
        let found: Vec<Vec<Nearest>> = found.collect();
        let of = |row: usize| {
            let parts = iter::once(&known).chain(&found).map(|found| &found[row]);
            nearest::exact(k, parts, |other| self.apart(row, other))[k - 1].0
        };
        (0..self.rows.len()).into_par_iter().map(of).collect()
    }

    /// Returns for each row of another list the squared distances and numbers of its `k` nearest of this one, or of all
    /// if there are fewer, the nearest first and the lower number of equally near ones first.
    pub(super) fn nearest_to(&self, others: &Points<'_>, k: usize) -> Vec<Vec<(f64, usize)>> {
        let of = |room: &mut Vec<i32>, theirs: &Tile| {
            let mut found: Vec<Nearest> =
                theirs.numbers.clone().map(|_| Nearest::of(k, f64::INFINITY)).collect();
            let squared = |other: usize, row: usize| {
                squared(&others.rows[theirs.numbers.start + other], &self.rows[row])
            };
            for ours in &self.tiles {
                let block = Block::of([ours, theirs], &self.multiplier, room);
                // One bound on each for a start; what is seen lowers it.
                if ours.numbers.start == 0 {
                    let bounds = (0..theirs.len()).map(|other| block.kth(other, k));
                    found.iter_mut().zip(bounds).for_each(|(near, bound)| near.tighten(bound));
                }
                let reach: Vec<f64> = found.iter().map(Nearest::bound).collect();
                block.near([&vec![0.0; ours.len()], &reach], |[row, other], apart| {
                    let row = ours.numbers.start + row;
                    found[other].see(row, apart, |row| squared(other, row));
                });
            }
            let found = found.iter().enumerate();
            let exact =
                |(other, near)| nearest::exact(k, iter::once(near), |row| squared(other, row));
            found.map(exact).collect::<Vec<_>>()
        };
        let found: Vec<Vec<_>> = others.tiles.par_iter().map_init(room, of).collect();
        found.into_iter().flatten().collect()
    }

    /// Returns the squared distance of two rows.
    fn apart(&self, row: usize, other: usize) -> f64 {
        squared(&self.rows[row], &self.rows[other])
    }

    /// Returns what a tile says of the nearest of each of its rows.
    fn within(&self, tile: &Tile, k: usize, room: &mut [i32]) -> Vec<Nearest> {
        let block = Block::of([tile, tile], &self.multiplier, room);
        let mut found: Vec<Nearest> =
            (0..tile.len()).map(|row| Nearest::of(k, block.kth(row, k))).collect();
        // Each pair is met twice, once for each of its rows.
        let reach: Vec<f64> = found.iter().map(Nearest::bound).collect();
        block.near([&vec![0.0; tile.len()], &reach], |[row, own], apart| {
            if row != own {
                let (number, of) = (tile.numbers.start + row, tile.numbers.start + own);
                found[own].see(number, apart, |other| self.apart(of, other));
            }
        });
        found
    }

    /// Takes note of what two tiles say of the nearest of each other's rows.
    fn between(&self, tiles: [&Tile; 2], found: &mut [Nearest], room: &mut [i32]) {
        let block = Block::of(tiles, &self.multiplier, room);
        let [ours, theirs] = tiles.map(|tile| tile.numbers.clone());
        let bounds = |numbers: &Range<usize>| -> Vec<f64> {
            found[numbers.clone()].iter().map(Nearest::bound).collect()
        };
        let reach = [bounds(&ours), bounds(&theirs)];
        block.near([&reach[0], &reach[1]], |[of, place], apart| {
            let (row, other) = (ours.start + of, theirs.start + place);
            // Mostly it is near to one of them only.
            if apart[0] <= reach[1][place] {
                found[other].see(row, apart, |row| self.apart(other, row));
            }
            if apart[0] <= reach[0][of] {
                found[row].see(other, apart, |other| self.apart(row, other));
            }
        });
    }
}

/// Returns room for the products of two tiles. Each job has its own: a thread that waits for a product may take up another
/// job meanwhile.
fn room() -> Vec<i32> {
    vec![0; TILE * TILE]
}

/// Returns a centre for rows of one width, around which their numbers are small: the mean, moved along the diagonal to
/// where as much of a row is above as below it. What a network puts out is seldom below nought and may be far above.
pub(super) fn centre(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut centre = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        centre.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
    }
    for sum in &mut centre {
        *sum /= rows.len() as f64;
    }
    let middle = |row: &Vec<f64>| {
        let apart = row.iter().zip(&centre).map(|(one, centre)| one - centre);
        let (least, most) = apart.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), one| {
            (one.min(least), one.max(most))
        });
        f64::midpoint(least, most)
    };
    let mut middles: Vec<f64> =
        rows.iter().step_by(rows.len().div_ceil(ASKED).max(1)).map(middle).collect();
    middles.sort_by(f64::total_cmp);
    if let Some(middle) = middles.get(middles.len() / 2).filter(|middle| middle.is_finite()) {
        for one in &mut centre {
            *one += middle;
        }
    }
    centre
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::prop_oneof;
    use proptest::prelude::proptest;

    use super::Points;
    use super::centre;
    use super::squared;
    use crate::measure::noise::rows;
    use crate::measure::tile::TILE;

    proptest! {
        #[test]
        fn answers_are_those_of_the_exact_distances(
            count in prop_oneof![4_usize..40, TILE - 4..TILE + 4],
            width in 0_usize..20,
            shift in -1e6..1e6_f64,
            // Single precision is too narrow for some.
            scale in prop_oneof![
                Just(1.0), Just(1e-22), Just(1e-40), Just(1e-170), Just(1e13), Just(1e30), Just(1e160),
            ],
            uneven in prop_oneof![Just(1.0), Just(10.0), Just(1e6)],
            seed in 0_u64..1000,
        ) {
            let scaled = |rows: Vec<Vec<f64>>| -> Vec<Vec<f64>> {
                let sizes = [1.0, 1.0, uneven, 1.0 / uneven, 0.0].into_iter().cycle();
                let rows = rows.iter().zip(sizes);
                rows.map(|(row, size)| row.iter().map(|one| scale * size * one).collect()).collect()
            };
            // Far from the origin, with rows that come twice and with some that are far longer than others, where rough
            // distances say least.
            let mut these = scaled(rows(count, width, shift, seed));
            these.extend_from_within(..2);
            let those = scaled(rows(9, width, shift + 0.5, seed + 1));
            let middle = centre(&these);
            let (points, others) = (Points::of(&these, &middle), Points::of(&those, &middle));
            let reach = squared(&those[0], &these[1]);
            let reaches = |count: usize, sizes: [f64; 4]| -> Vec<f64> {
                (0..count).map(|at| sizes[at % 4] * reach).collect()
            };
            let far = [
                reaches(these.len(), [0.0, 0.25, 1.0, 4.0]),
                reaches(those.len(), [1.0, 0.0, 0.5, 2.0]),
            ];
            let found = points.each(&others, [&far[0], &far[1]], |within: &mut Vec<usize>, pair| {
                if pair.is_within(far[0][pair.row].max(far[1][pair.other])) {
                    within.push(pair.row);
                }
            });
            for (at, (other, within)) in those.iter().zip(found).enumerate() {
                let reach = |row: usize| far[0][row].max(far[1][at]);
                let wanted = (0..these.len()).filter(|row| squared(&these[*row], other) < reach(*row));
                prop_assert_eq!(within, wanted.collect::<Vec<_>>());
            }
            for (row, reach) in these.iter().zip(points.reach(3)) {
                let mut apart: Vec<f64> = these.iter().map(|other| squared(row, other)).collect();
                apart.sort_by(f64::total_cmp);
                // The first is the row itself.
                prop_assert_eq!(reach, apart[3]);
            }
        }
    }

    #[test]
    fn rows_that_are_alike_or_far_away_are_counted_on_any_number_of_threads() {
        // Two heaps, so far apart that steps tell little within one, and many copies of one row.
        let mut these = rows(2 * TILE, 6, -1e6, 1);
        these.extend(rows(TILE + 40, 6, 1e6, 2));
        these.extend(vec![these[7].clone(); 300]);
        let points = Points::of(&these, &centre(&these));
        for k in [1, 5, 200] {
            let expected: Vec<f64> = these
                .iter()
                .map(|row| {
                    let mut apart: Vec<f64> =
                        these.iter().map(|other| squared(row, other)).collect();
                    apart.sort_by(f64::total_cmp);
                    apart[k]
                })
                .collect();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| points.reach(k)), expected, "{k} on {threads}");
            }
        }
    }
    #[test]
    fn rows_of_very_many_numbers_and_of_none_that_is_a_number_are_counted() {
        // A sum of products of the greatest number of steps would not fit into 32 bits here.
        let alike = |number: f64| vec![number; 1 << 18];
        let wide = [alike(0.0), alike(1.0), alike(-1.0), alike(0.75)];
        let reach = Points::of(&wide, &centre(&wide)).reach(1);
        assert_eq!(reach, [0.5625, 0.0625, 1.0, 0.0625].map(|one| one * f64::from(1 << 18)));
        for bad in [f64::NAN, f64::INFINITY] {
            let mut these = rows(300, 3, 0.0, 1);
            these[7][1] = bad;
            these[9][1] = bad;
            for k in [1, 2, 5] {
                let reach = Points::of(&these, &centre(&these)).reach(k);
                assert_eq!(
                    reach.iter().filter(|reach| reach.is_finite()).count(),
                    298,
                    "{bad} {k}"
                );
            }
        }
    }
}
