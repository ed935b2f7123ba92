//! Assignment of items to classes under quotas, so that the summed confidence is greatest.
//!
//! Approach: items enter one after another, each along the path of greatest gain through the
//! classes (successive shortest paths of a minimum-cost flow). A path leads from class to class by
//! moving the one item whose move costs least, so it is searched among classes, not among items:
//! `n` items and `k` classes take `O(n^2 k + n k^3)`. What no quota wants waits in a class of its
//! own at confidence 0.

/// Confidences are added up as whole numbers of this unit, so that no rounding can decide.
const UNIT: f64 = (1_u64 << 40) as f64;

/// Returns the class of each item, or nothing where no quota wants it. Every quota is filled, and
/// no other way of filling them has a greater sum of confidences. `confidences` holds one row an
/// item with one number (0 to 1) a class. Absent where the quotas ask for more items than exist.
pub fn assign(confidences: &[Vec<f64>], quotas: &[usize]) -> Option<Vec<Option<usize>>> {
    let idle = confidences.len().checked_sub(quotas.iter().sum())?;
    let classes = quotas.len();
    let worth = |row: &Vec<f64>| {
        let worth = row[..classes].iter().map(|confidence| (confidence * UNIT).round() as i64);
        worth.chain([0]).collect()
    };
    let mut filling = Filling {
        worth: confidences.iter().map(worth).collect(),
        room: quotas.iter().copied().chain([idle]).collect(),
        members: vec![Vec::new(); classes + 1],
    };
    (0..confidences.len()).for_each(|item| filling.admit(item));
    let mut assigned = vec![None; confidences.len()];
    for (class, members) in filling.members.iter().enumerate().take(classes) {
        for &item in members {
            assigned[item] = Some(class);
        }
    }
    Some(assigned)
}

/// Classes that fill up; the last one is for items that no quota wants.
struct Filling {
    /// Worth of each item in each class.
    worth: Vec<Vec<i64>>,
    /// Places of each class, taken or not.
    room: Vec<usize>,
    /// Items in each class.
    members: Vec<Vec<usize>>,
}

/// The cheapest way to move some item from one class to another.
#[derive(Clone, Copy)]
struct Move {
    gain: i64,
    item: usize,
}

impl Filling {
    /// Lets an item in, moving others along the path of greatest gain that ends in a free place.
    fn admit(&mut self, item: usize) {
        let classes = self.room.len();
        let moves = self.moves();
        let mut gain = self.worth[item].clone();
        let mut before: Vec<Option<usize>> = vec![None; classes];
        // Bellman and Ford: the filling so far is optimal, so no cycle gains and this ends.
        let mut changed = true;
        while changed {
            changed = false;
            for from in 0..classes {
                for to in 0..classes {
                    let Some(step) = moves[from][to] else { continue };
                    if gain[from] + step.gain > gain[to] {
                        gain[to] = gain[from] + step.gain;
                        before[to] = Some(from);
                        changed = true;
                    }
                }
            }
        }
        let free = (0..classes).filter(|&class| self.members[class].len() < self.room[class]);
        let best = free.max_by_key(|&class| (gain[class], std::cmp::Reverse(class)));
        let mut class = best.expect("there are as many places as items");
        while let Some(from) = before[class] {
            let moved = moves[from][class].expect("a path follows moves").item;
            self.members[from].retain(|&member| member != moved);
            self.members[class].push(moved);
            class = from;
        }
        self.members[class].push(item);
    }

    /// Returns the best move between every two classes.
    fn moves(&self) -> Vec<Vec<Option<Move>>> {
        let classes = self.room.len();
        let best = |from: usize, to: usize| {
            let gain = |&item: &usize| self.worth[item][to] - self.worth[item][from];
            let moves =
                self.members[from].iter().map(|item| Move { gain: gain(item), item: *item });
            let movable = moves.filter(|_| from != to);
            movable.max_by_key(|step| (step.gain, std::cmp::Reverse(step.item)))
        };
        (0..classes).map(|from| (0..classes).map(|to| best(from, to)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::assign;

    fn total(confidences: &[Vec<f64>], assigned: &[Option<usize>]) -> f64 {
        let rows = confidences.iter().zip(assigned);
        rows.filter_map(|(row, class)| class.map(|class| row[class])).sum()
    }

    /// Tries every class, and none, for every item.
    fn by_force(confidences: &[Vec<f64>], quotas: &[usize]) -> Option<f64> {
        let Some((row, rest)) = confidences.split_first() else {
            return quotas.iter().all(|quota| *quota == 0).then_some(0.0);
        };
        let taken = (0..quotas.len()).filter(|&class| quotas[class] > 0).filter_map(|class| {
            let mut left = quotas.to_vec();
            left[class] -= 1;
            by_force(rest, &left).map(|sum| sum + row[class])
        });
        taken.chain(by_force(rest, quotas)).max_by(f64::total_cmp)
    }

    #[test]
    fn greed_would_lose_here() {
        let confidences = vec![vec![0.9, 0.8], vec![0.9, 0.1]];
        assert_eq!(assign(&confidences, &[1, 1]), Some(vec![Some(1), Some(0)]));
    }

    #[test]
    fn quotas_for_more_than_there_is_are_refused() {
        assert_eq!(assign(&[vec![1.0, 0.0]], &[1, 1]), None);
    }

    #[test]
    fn a_thousand_items_fill_the_quotas_of_the_study() {
        let mut stream = crate::seed::Seed(1).stream();
        let confidences: Vec<Vec<f64>> =
            (0..1000).map(|_| (0..5).map(|_| stream.unit()).collect()).collect();
        let assigned = assign(&confidences, &[101, 96, 84, 80, 82]).unwrap();
        let count = |class| assigned.iter().filter(|is| **is == Some(class)).count();
        assert_eq!([0, 1, 2, 3, 4].map(count), [101, 96, 84, 80, 82]);
        assert!(total(&confidences, &assigned) > 443.0 * 0.9);
    }

    proptest! {
        #[test]
        fn no_other_assignment_is_better(
            rows in prop::collection::vec(prop::collection::vec(0.0..1.0_f64, 3), 0..7),
            quotas in prop::collection::vec(0_usize..4, 3),
        ) {
            let assigned = assign(&rows, &quotas);
            prop_assert_eq!(assigned.is_some(), quotas.iter().sum::<usize>() <= rows.len());
            if let Some(assigned) = assigned {
                for (class, quota) in quotas.iter().enumerate() {
                    let count = assigned.iter().filter(|is| **is == Some(class)).count();
                    prop_assert_eq!(count, *quota);
                }
                let best = by_force(&rows, &quotas).unwrap();
                prop_assert!((total(&rows, &assigned) - best).abs() < 1e-9);
            }
        }
    }
}
