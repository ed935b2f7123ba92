//! A training that goes on from a checkpoint ends bit for bit where one ends that never stopped: the
//! same training after a stop, a longer one, one that differs after a common first stretch.

use std::path::Path;

use ablate::artifact::Classifier;
use ablate::artifact::Gan;
use ablate::augment::Online;
use ablate::files;
use ablate::ml;
use ablate::ml::ClassifierSettings;
use ablate::ml::CriticLimit;
use ablate::ml::Mixing;
use ablate::stage::Checkpoints;
use ablate::stage::Course;
use ablate::stage::Keep;
use ablate::stage::Phase;
use ablate::stage::StageError;

use crate::classifier;
use crate::lab;
use crate::lab::Watcher;
use crate::wgan;

fn course(schedule: &[(usize, f64)], every: usize) -> Course {
    let phase = |&(epochs, learning_rate): &(usize, f64)| Phase { epochs, learning_rate };
    let phases: Vec<Phase> = schedule.iter().map(phase).collect();
    Course::new(&phases, Checkpoints { every, keep: Keep::Ends })
}

fn gan(watcher: &Watcher, folder: Option<&Path>, course: Course) -> Result<Gan, StageError> {
    let mut settings = wgan::settings(CriticLimit::GradientPenalty(10.0), 3);
    settings.course = course;
    settings.critic_steps = 4; // three batches an epoch: steps are counted across epochs
    settings.grid_every = 3;
    ml::train_wgan(&lab::context(watcher, folder), &settings, &lab::images(20, 16))
}

fn fit(watcher: &Watcher, folder: Option<&Path>, course: Course) -> Result<Classifier, StageError> {
    fit_as(watcher, folder, ClassifierSettings { course, ..classifier::settings(4) })
}

fn fit_as(
    watcher: &Watcher,
    folder: Option<&Path>,
    mut settings: ClassifierSettings,
) -> Result<Classifier, StageError> {
    settings.keep_best = true;
    let (train, validation) = (lab::images(16, 16), lab::images(8, 16));
    let cx = lab::context(watcher, folder);
    ml::train_classifier(&cx, &settings, &train, Some(&validation))
}

#[track_caller]
fn assert_same_gan(one: &Gan, two: &Gan) {
    assert_eq!(one.history.to_csv(), two.history.to_csv());
    assert!(one.generator == two.generator && one.critic == two.critic);
    let names = |gan: &Gan| gan.grids.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(two));
    assert!(one.grids == two.grids);
}

#[track_caller]
fn assert_same_fit(one: &Classifier, two: &Classifier) {
    assert_eq!(one.history.to_csv(), two.history.to_csv());
    assert!(one.weights == two.weights);
}

#[test]
fn a_resumed_gan_equals_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let course = course(&[(3, 2e-3), (3, 1e-3)], 2);
    let stopped = gan(&Watcher::stopping_after(5), Some(folder.path()), course.clone());
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let watcher = Watcher::default();
    let resumed = gan(&watcher, Some(folder.path()), course.clone()).unwrap();
    assert_eq!(watcher.notes(), ["goes on after epoch 5 of 6"]);
    assert_same_gan(&resumed, &gan(&Watcher::default(), None, course).unwrap());
    let names: Vec<&str> = resumed.grids.keys().map(String::as_str).collect();
    assert_eq!(names, ["epoch-0003.png", "epoch-0006.png"]);
}

#[test]
fn a_longer_gan_and_one_with_another_second_stretch_go_on_from_a_finished_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = Some(folder.path());
    gan(&Watcher::default(), at, course(&[(2, 2e-3), (2, 1e-3)], 0)).unwrap();
    for (schedule, behind) in [
        (vec![(2, 2e-3), (3, 1e-3)], "4 of 5"), // longer
        (vec![(2, 2e-3), (2, 5e-4)], "2 of 4"), // another second stretch
        (vec![(5, 2e-3)], "2 of 5"),            // longer in the first
        (vec![(2, 2e-3), (2, 1e-3)], "4 of 4"), // the same again
    ] {
        let watcher = Watcher::default();
        let resumed = gan(&watcher, at, course(&schedule, 0)).unwrap();
        assert_eq!(watcher.notes(), [format!("goes on after epoch {behind}")]);
        assert_same_gan(&resumed, &gan(&Watcher::default(), None, course(&schedule, 0)).unwrap());
    }
    let watcher = Watcher::default();
    gan(&watcher, at, course(&[(2, 3e-3)], 0)).unwrap();
    assert_eq!(watcher.notes(), [""; 0], "another step size has no epoch in common");
}

