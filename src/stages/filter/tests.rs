//! Tests of `filter`: what it keeps, drops and refuses.

use serde_json::Value;
use serde_json::json;

use super::Filter;
use super::ImageSet;
use super::Params;
use super::Partition;
use super::choice::Choice;
use super::criteria::read;
use super::drop_copies;
use super::nearest_real;
use super::table;
use crate::files;
use crate::ml::Features;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::trial::Trial;
use crate::stages::trial::problems;
use crate::stages::trial::sample;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<Filter>();

fn images(name: &str, pixels: &[[u8; 12]]) -> ImageSet {
    let mut images = ImageSet::empty(2, 2, vec!["a".into(), "b".into()]);
    for (index, pixels) in pixels.iter().enumerate() {
        images.push(sample(name, index, Some(index % 2)), pixels);
    }
    images
}

/// Returns images of one grey level each.
fn greys(name: &str, levels: &[u8]) -> ImageSet {
    images(name, &levels.iter().map(|level| [*level; 12]).collect::<Vec<_>>())
}

fn params(value: &Value) -> Params {
    serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
}

/// Chooses by scores that are given, one list for each step, and returns the table's rows.
fn chosen(
    value: &Value,
    made: &ImageSet,
    real: &ImageSet,
    scores: &[&[f64]],
) -> Result<String, StageError> {
    let params = params(value);
    let steps = params.steps();
    let known = |step: usize, index: usize| scores.get(step).map(|scores| scores[index]);
    let column = |step: usize| (0..made.len()).map(|index| known(step, index)).collect();
    let features = Features::of_pixels(made);
    let columns = (0..steps.len()).map(column).collect();
    let mut choice = Choice::new(made, &steps, columns, Some(&features));
    let nearest = nearest_real(made, real)?;
    drop_copies(&params, &mut choice, &nearest);
    choice.go()?;
    let table = table(&choice, real, &nearest);
    let rows = std::iter::once(&table.columns).chain(&table.rows);
    Ok(rows.map(|row| row.join(",")).collect::<Vec<_>>().join("\n"))
}

