//! A choice: what a collection removes, given what there is and what must stay. Pure.

use std::collections::BTreeSet;

/// Something that is kept or removed as one: a record, or a folder of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Item {
    /// Whether it must stay.
    pub(super) is_root: bool,
    /// When it was last used, seconds since 1970.
    pub(super) last_use: u64,
    /// Bytes that are its own alone.
    pub(super) own: u64,
    /// Places of the objects that it names, each once.
    pub(super) objects: Vec<u32>,
}

/// What is to go, of what need not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// Whatever was last used at this moment or before, seconds since 1970.
    pub(super) before: Option<u64>,
    /// What was used least recently, until all fits into this many bytes.
    pub(super) max_size: Option<u64>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Places of the items to remove, the least recently used first.
    pub(super) victims: Vec<usize>,
    /// Bytes that will be left; what several items name counts once.
    pub(super) left: u64,
}

/// Chooses what to remove. `sizes` are those of the objects, `loose` the bytes that stay and that no
/// item names. A wish for neither age nor size means everything that need not stay.
pub(super) fn choose(items: &[Item], sizes: &[u64], loose: u64, wish: Wish) -> Choice {
    let mut names = vec![0_u32; sizes.len()];
    for place in items.iter().flat_map(|item| &item.objects) {
        names[*place as usize] += 1;
    }
    let named = names.iter().zip(sizes).filter(|(names, _)| **names > 0).map(|(_, size)| size);
    let mut left = loose + named.sum::<u64>() + items.iter().map(|item| item.own).sum::<u64>();
    let mut order: Vec<usize> = (0..items.len()).filter(|&at| !items[at].is_root).collect();
    order.sort_by_key(|&at| (items[at].last_use, at));
    let all = wish == Wish::default();
    let mut victims = Vec::new();
    let mut for_room = Vec::new();
    for at in order {
        let item = &items[at];
        let by_age = all || wish.before.is_some_and(|before| item.last_use <= before);
        if !by_age && wish.max_size.is_none_or(|most| left <= most) {
            continue;
        }
        left -= item.own;
        for &place in &item.objects {
            names[place as usize] -= 1;
            if names[place as usize] == 0 {
                left -= sizes[place as usize];
            }
        }
        victims.push(at);
        if !by_age {
            for_room.push(at);
        }
    }
    // What was to make room and makes none, since all that it names stays for others, stays too.
    let idle = |at: &usize| {
        let item = &items[*at];
        item.own == 0 && item.objects.iter().all(|&place| names[place as usize] > 0)
    };
    let spared: BTreeSet<usize> = for_room.into_iter().filter(idle).collect();
    victims.retain(|at| !spared.contains(at));
    Choice { victims, left }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Choice;
    use super::Item;
    use super::Wish;
    use super::choose;

    fn item(is_root: bool, last_use: u64, objects: &[u32]) -> Item {
        Item { is_root, last_use, own: 0, objects: objects.to_vec() }
    }

    #[test]
    fn what_was_used_least_recently_goes_first_and_no_more_than_must() {
        let items = [item(false, 3, &[0]), item(false, 1, &[1]), item(false, 2, &[2])];
        let of =
            |most| choose(&items, &[10, 10, 10], 0, Wish { before: None, max_size: Some(most) });
        assert_eq!(of(30), Choice { victims: vec![], left: 30 });
        assert_eq!(of(29), Choice { victims: vec![1], left: 20 });
        assert_eq!(of(19), Choice { victims: vec![1, 2], left: 10 });
        assert_eq!(of(0), Choice { victims: vec![1, 2, 0], left: 0 });
    }

    #[test]
    fn content_that_a_kept_record_shares_makes_no_room() {
        let items = [item(false, 1, &[0]), item(true, 2, &[0]), item(false, 3, &[1])];
        let choice = choose(&items, &[10, 10], 0, Wish { before: None, max_size: Some(10) });
        assert_eq!(choice, Choice { victims: vec![2], left: 10 });
        let choice = choose(&items, &[10, 10], 0, Wish { before: Some(2), max_size: None });
        assert_eq!(choice, Choice { victims: vec![0], left: 20 });
    }

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let objects = proptest::collection::btree_set(0..8_u32, 0..5);
        let item = (any::<bool>(), 0..9_u64, 0..3_u64, objects).prop_map(
            |(is_root, last_use, own, objects)| Item {
                is_root,
                last_use,
                own,
                objects: objects.into_iter().collect(),
            },
        );
        proptest::collection::vec(item, 0..12)
    }

    fn wishes() -> impl Strategy<Value = Wish> {
        let before = proptest::option::of(0..10_u64);
        let max_size = proptest::option::of(0..90_u64);
        (before, max_size).prop_map(|(before, max_size)| Wish { before, max_size })
    }

    /// Bytes of what is kept, each object once.
    fn size(items: &[Item], sizes: &[u64], is_kept: impl Fn(usize) -> bool) -> u64 {
        let kept = || items.iter().enumerate().filter(|(at, _)| is_kept(*at)).map(|(_, item)| item);
        let named: BTreeSet<u32> = kept().flat_map(|item| item.objects.clone()).collect();
        kept().map(|item| item.own).sum::<u64>()
            + named.iter().map(|&place| sizes[place as usize]).sum::<u64>()
    }

    proptest! {
        #[test]
        fn victims_are_old_or_make_room_and_never_what_must_stay(
            items in items(),
            sizes in proptest::collection::vec(1..20_u64, 8),
            loose in 0..9_u64,
            wish in wishes(),
        ) {
            let choice = choose(&items, &sizes, loose, wish);
            let gone: BTreeSet<usize> = choice.victims.iter().copied().collect();
            prop_assert_eq!(gone.len(), choice.victims.len());
            prop_assert!(gone.iter().all(|&at| !items[at].is_root));
            let of = |is_kept: &dyn Fn(usize) -> bool| loose + size(&items, &sizes, is_kept);
            prop_assert_eq!(choice.left, of(&|at| !gone.contains(&at)));
            let ages: Vec<u64> = choice.victims.iter().map(|&at| items[at].last_use).collect();
            prop_assert!(ages.is_sorted(), "the least recently used first");
            let is_old = |at: usize| {
                wish == Wish::default() || wish.before.is_some_and(|time| items[at].last_use <= time)
            };
            for (at, item) in items.iter().enumerate().filter(|(_, item)| !item.is_root) {
                prop_assert!(!is_old(at) || gone.contains(&at), "too old, and still there");
                if gone.contains(&at) && !is_old(at) {
                    let back = of(&|one| one == at || !gone.contains(&one));
                    prop_assert!(back > choice.left, "it went for nothing");
                    // Without it and what was used since, there would not have been room.
                    let later = |one: usize| items[one].is_root || !is_old(one)
                        && (items[one].last_use, one) >= (item.last_use, at);
                    prop_assert!(of(&later) > wish.max_size.unwrap(), "there was room");
                }
            }
            if let Some(most) = wish.max_size {
                let least = of(&|at| items[at].is_root);
                prop_assert!(choice.left <= most || choice.left == least, "room could be made");
            }
        }
    }
}
