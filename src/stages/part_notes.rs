//! What is worth knowing of parts, drawn or given: classes that a part lacks, and groups that lie in several.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::stages::several::listed;

/// The parts of a study.
const PARTS: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

/// Returns a sentence for each class that a part lacks, and one for the groups that span parts. Parts that
/// are empty lack nothing.
pub(super) fn notes(
    samples: &[Sample],
    classes: &[String],
    parts: &[Vec<usize>; 3],
) -> Vec<String> {
    let labels = |members: &[usize]| -> BTreeSet<usize> {
        members.iter().filter_map(|index| samples[*index].label).collect()
    };
    let all: BTreeSet<usize> = samples.iter().filter_map(|sample| sample.label).collect();
    let mut notes = Vec::new();
    for (part, members) in PARTS.into_iter().zip(parts).filter(|(_, members)| !members.is_empty()) {
        let found = labels(members);
        let lacking: Vec<String> =
            all.difference(&found).map(|class| format!("`{}`", classes[*class])).collect();
        if !lacking.is_empty() {
            notes.push(format!("the part `{part}` has no image of class {}", lacking.join(", ")));
        }
    }
    let mut reached: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (part, members) in parts.iter().enumerate() {
        for group in members.iter().filter_map(|index| samples[*index].group.as_deref()) {
            reached.entry(group).or_default().insert(part);
        }
    }
    let groups = reached.len();
    let spanning: Vec<String> = reached
        .into_iter()
        .filter(|(_, reached)| reached.len() > 1)
        .map(|(group, reached)| {
            let names: Vec<&str> = reached.into_iter().map(|part| PARTS[part].name()).collect();
            format!("`{group}` ({})", names.join(", "))
        })
        .collect();
    if !spanning.is_empty() {
        let (count, listed) = (spanning.len(), listed(&spanning));
        notes.push(format!("{count} of {groups} groups lie in several parts: {listed}"));
    }
    notes
}

/// Returns the same of the parts that images have already.
pub(super) fn notes_as_given(samples: &[Sample], classes: &[String]) -> Vec<String> {
    let of = |part| {
        let members = samples.iter().enumerate().filter(|(_, sample)| sample.partition == part);
        members.map(|(index, _)| index).collect()
    };
    notes(samples, classes, &PARTS.map(of))
}

#[cfg(test)]
mod tests {
    use super::notes;
    use super::notes_as_given;
    use crate::artifact::Partition;
    use crate::artifact::Sample;

    fn samples(labels: &[usize], group: impl Fn(usize) -> Option<String>) -> Vec<Sample> {
        let sample = |(index, label): (usize, &usize)| Sample {
            id: index.to_string(),
            label: Some(*label),
            partition: Partition::Whole,
            group: group(index),
            origin: "file".to_owned(),
        };
        labels.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn classes_that_a_part_lacks_and_groups_that_span_parts_are_told() {
        let mut samples =
            samples(&[0, 1, 2, 0, 1, 0], |index| (index < 5).then(|| (index / 2).to_string()));
        let classes = ["a", "b", "c", "never there"].map(str::to_owned);
        let told = notes(&samples, &classes, &[vec![0, 1, 2], vec![], vec![3, 4, 5]]);
        insta::assert_snapshot!(told.join("\n"), @"
        the part `test` has no image of class `c`
        1 of 3 groups lie in several parts: `1` (train, test)
        ");
        assert!(notes(&samples, &classes, &[vec![0, 1, 2, 3, 4, 5], vec![], vec![]]).is_empty());
        assert!(notes_as_given(&samples, &classes).is_empty());
        for (index, sample) in samples.iter_mut().enumerate() {
            sample.partition = if index < 3 { Partition::Train } else { Partition::Test };
        }
        assert_eq!(notes_as_given(&samples, &classes), told);
    }
}