#[test]
fn near_copies_go_first_and_the_best_of_the_rest_stay() {
    let real = images("train", &[[0; 12], [1, 2, 3, 40, 50, 60, 70, 80, 90, 100, 110, 120]]);
    // The second is the second real image turned by half, and one grey level lighter.
    let turned = [101, 111, 121, 71, 81, 91, 41, 51, 61, 2, 3, 4];
    let made = images("gan", &[[200; 12], turned, [9; 12], [8; 12]]);
    let rows = chosen(&json!({"keep": 2}), &made, &real, &[&[-1.0, 5.0, 0.5, 0.5]]).unwrap();
    insta::assert_snapshot!(rows, @"
    id,critic,rank,kept,reason,nearest_real,distance
    gan/0,-1,3,no,lower critic,train/1,145.26240624010973
    gan/1,5,,no,near copy of a real image,train/1,1
    gan/2,0.5,1,yes,best,train/0,9
    gan/3,0.5,2,yes,best,train/0,8
    ");
}

#[test]
fn of_near_copies_of_each_other_the_best_stays() {
    let (made, real) = (greys("gan", &[100, 104, 96, 50]), greys("train", &[0]));
    let wanted = json!({"keep": 2, "near_copies": {"each_other": true}});
    insta::assert_snapshot!(chosen(&wanted, &made, &real, &[&[1.0, 3.0, 2.0, 0.0]]).unwrap(), @"
    id,critic,rank,kept,reason,nearest_real,distance
    gan/0,1,,no,near copy of gan/1,train/0,100
    gan/1,3,1,yes,best,train/0,104
    gan/2,2,2,yes,best,train/0,96
    gan/3,0,3,no,lower critic,train/0,50
    ");
}

#[test]
fn near_copies_stay_where_nobody_minds() {
    let made = greys("gan", &[0]);
    let wanted = json!({"keep": 1, "near_copies": {"drop": false}});
    assert!(chosen(&wanted, &made, &made, &[&[0.0]]).unwrap().contains("gan/0,0,1,yes,best"));
}

#[test]
fn steps_choose_one_after_the_other() {
    let (made, real) = (greys("gan", &[10, 20, 30, 40, 50]), greys("train", &[255]));
    let wanted = json!({
        "by": [{"by": "critic", "keep": 4}, {"by": "confidence", "keep": {"at_least": 0.5}}, "diversity"],
        "keep": 2
    });
    let scores: [&[f64]; 2] = [&[5.0, 4.0, 3.0, 2.0, 1.0], &[0.9, 0.8, 0.4, 0.7, 1.0]];
    insta::assert_snapshot!(chosen(&wanted, &made, &real, &scores).unwrap(), @"
    id,critic,confidence,diversity,rank,kept,reason,nearest_real,distance
    gan/0,5,0.9,,1,yes,best,train/0,245
    gan/1,4,0.8,34.64101615137755,3,no,lower diversity,train/0,235
    gan/2,3,0.4,,4,no,lower confidence,train/0,225
    gan/3,2,0.7,103.92304845413264,2,yes,best,train/0,215
    gan/4,1,1,,5,no,lower critic,train/0,205
    ");
}

#[test]
fn what_is_kept_may_be_a_share_a_bound_or_a_number_for_each_class() {
    let (made, real) = (greys("gan", &[10, 20, 30, 40, 50, 60]), greys("train", &[255]));
    let kept = |value: Value| {
        let scores = [1.0, 6.0, 2.0, 5.0, 3.0, 4.0];
        let rows = chosen(&value, &made, &real, &[&scores]).unwrap();
        let kept = rows.lines().filter(|row| row.contains(",yes,"));
        kept.map(|row| row[4..5].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kept(json!({"keep": {"share": 0.5}})), "1 3 5");
    assert_eq!(kept(json!({"keep": {"share": 0.01}})), "1");
    assert_eq!(kept(json!({"keep": {"at_least": 4}})), "1 3 5");
    assert_eq!(kept(json!({"keep": 2, "per_class": true})), "1 2 3 4");
    assert_eq!(kept(json!({"keep": {"share": 0.34}, "per_class": true})), "1 4");
    assert_eq!(kept(json!({"keep": [2, 1]})), "1 2 4");
    assert_eq!(kept(json!({"keep": [2, 0], "diverse": true})), "0 4");
}

#[test]
fn images_that_are_to_differ_come_from_clusters() {
    let (made, real) = (greys("gan", &[10, 11, 12, 90, 91, 250]), greys("train", &[40]));
    let wanted = json!({"keep": 3, "diverse": true});
    let scores: [f64; 6] = [5.0, 6.0, 4.0, 2.0, 3.0, 1.0];
    insta::assert_snapshot!(chosen(&wanted, &made, &real, &[&scores]).unwrap(), @"
    id,critic,rank,kept,reason,nearest_real,distance
    gan/0,5,2,no,like a better one,train/0,30
    gan/1,6,1,yes,best,train/0,29
    gan/2,4,3,no,like a better one,train/0,28
    gan/3,2,5,no,like a better one,train/0,50
    gan/4,3,4,yes,best,train/0,51
    gan/5,1,6,yes,best,train/0,210
    ");
}

#[test]
fn density_and_review_need_no_network() {
    let (made, real) = (greys("gan", &[100, 7, 200]), greys("train", &[0, 15, 30, 210, 90, 110]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("review.csv");
    files::write(&file, "id,score\ngan/0,yes\ngan/1,no\ngan/2,0.5\n".as_bytes()).unwrap();
    let kept = |params: Value, sources| {
        let trial = Trial {
            inputs: vec![("images", vec![&made]), ("reference", vec![&real])],
            sources,
            ..Trial::of(KIND, params)
        };
        let left = trial.run().unwrap().remove("images").unwrap();
        left.samples.into_iter().map(|sample| sample.id).collect::<Vec<_>>()
    };
    let dense = json!({"by": "density", "neighbours": 1, "keep": {"at_least": 1.5}});
    assert_eq!(kept(dense, vec![]), ["gan/0", "gan/1"]);
    let reviewed = json!({"by": "review", "csv": "review.csv", "keep": {"at_least": 0.5}});
    assert_eq!(kept(reviewed, vec![("review.csv", &file)]), ["gan/0", "gan/2"]);
}

#[test]
fn a_person_s_slips_are_said_with_a_remedy() {
    let made = greys("gan", &[0, 9]);
    let slip = |text: &str| told(&read("r.csv", text.as_bytes(), &made).unwrap_err());
    insta::assert_snapshot!(slip("id,grade\ngan/0,1\n"), @"`r.csv` has no column `score`; it has `id`, `grade`; start the file with the line `id,score`");
    insta::assert_snapshot!(slip("id,score\ngan/7,1\n"), @"`r.csv`, line 2: `gan/7` is not among the images; list the images of this very stage's input, or remove the row");
    insta::assert_snapshot!(slip("id,score\ngan/0,1\ngan/0,1\n"), @"`r.csv`, line 3: `gan/0` comes once more; remove one of its rows");
    insta::assert_snapshot!(slip("id,score\ngan/0,good\n"), @"`r.csv`, line 2: found the score `good`; write a number, `yes` or `no`");
}

#[test]
fn params_that_contradict_each_other_are_said() {
    let problems = |value: Value| problems(&KIND, &value);
    insta::assert_snapshot!(problems(json!({"by": ["critic", {"by": "density", "keep": 5}]})), @"
    by: step 1 does not say what it keeps
    by: what the last step keeps stands beside `by`
    ");
    insta::assert_snapshot!(problems(json!({"by": [{"by": "critic", "keep": 5}, "critic"], "csv": "r.csv"})), @"
    csv: only `by: review` reads a file
    by: `critic` comes twice
    ");
    insta::assert_snapshot!(problems(json!({"by": "review"})), @"csv: `by: review` reads scores from a file, but none is named");
    insta::assert_snapshot!(problems(json!({"keep": [0, 0], "per_class": true})), @"keep: the numbers sum to 0; no image would be left");
    insta::assert_snapshot!(problems(json!({"keep": {"share": 0}, "diverse": true})), @"
    keep: a share of 0 keeps nothing
    diverse: `diverse` needs to know how many images are kept
    ");
    insta::assert_snapshot!(problems(json!({"keep": {"share": 0.5, "at_least": 1}})), @"keep: a bound is either a share or a least score");
    insta::assert_snapshot!(problems(json!({"keep": {"most": 3}})), @"keep.most: unknown name `most`; known are `at_least`, `share`");
    insta::assert_snapshot!(problems(json!({"by": "critique"})), @"by: found `critique`, expected one of `critic`, `realism`, `confidence`, `density`, `diversity`, `review`");
}

#[test]
fn more_than_there_is_cannot_be_kept() {
    let foreseen = |value: &Value, images: usize| {
        let mut known = Forecast::default();
        known.connected.insert("gan".into());
        known.inputs.insert("images".into(), Counts::of(Partition::Train, images));
        (KIND.forecast)(&KIND.resolve(value).unwrap(), &known).map_err(|error| told(&error))
    };
    insta::assert_snapshot!(foreseen(&json!({}), 200).unwrap_err(), @"`keep` asks for 443 of 200 images; lower `keep`, or raise `count` in the stage that generates them");
    let kept = |images| Ok(vec![("images", Counts::of(Partition::Train, images))]);
    assert_eq!(foreseen(&json!({}), 2000), kept(443));
    assert_eq!(foreseen(&json!({"keep": [3, 4]}), 2000), kept(7));
    assert_eq!(foreseen(&json!({"keep": {"share": 0.5}}), 2000), Ok(vec![]));
    assert_eq!(foreseen(&json!({"keep": 9, "per_class": true}), 2000), Ok(vec![]));
    let steps = json!({"by": [{"by": "critic", "keep": 5}, "density"], "keep": 6});
    insta::assert_snapshot!(foreseen(&steps, 2000).unwrap_err(), @"`keep` asks for 6 of 5 images; lower `keep`, or raise `count` in the stage that generates them");
    let huge = json!({"keep": [usize::MAX, 5]});
    insta::assert_snapshot!(foreseen(&huge, 2000).unwrap_err(), @"`keep` asks for 18446744073709551615 of 2000 images; lower `keep`, or raise `count` in the stage that generates them");
}

#[test]
fn what_scores_must_be_connected() {
    let refusal = |value: &Value| {
        let params = KIND.resolve(value).unwrap();
        told(&(KIND.forecast)(&params, &Forecast::default()).unwrap_err())
    };
    insta::assert_snapshot!(refusal(&json!({})), @"`by: critic` scores by a GAN's critic, but there is none; connect the port `gan`, or write `by: realism`");
    insta::assert_snapshot!(refusal(&json!({"by": "realism"})), @"`by: realism` compares a classifier's features, but there is none; connect the port `classifier`, or write `by: critic`");
    insta::assert_snapshot!(refusal(&json!({"by": "confidence"})), @"`by: confidence` asks a classifier, but there is none; connect the port `classifier`, or write `by: critic`");
}

#[test]
fn what_cannot_be_chosen_from_is_refused_with_a_remedy() {
    let (made, real) = (greys("gan", &[0, 99, 50]), greys("train", &[0]));
    let refusal =
        |value: Value| told(&chosen(&value, &made, &real, &[&[0.0, 1.0, 0.5]]).unwrap_err());
    insta::assert_snapshot!(refusal(json!({"keep": 3})), @"`keep` asks for 3 of 2 images, without the 1 near copies; lower `keep`, or raise `count` in the stage that generates them");
    insta::assert_snapshot!(refusal(json!({"keep": [1, 2]})), @"`keep` asks for 2 of 1 images of class `b`, without the 1 near copies; lower `keep`, or raise `count` in the stage that generates them");
    insta::assert_snapshot!(refusal(json!({"keep": [1, 2, 3]})), @"3 numbers in `keep` for 2 classes: a, b; give one number for each class, in this order");
    insta::assert_snapshot!(refusal(json!({"keep": {"at_least": 2}})), @"no image that is left has a `critic` of at least 2; the highest of all images is 1: lower `at_least`");
    let mut unlabelled = made.clone();
    unlabelled.samples[1].label = None;
    let refused = chosen(&json!({"keep": 1, "per_class": true}), &unlabelled, &real, &[&[0.0; 3]]);
    insta::assert_snapshot!(told(&refused.unwrap_err()), @"`keep` counts the images of each class, but `gan/1` has no label; put a `label` stage before it, or train the GAN with `conditional: true`");
    assert!(nearest_real(&made, &greys("train", &[])).is_err());
    assert!(nearest_real(&made, &ImageSet::empty(1, 1, vec![])).is_err());
}
