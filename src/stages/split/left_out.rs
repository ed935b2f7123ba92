//! One group left out: the test part is a site, a patient, a camera; everything else trains.

use std::collections::BTreeSet;

use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stage::StageError;
use crate::stages::several::listed;
use crate::stages::split::LeaveGroupOut;
use crate::stages::split::Params;
use crate::stages::split::draw::apportion;
use crate::stages::split::draw::draw;

/// Returns the first image of the group that is the test part.
pub(super) fn member(samples: &[Sample], wanted: &LeaveGroupOut) -> Result<usize, StageError> {
    let groups = in_order(samples);
    if groups.len() < 2 {
        let found = groups.len();
        let problem =
            format!("`leave_group_out` needs two groups or more; the images have {found}");
        return Err(StageError::data(problem).help(
            "give images their groups where they are loaded, such as `group_column: site` of `load`",
        ));
    }
    let found = match (&wanted.group, wanted.index) {
        (Some(name), _) => groups.iter().find(|group| *group == name),
        (None, index) => index.and_then(|index| groups.get(index)),
    };
    let is_member = |sample: &Sample| sample.group.as_deref() == found.copied();
    if let Some(member) = found.and_then(|_| samples.iter().position(is_member)) {
        return Ok(member);
    }
    let names: Vec<String> = groups.iter().map(|group| format!("`{group}`")).collect();
    let (count, names) = (groups.len(), listed(&names));
    let problem = if let Some(name) = &wanted.group {
        format!("there is no group `{name}`; the {count} groups are {names}")
    } else {
        let (index, last) = (wanted.index.unwrap_or_default(), count - 1);
        format!("there is no group {index}, expected 0 to {last}; the {count} groups are {names}")
    };
    Err(StageError::data(problem).help("write one of them in `leave_group_out`"))
}

/// Draws the indices of each part, in rising order, where a group is the test part.
pub(super) fn parts(
    samples: &[Sample],
    group: &str,
    params: &Params,
    validation: f64,
    seed: Seed,
) -> [Vec<usize>; 3] {
    let is_out = |index: &usize| samples[*index].group.as_deref() == Some(group);
    let (test, rest): (Vec<usize>, Vec<usize>) = (0..samples.len()).partition(is_out);
    let validation = apportion(rest.len(), &[validation, 1.0 - validation])[0];
    let sizes = [rest.len() - validation, validation, 0];
    let seed = seed.named("left out").named(group);
    let [train, validation, _] = draw(samples, &rest, sizes, params, seed);
    [train, validation, test]
}

/// Returns the names of all groups: numbers first, in their order, and then names in theirs.
fn in_order(samples: &[Sample]) -> Vec<&str> {
    let groups: BTreeSet<&str> =
        samples.iter().filter_map(|sample| sample.group.as_deref()).collect();
    let mut groups: Vec<&str> = groups.into_iter().collect();
    let number = |group: &&str| group.parse::<u64>().ok();
    groups.sort_by_key(|group| (number(group).is_none(), number(group)));
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use serde_json::json;

    use crate::stage::StageKind;
    use crate::stages::split::Split;
    use crate::stages::split::tests::samples;
    use crate::stages::split::tests::set;
    use crate::stages::trial::Trial;
    use crate::stages::trial::told;

    const KIND: StageKind = StageKind::of::<Split>();

    /// Returns the groups of the training, validation and test images; three sites, and two images of none.
    fn groups(out: &Value) -> Result<[String; 3], String> {
        let sites = ["10", "9", "b", "9", "10", "b", "9", "10"];
        let set = set(samples(&[0; 10], |index| sites.get(index).map(ToString::to_string)));
        let inputs = vec![("images", vec![&set])];
        let params = json!({"leave_group_out": out, "duplicates": "ignore"});
        let parts = Trial { inputs, ..Trial::of(KIND, params) }.run().map_err(|e| told(&e))?;
        let part = |part: &str| {
            let group = |sample: &crate::artifact::Sample| sample.group.clone();
            let names: BTreeSet<_> = parts[part].samples.iter().map(group).collect();
            let names: Vec<String> =
                names.into_iter().map(|name| name.unwrap_or("-".into())).collect();
            format!("{} of {}", parts[part].len(), names.join(" "))
        };
        Ok(["train", "validation", "test"].map(part))
    }

    #[test]
    fn one_group_is_tested_by_name_or_by_place_and_the_others_train() {
        assert_eq!(
            groups(&json!({"group": "9"})).unwrap(),
            ["7 of - 10 b", "0 of ", "3 of 9"].map(str::to_owned)
        );
        for (index, name) in ["9", "10", "b"].into_iter().enumerate() {
            assert_eq!(groups(&json!({"index": index})), groups(&json!({"group": name})));
        }
        let [train, validation, test] = groups(&json!({"index": 2, "validation": 0.4})).unwrap();
        assert!(train.starts_with('5') && validation.starts_with('3'), "{train} {validation}");
        assert_eq!(test, "2 of b");
        let params = |validation: f64| {
            KIND.resolve(&json!({"leave_group_out": {"index": 0, "validation": validation}}))
                .unwrap()
        };
        assert!(!(KIND.draws)(&params(0.0)) && (KIND.draws)(&params(0.1)));
    }

    #[test]
    fn a_group_that_is_not_there_is_told_with_those_that_are() {
        let said =
            [json!({"group": "8"}), json!({"index": 3})].map(|out| groups(&out).unwrap_err());
        insta::assert_snapshot!(said.join("\n"), @"
        there is no group `8`; the 3 groups are `9`; `10`; `b`; write one of them in `leave_group_out`
        there is no group 3, expected 0 to 2; the 3 groups are `9`; `10`; `b`; write one of them in `leave_group_out`
        ");
        let set = set(samples(&[0; 3], |_| None));
        let inputs = vec![("images", vec![&set])];
        let params = json!({"leave_group_out": {"index": 0}});
        let error = Trial { inputs, ..Trial::of(KIND, params) }.run().unwrap_err();
        insta::assert_snapshot!(told(&error), @"`leave_group_out` needs two groups or more; the images have 0; give images their groups where they are loaded, such as `group_column: site` of `load`");
    }

    #[test]
    fn groups_that_share_a_copy_are_left_out_together() {
        let mut set = crate::artifact::ImageSet::empty(8, 8, vec!["a".to_owned()]);
        for mut sample in samples(&[0; 6], |index| Some(format!("p{}", index / 2))) {
            let index: usize = sample.id.trim_start_matches("whole/").parse().unwrap();
            sample.label = Some(0);
            // The last image of the second patient is one of the first's.
            let mut stream = crate::seed::Seed(if index == 3 { 0 } else { index as u64 }).stream();
            let pixels: Vec<u8> = (0..8 * 8 * 3).map(|_| stream.below(256) as u8).collect();
            set.push(sample, &pixels);
        }
        let tested = |out: Value, duplicates: &str| {
            let inputs = vec![("images", vec![&set])];
            let params = json!({"leave_group_out": out, "duplicates": duplicates});
            Trial { inputs, ..Trial::of(KIND, params) }.run().map(|parts| parts["test"].len())
        };
        for name in ["p0", "p1"] {
            assert_eq!(tested(json!({"group": name}), "warn").unwrap(), 2);
            assert_eq!(tested(json!({"group": name}), "group").unwrap(), 4);
        }
        assert_eq!(tested(json!({"index": 1}), "group").unwrap(), 2);
    }
}
