//! A training that was stopped and goes on ends bit for bit where an uninterrupted one ends.

use std::path::Path;

use ablate::artifact::Classifier;
use ablate::artifact::Gan;
use ablate::files;
use ablate::ml;
use ablate::ml::CriticLimit;
use ablate::ml::Phase;
use ablate::stage::StageError;

use crate::classifier;
use crate::lab;
use crate::lab::Watcher;
use crate::wgan;

fn gan(watcher: &Watcher, folder: Option<&Path>) -> Result<Gan, StageError> {
    let mut settings = wgan::settings(CriticLimit::GradientPenalty(10.0), 3);
    settings.schedule.push(Phase { epochs: 3, learning_rate: 1e-3 });
    settings.critic_steps = 4; // three batches an epoch: steps are counted across epochs
    settings.checkpoint_every = 2;
    settings.grid_every = 3;
    ml::train_wgan(&lab::context(watcher, folder), &settings, &lab::images(20, 16))
}

fn fit(watcher: &Watcher, folder: Option<&Path>) -> Result<Classifier, StageError> {
    let mut settings = classifier::settings(4);
    settings.checkpoint_every = 1;
    settings.keep_best = true;
    let (train, validation) = (lab::images(16, 16), lab::images(8, 16));
    let cx = lab::context(watcher, folder);
    ml::train_classifier(&cx, &settings, &train, Some(&validation))
}

#[test]
fn a_resumed_gan_equals_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = gan(&Watcher::stopping_after(5), Some(folder.path()));
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let watcher = Watcher::default();
    let resumed = gan(&watcher, Some(folder.path())).unwrap();
    assert_eq!(watcher.notes(), ["goes on after epoch 5"]);
    let whole = gan(&Watcher::default(), None).unwrap();
    assert_eq!(resumed.history.to_csv(), whole.history.to_csv());
    assert!(resumed.generator == whole.generator && resumed.critic == whole.critic);
    assert!(resumed.grids == whole.grids);
    let names: Vec<&str> = resumed.grids.keys().map(String::as_str).collect();
    assert_eq!(names, ["epoch-0003.png", "epoch-0006.png"]);
}

#[test]
fn a_resumed_classifier_equals_an_uninterrupted_one_past_a_damaged_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = fit(&Watcher::stopping_after(3), Some(folder.path()));
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let state = folder.path().join("epoch-000003/state.safetensors");
    let mut bytes = files::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    files::write(&state, &bytes).unwrap();

    let watcher = Watcher::default();
    let resumed = fit(&watcher, Some(folder.path())).unwrap();
    let damaged = "checkpoint `epoch-000003` is passed over: `state.safetensors` is damaged";
    assert_eq!(watcher.notes(), [damaged, "goes on after epoch 2"]);
    let whole = fit(&Watcher::default(), None).unwrap();
    assert_eq!(resumed.history.to_csv(), whole.history.to_csv());
    assert!(resumed.weights == whole.weights);
}

#[test]
fn two_checkpoints_are_kept_and_no_scratch() {
    let folder = tempfile::tempdir().unwrap();
    files::write(&folder.path().join(".scratch-1-0/state.safetensors"), b"half").unwrap();
    fit(&Watcher::default(), Some(folder.path())).unwrap();
    let mut names: Vec<String> = files::walk(folder.path())
        .unwrap()
        .into_iter()
        .filter_map(|found| Some(found.name.split_once('/')?.0.to_owned()))
        .collect();
    names.dedup();
    assert_eq!(names, ["epoch-000003", "epoch-000004"]);
}
