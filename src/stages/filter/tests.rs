//! Tests of `filter`: what it keeps, drops and refuses.

use crate::stages::trial::told;
use serde_json::json;

use super::Fate;
use super::Filter;
use super::ImageSet;
use super::Params;
use super::Partition;
use super::decide;
use super::nearest_real;
use super::table;
use crate::artifact::Sample;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageKind;

const KIND: StageKind = StageKind::of::<Filter>();

fn images(name: &str, pixels: &[[u8; 12]]) -> ImageSet {
    let mut images = ImageSet::empty(2, 2, vec!["a".into()]);
    for (index, pixels) in pixels.iter().enumerate() {
        let sample = Sample {
            id: format!("{name}/{index}"),
            label: None,
            partition: Partition::Train,
            group: None,
            origin: name.into(),
        };
        images.push(sample, pixels);
    }
    images
}

fn params(value: &serde_json::Value) -> Params {
    serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
}

#[test]
fn near_copies_go_first_and_the_best_of_the_rest_stay() {
    let real = images("train", &[[0; 12], [1, 2, 3, 40, 50, 60, 70, 80, 90, 100, 110, 120]]);
    // The second is the second real image turned by half, and one grey level lighter.
    let turned = [101, 111, 121, 71, 81, 91, 41, 51, 61, 2, 3, 4];
    let made = images("gan", &[[200; 12], turned, [9; 12], [8; 12]]);
    let nearest = nearest_real(&made, &real).unwrap();
    let params = params(&json!({"keep": 2}));
    let decisions = decide(&params, &made, &[-1.0, 5.0, 0.5, 0.5], &nearest).unwrap();
    let rows: Vec<String> =
        table(&made, &real, &decisions).rows.iter().map(|row| row.join(",")).collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    gan/0,-1,4,no,lower score,train/1,145.26240624010973
    gan/1,5,1,no,near copy,train/1,1
    gan/2,0.5,2,yes,best,train/0,9
    gan/3,0.5,3,yes,best,train/0,8
    ");
}

#[test]
fn near_copies_stay_where_nobody_minds() {
    let made = images("gan", &[[0; 12]]);
    let nearest = nearest_real(&made, &made).unwrap();
    let params = params(&json!({"keep": 1, "near_copies": {"drop": false}}));
    assert_eq!(decide(&params, &made, &[0.0], &nearest).unwrap()[0].fate, Fate::Best);
}

#[test]
fn more_than_there_is_cannot_be_kept() {
    let params = KIND.resolve(&json!({})).unwrap();
    let mut known = Forecast::default();
    known.connected.insert("gan".into());
    known.inputs.insert("images".into(), Counts::of(Partition::Train, 200));
    insta::assert_snapshot!(told(&(KIND.forecast)(&params, &known).unwrap_err()), @"`keep` asks for 443 of 200 images; lower `keep`, or raise `count` in the stage that generates them");
    known.inputs.insert("images".into(), Counts::of(Partition::Train, 2000));
    let foreseen = (KIND.forecast)(&params, &known).unwrap();
    assert_eq!(foreseen, [("images", Counts::of(Partition::Train, 443))]);
}

#[test]
fn what_scores_must_be_connected() {
    let refusal = |value: &serde_json::Value| {
        let params = KIND.resolve(value).unwrap();
        told(&(KIND.forecast)(&params, &Forecast::default()).unwrap_err())
    };
    insta::assert_snapshot!(refusal(&json!({})), @"`by: critic` scores by a GAN's critic, but there is none; connect the port `gan`, or write `by: realism`");
    insta::assert_snapshot!(refusal(&json!({"by": "realism"})), @"`by: realism` compares a classifier's features, but there is none; connect the port `classifier`, or write `by: critic`");
}

#[test]
fn what_cannot_be_chosen_from_is_refused_with_a_remedy() {
    let made = images("gan", &[[0; 12], [99; 12]]);
    let nearest = nearest_real(&made, &images("train", &[[0; 12]])).unwrap();
    let error = decide(&params(&json!({"keep": 2})), &made, &[0.0, 1.0], &nearest).unwrap_err();
    insta::assert_snapshot!(format!("{error}; {}", error.remedy().unwrap()), @"`keep` asks for 2 of 2 images; 1 of them nearly copy a real one; lower `keep`, or raise `count` in the stage that generates them");
    let error =
        decide(&params(&json!({"keep": 1})), &made, &[0.0, f64::NAN], &nearest).unwrap_err();
    insta::assert_snapshot!(format!("{error}; {}", error.remedy().unwrap()), @"the score of `gan/1` is no number; the network's training diverged: lower its `learning_rate`");
    assert!(nearest_real(&made, &images("train", &[])).is_err());
    assert!(nearest_real(&made, &ImageSet::empty(1, 1, vec![])).is_err());
}