#[test]
fn a_longer_classifier_and_one_with_another_second_stretch_go_on_from_a_finished_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = Some(folder.path());
    fit(&Watcher::default(), at, course(&[(2, 3e-4)], 0)).unwrap();
    for (schedule, behind) in [
        (vec![(4, 3e-4)], "2 of 4"),
        (vec![(2, 3e-4), (1, 1e-4)], "2 of 3"),
        (vec![(1, 3e-4), (3, 3e-4)], "4 of 4"), // written in two pieces
    ] {
        let watcher = Watcher::default();
        let resumed = fit(&watcher, at, course(&schedule, 0)).unwrap();
        assert_eq!(watcher.notes(), [format!("goes on after epoch {behind}")]);
        assert_same_fit(&resumed, &fit(&Watcher::default(), None, course(&schedule, 0)).unwrap());
    }
}

#[test]
fn a_resumed_classifier_equals_an_uninterrupted_one_past_a_damaged_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let course = course(&[(4, 3e-4)], 1);
    let stopped = fit(&Watcher::stopping_after(3), Some(folder.path()), course.clone());
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let name = course.checkpoint(3);
    let state = folder.path().join(&name).join("state.safetensors");
    let mut bytes = files::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    files::write(&state, &bytes).unwrap();

    let watcher = Watcher::default();
    let resumed = fit(&watcher, Some(folder.path()), course.clone()).unwrap();
    let damaged =
        format!("checkpoint of epoch 3 is passed over: `state.safetensors` is damaged (`{name}`)");
    assert_eq!(watcher.notes(), [damaged, "goes on after epoch 2 of 4".to_owned()]);
    assert_same_fit(&resumed, &fit(&Watcher::default(), None, course).unwrap());
}

#[test]
fn a_resumed_classifier_draws_and_mixes_images_as_an_uninterrupted_one() {
    let drawn = || ClassifierSettings {
        course: course(&[(4, 3e-4)], 1),
        online: Some(Online::default()),
        mixing: Mixing { mixup: Some(0.4), cutmix: Some(1.0) },
        ..classifier::settings(4)
    };
    let folder = tempfile::tempdir().unwrap();
    let stopped = fit_as(&Watcher::stopping_after(2), Some(folder.path()), drawn());
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let watcher = Watcher::default();
    let resumed = fit_as(&watcher, Some(folder.path()), drawn()).unwrap();
    assert_eq!(watcher.notes(), ["goes on after epoch 2 of 4"]);
    let whole = fit_as(&Watcher::default(), None, drawn()).unwrap();
    assert_same_fit(&resumed, &whole);
    for other in [
        ClassifierSettings { online: None, ..drawn() },
        ClassifierSettings { mixing: Mixing::default(), ..drawn() },
    ] {
        assert!(fit_as(&Watcher::default(), None, other).unwrap().weights != whole.weights);
    }
}

#[test]
fn two_passing_checkpoints_are_kept_beside_the_lasting_and_no_scratch() {
    let folder = tempfile::tempdir().unwrap();
    files::write(&folder.path().join(".scratch-1-0/state.safetensors"), b"half").unwrap();
    let first = course(&[(1, 3e-4)], 1);
    fit(&Watcher::default(), Some(folder.path()), first.clone()).unwrap();
    let whole = course(&[(5, 3e-4)], 1);
    fit(&Watcher::default(), Some(folder.path()), whole.clone()).unwrap();
    let kept = [first.checkpoint(1), whole.checkpoint(4), whole.checkpoint(5)];
    assert_eq!(files::names(folder.path()).unwrap(), kept);
    assert!(whole.is_passing(&kept[1]) && !whole.is_passing(&kept[2]));
}
