//! Tests of `label`: what it foresees and refuses.

use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;

use super::Label;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::files;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Observer;
use crate::stage::StageKind;
use crate::stages::trial::Trial;
use crate::stages::trial::problems;
use crate::stages::trial::sample;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<Label>();

fn foreseen(params: &Value, images: usize) -> Result<Vec<(&'static str, Counts)>, String> {
    let mut known = Forecast::default();
    known.connected.insert("classifier".into());
    known.inputs.insert("images".into(), Counts::of(Partition::Train, images));
    (KIND.forecast)(&KIND.resolve(params).unwrap(), &known).map_err(|error| told(&error))
}

#[test]
fn params_that_contradict_each_other_are_said() {
    let problems = |value: Value| problems(&KIND, &value);
    insta::assert_snapshot!(problems(json!({"by": "csv", "quotas": [0, 0]})), @"
    csv: `by: csv` reads labels from a file, but none is named
    by: labels that are there have no confidence, so `quotas` and `confidence` do not go with `by: csv`
    quotas: they sum to 0; no image would be left
    ");
    insta::assert_snapshot!(problems(json!({"by": "own", "confidence": 0.5})), @"by: labels that are there have no confidence, so `quotas` and `confidence` do not go with `by: own`");
    insta::assert_snapshot!(problems(json!({"quotas": [u64::MAX, 5, 0]})), @"quotas: they sum to 18446744073709551615, expected at most 10000000");
}

#[test]
fn quotas_decide_how_many_images_leave() {
    let quotas = json!({"quotas": [101, 96, 84, 80, 82]});
    let all = |images| vec![("images", Counts::of(Partition::Train, images))];
    assert_eq!(foreseen(&quotas, 2000), Ok(all(443)));
    assert_eq!(foreseen(&json!({}), 2000), Ok(all(2000)));
    assert_eq!(foreseen(&json!({"confidence": 0.5}), 2000), Ok(vec![]));
    insta::assert_snapshot!(foreseen(&quotas, 200).unwrap_err(), @"`quotas` ask for 443 of 200 images; lower them, or raise `count` in the stage that generates the images");
}

#[test]
fn whoever_labels_must_be_connected() {
    let answer = |value: &Value| {
        let params = KIND.resolve(value).unwrap();
        (KIND.forecast)(&params, &Forecast::default()).map_err(|error| told(&error))
    };
    insta::assert_snapshot!(answer(&json!({})).unwrap_err(), @"`by: classifier` asks a classifier, but there is none; connect the port `classifier`, or write `by: neighbours`");
    insta::assert_snapshot!(answer(&json!({"by": "neighbours"})).unwrap_err(), @"`by: neighbours` compares with real images, but there are none; connect labelled training images to the port `reference`");
    assert_eq!(answer(&json!({"by": "csv", "csv": "labels.csv"})), Ok(vec![]));
    assert_eq!(answer(&json!({"by": "own"})), Ok(vec![]));
}

#[test]
fn a_file_of_labels_is_a_source() {
    let params = KIND.resolve(&json!({"by": "csv", "csv": "labels.csv"})).unwrap();
    let sources = (KIND.sources)(&params);
    assert_eq!((sources[0].name.as_str(), sources[0].param.as_str()), ("labels.csv", "csv"));
}

fn images(origin: &str, grey: &[u8], labels: &[Option<usize>]) -> ImageSet {
    let mut images = ImageSet::empty(1, 1, vec!["healthy".into(), "ill".into()]);
    for (index, (&grey, &label)) in grey.iter().zip(labels).enumerate() {
        images.push(sample(origin, index, label), &[grey; 3]);
    }
    images
}

#[test]
fn whoever_can_be_asked_is_compared_with_the_others() {
    let made = images("gan", &[10, 200, 90], &[Some(0), Some(0), Some(1)]);
    let real = images("eye", &[0, 100, 255], &[Some(0), Some(1), Some(1)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels.csv");
    files::write(&file, "id,label\ngan/0,healthy\ngan/1,ill\n".as_bytes()).unwrap();
    let trial = Trial {
        inputs: vec![("images", vec![&made]), ("reference", vec![&real])],
        sources: vec![("labels.csv", &file)],
        ..Trial::of(KIND, json!({"by": "own", "neighbours": 1, "csv": "labels.csv"}))
    };
    let heard = Heard::default();
    let left = trial.watched_by(&heard).unwrap();
    assert_eq!(left["images"].labels().unwrap(), [0, 0, 1]);
    insta::assert_snapshot!(heard.0.into_inner().unwrap().join("\n"), @"
    neighbours and own agree on 2 of 3 images, kappa 0.40
    neighbours and csv agree on 2 of 2 images, kappa 1.00
    own and csv agree on 1 of 2 images, kappa 0.00
    3 of 3 images got a label
    ");
}

#[test]
fn real_images_that_cannot_vote_are_no_problem_where_nobody_counts_on_them() {
    let made = images("gan", &[10], &[Some(0)]);
    let real = images("eye", &[0], &[None]);
    let trial = |by: &str| Trial {
        inputs: vec![("images", vec![&made]), ("reference", vec![&real])],
        ..Trial::of(KIND, json!({"by": by}))
    };
    assert_eq!(trial("own").run().unwrap()["images"].len(), 1);
    insta::assert_snapshot!(told(&trial("neighbours").run().unwrap_err()), @"image `eye/0` in `reference` has no label, so it cannot vote");
}

/// An observer that writes down what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}
