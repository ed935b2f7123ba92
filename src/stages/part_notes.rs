//! What is worth knowing of parts once they are there: classes that a part lacks, and groups that lie in
//! several.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::artifact::Sample;
use crate::stages::several::listed;
use crate::stages::split::PARTS;

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

#[cfg(test)]
mod tests {
    use super::notes;
    use crate::stages::split::tests::samples;

    #[test]
    fn classes_that_a_part_lacks_and_groups_that_span_parts_are_told() {
        let samples =
            samples(&[0, 1, 2, 0, 1, 0], |index| (index < 5).then(|| (index / 2).to_string()));
        let classes = ["a", "b", "c", "never there"].map(str::to_owned);
        let told = notes(&samples, &classes, &[vec![0, 1, 2], vec![], vec![3, 4, 5]]);
        insta::assert_snapshot!(told.join("\n"), @"
        the part `test` has no image of class `c`
        1 of 3 groups lie in several parts: `1` (train, test)
        ");
        assert!(notes(&samples, &classes, &[vec![0, 1, 2, 3, 4, 5], vec![], vec![]]).is_empty());
    }
}
