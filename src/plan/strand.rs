//! A strand: one way by which images came into an artifact, from their source through every split.

use crate::artifact::Partition;
use crate::plan::TaskId;
use crate::stage::PortName;

/// A part of what a split divided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    split: TaskId,
    port: PortName,
    partition: Partition,
}

/// One way by which images came into an artifact. Tasks that give the same images count as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strand {
    source: TaskId,
    parts: Vec<Part>,
}

impl Strand {
    /// Returns the strand of all images of a source.
    pub(super) fn of(source: TaskId) -> Self {
        Self { source, parts: Vec::new() }
    }

    /// Returns where its images come from.
    pub(super) fn source(&self) -> TaskId {
        self.source
    }

    /// Returns the strand of those of its images that leave a split by a port.
    pub(super) fn divided(&self, split: TaskId, port: PortName, partition: Partition) -> Self {
        let mut parts = self.parts.clone();
        parts.push(Part { split, port, partition });
        Self { source: self.source, parts }
    }

    /// Returns the strand before its last split, or nothing where its images were never divided.
    pub(super) fn before(&self) -> Option<Self> {
        let (_, parts) = self.parts.split_last()?;
        Some(Self { source: self.source, parts: parts.to_vec() })
    }

    /// Returns the partition of its images, or nothing where they were never divided. Dividing test
    /// images again does not make training images of them.
    pub(super) fn partition(&self) -> Option<Partition> {
        self.parts.iter().map(|part| part.partition).max()
    }

    /// Returns whether no image can have come by both ways: sources differ, or some split put them
    /// into different parts. Two splits of the same images prove nothing.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        let mut ways = self.parts.iter().zip(&other.parts);
        let fork = ways.find(|(one, two)| one != two);
        self.source != other.source || fork.is_some_and(|(one, two)| one.split == two.split)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::prop_oneof;
    use proptest::proptest;

    use super::Partition;
    use super::PortName;
    use super::Strand;
    use super::TaskId;

    fn strands() -> impl Strategy<Value = Strand> {
        let port = prop_oneof![
            Just(("train", Partition::Train)),
            Just(("validation", Partition::Validation)),
            Just(("test", Partition::Test)),
        ];
        let parts = proptest::collection::vec((2..4_usize, port), 0..3);
        (0..2_usize, parts).prop_map(|(source, parts)| {
            let way = Strand::of(TaskId(source));
            parts.into_iter().fold(way, |way, (split, (port, partition))| {
                way.divided(TaskId(split), PortName::new(port), partition)
            })
        })
    }

    proptest! {
        #[test]
        fn being_apart_goes_both_ways_and_is_inherited(one in strands(), two in strands()) {
            prop_assert_eq!(one.is_apart_from(&two), two.is_apart_from(&one));
            prop_assert!(!one.is_apart_from(&one));
            let smaller = one.divided(TaskId(9), PortName::new("train"), Partition::Train);
            prop_assert!(!smaller.is_apart_from(&one));
            prop_assert!(!one.is_apart_from(&two) || smaller.is_apart_from(&two));
            prop_assert_eq!(smaller.before(), Some(one));
        }
    }

    #[test]
    fn parts_of_one_split_are_apart_and_those_of_two_are_not() {
        let all = Strand::of(TaskId(0));
        let part =
            |split, port, partition| all.divided(TaskId(split), PortName::new(port), partition);
        let train = part(1, "train", Partition::Train);
        assert!(train.is_apart_from(&part(1, "test", Partition::Test)));
        assert!(!train.is_apart_from(&part(2, "test", Partition::Test)));
        assert!(!train.is_apart_from(&all));
        assert!(train.is_apart_from(&Strand::of(TaskId(5))));
        assert_eq!(all.partition(), None);
        let again = part(1, "test", Partition::Test).divided(
            TaskId(2),
            PortName::new("train"),
            Partition::Train,
        );
        assert_eq!(again.partition(), Some(Partition::Test));
    }
}
