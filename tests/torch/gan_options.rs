//! What a WGAN may be told beyond the study's: each option does what it says, and a training that goes on from a
//! checkpoint ends where one ends that never stopped, whatever the options.

use std::path::Path;

use ablate::artifact::CriticNorm;
use ablate::artifact::Gan;
use ablate::artifact::GanShape;
use ablate::artifact::ImageSet;
use ablate::artifact::Upsampling;
use ablate::ml;
use ablate::ml::CriticLimit;
use ablate::ml::DiffAugment;
use ablate::ml::LatentDistribution;
use ablate::ml::Optimiser;
use ablate::ml::Precision;
use ablate::ml::Sampling;
use ablate::ml::WarmUp;
use ablate::ml::WganSettings;
use ablate::stage::Checkpoints;
use ablate::stage::Course;
use ablate::stage::Keep;
use ablate::stage::Phase;
use ablate::stage::StageError;
use ablate::stage::StopWhen;
use safetensors::SafeTensors;

use crate::lab;
use crate::lab::Watcher;
use crate::wgan;

const CHANGES: [DiffAugment; 3] =
    [DiffAugment::Colour, DiffAugment::Translation, DiffAugment::Cutout];

/// What it is called, and what it changes.
type Choice = (&'static str, fn(&mut WganSettings));

const OPTIONS: &[Choice] = &[
    ("spectral normalisation", |settings| {
        settings.limit = CriticLimit::SpectralNorm;
        settings.shape.spectral_norm = true;
        settings.shape.critic_norm = CriticNorm::None;
        settings.optimiser = Optimiser::Adam;
    }),
    ("gradient penalty with changes", |settings| {
        settings.limit = CriticLimit::GradientPenalty(10.0);
        settings.shape.critic_norm = CriticNorm::Layer;
        settings.diff_augment = CHANGES.to_vec();
    }),
    ("warm-up", |settings| {
        settings.warm_up = Some(WarmUp { generator_steps: 1, critic_steps: 5, again_every: 2 });
    }),
    ("transposed 4 x 4", |settings| settings.shape.upsampling = Upsampling::Transposed4),
    ("resize", |settings| settings.shape.upsampling = Upsampling::Resize),
    ("average", |settings| settings.average = Some(0.8)),
    ("changes", |settings| settings.diff_augment = CHANGES.to_vec()),
    ("classes", |settings| settings.shape.conditions = 2),
    ("all that go together", together),
    ("all that go together, with 8 bits", |settings| {
        together(settings);
        settings.exactness.precision = Precision::Bf16;
    }),
];

fn together(settings: &mut WganSettings) {
    settings.limit = CriticLimit::SpectralNorm;
    settings.shape.spectral_norm = true;
    settings.shape.critic_norm = CriticNorm::None;
    settings.shape.upsampling = Upsampling::Resize;
    settings.shape.conditions = 2;
    settings.diff_augment = CHANGES.to_vec();
    settings.average = Some(0.8);
    settings.warm_up = Some(WarmUp { generator_steps: 2, critic_steps: 4, again_every: 3 });
}

/// Settings of a clipped WGAN with three batches an epoch on the images of [`train`].
fn plain(epochs: usize) -> WganSettings {
    WganSettings { grid_every: 2, ..wgan::settings(CriticLimit::Clip(0.01), epochs) }
}

fn train_at(
    watcher: &Watcher,
    folder: Option<&Path>,
    settings: &WganSettings,
) -> Result<Gan, StageError> {
    ml::train_wgan(&lab::context(watcher, folder), settings, &lab::images(20, 16))
}

fn train(settings: &WganSettings) -> Gan {
    train_at(&Watcher::default(), None, settings).unwrap()
}

#[track_caller]
fn assert_same(one: &Gan, two: &Gan, about: &str) {
    assert_eq!(one.history.to_csv(), two.history.to_csv(), "{about}");
    assert!(one.generator == two.generator && one.critic == two.critic, "{about}");
    assert!(one.grids == two.grids, "{about}");
}

#[test]
fn each_option_makes_a_difference_and_a_resumed_training_ends_as_an_uninterrupted_one() {
    let usual = train(&plain(5));
    for (name, option) in OPTIONS {
        let mut settings = plain(5);
        option(&mut settings);
        let whole = train(&settings);
        assert!(whole.generator != usual.generator, "{name} makes no difference");
        assert_eq!(whole.history.rows.len(), 5, "{name}");
        let folder = tempfile::tempdir().unwrap();
        let stopped = train_at(&Watcher::stopping_after(3), Some(folder.path()), &settings);
        assert!(matches!(stopped, Err(StageError::Cancelled)), "{name}");
        let watcher = Watcher::default();
        let resumed = train_at(&watcher, Some(folder.path()), &settings).unwrap();
        assert_eq!(watcher.notes().last().unwrap(), "goes on after epoch 3 of 5", "{name}");
        assert_same(&resumed, &whole, name);
    }
}

fn tensor(file: &[u8], name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(file).unwrap();
    let bytes = file.tensor(name).unwrap().data();
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

#[test]
fn an_average_changes_what_is_kept_and_not_how_it_came_about() {
    let usual = train(&plain(4));
    let averaged = |decay| train(&WganSettings { average: Some(decay), ..plain(4) });
    assert_same(&averaged(0.0), &usual, "a decay of 0 is the last weights");
    let slow = averaged(0.9);
    assert!(slow.critic == usual.critic && slow.generator != usual.generator);
    assert!(slow.grids != usual.grids, "grids are drawn from the average");
    let statistics = "norms.0.running_mean";
    assert_eq!(tensor(&slow.generator, statistics), tensor(&usual.generator, statistics));
    // A weight that moves away from its start is behind it in the average.
    let start = tensor(&train(&plain(0)).generator, "project.weight");
    let (slow, last) =
        (tensor(&slow.generator, "project.weight"), tensor(&usual.generator, "project.weight"));
    let distance = |weights: &[f32]| -> f32 {
        weights.iter().zip(&start).map(|(weight, start)| (weight - start).abs()).sum()
    };
    assert!(distance(&slow) < 0.9 * distance(&last), "{} {}", distance(&slow), distance(&last));
}

#[test]
fn the_critic_warms_up_before_the_generator_moves() {
    let warm_up = WarmUp { generator_steps: 2, critic_steps: 5, again_every: 0 };
    let gan = train(&WganSettings { warm_up: Some(warm_up), ..plain(6) });
    // Three critic steps an epoch: generator steps after the 5th, the 10th, and then each second one.
    let moved: Vec<bool> =
        gan.history.column("generator_loss").unwrap().iter().map(|loss| !loss.is_nan()).collect();
    assert_eq!(moved, [false, true, false, true, true, true]);
}

#[test]
fn singular_vectors_have_length_1_and_no_weight_is_clipped() {
    let mut settings = plain(3);
    (OPTIONS[0].1)(&mut settings);
    settings.shape.conditions = 2;
    let critic = train(&settings).critic;
    for layer in ["convs.0", "convs.1", "score", "classes"] {
        for vector in ["weight_u", "weight_v"] {
            let squares: f32 =
                tensor(&critic, &format!("{layer}.{vector}")).iter().map(|x| x * x).sum();
            assert!((squares - 1.0).abs() < 1e-4, "{layer}.{vector}: {squares}");
        }
    }
    assert!(tensor(&critic, "convs.0.weight").iter().any(|weight| weight.abs() > 0.01));
}

fn draw(gan: &Gan, classes: Vec<usize>) -> Result<Vec<u8>, StageError> {
    let watcher = Watcher::default();
    let (count, latent) = (4, LatentDistribution::Normal);
    let sampling = Sampling { count, classes, latent, batch_size: 3 };
    ml::generate(&lab::context(&watcher, None), gan, &sampling)
}

/// Returns how much brighter the middle of images of 16 x 16 is than their rim, on the average.
fn disc(pixels: &[u8]) -> f64 {
    let (mut middle, mut rim) = ((0.0, 0.0), (0.0, 0.0));
    for (place, value) in pixels.chunks_exact(3).enumerate() {
        let inside = |at: usize| (4..12).contains(&at);
        let is_inside = inside(place % 16) && inside(place / 16 % 16);
        let part = if is_inside { &mut middle } else { &mut rim };
        *part = (part.0 + f64::from(value[0]), part.1 + 1.0);
    }
    middle.0 / middle.1 - rim.0 / rim.1
}

#[test]
fn a_gan_that_is_told_classes_draws_what_is_asked_for_and_scores_by_the_label() {
    let mut settings = wgan::settings(CriticLimit::GradientPenalty(10.0), 60);
    settings.shape.conditions = 2;
    let watcher = Watcher::default();
    let images = lab::images(32, 16);
    let gan = ml::train_wgan(&lab::context(&watcher, None), &settings, &images).unwrap();
    assert_eq!(gan.counts, [16, 16]);
    let (discs, frames) = (draw(&gan, vec![0; 4]).unwrap(), draw(&gan, vec![1; 4]).unwrap());
    assert!(disc(&discs) > 40.0 && disc(&frames) < -40.0, "{} {}", disc(&discs), disc(&frames));
    let score = |set: &ImageSet| {
        let scores = ml::critic_scores(&lab::context(&watcher, None), &gan, set).unwrap();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let mut swapped = images.clone();
    swapped.samples.iter_mut().for_each(|s| s.label = s.label.map(|label| 1 - label));
    assert!(score(&images) > score(&swapped), "{} {}", score(&images), score(&swapped));
}

#[test]
fn classes_that_are_missing_are_errors_with_a_remedy() {
    let mut settings = plain(1);
    settings.shape.conditions = 2;
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let mut images = lab::images(8, 16);
    images.samples[5].label = None;
    let told = |error: StageError| format!("{error}; {}", error.remedy().unwrap_or_default());
    let error = told(ml::train_wgan(&cx, &settings, &images).unwrap_err());
    insta::assert_snapshot!(error, @"a conditional GAN needs classes, but image `train/5` has no label; put a `label` stage before it, or train the GAN without `conditional`");
    let gan = train(&settings);
    insta::assert_snapshot!(told(ml::critic_scores(&cx, &gan, &images).unwrap_err()), @"a conditional GAN needs classes, but image `train/5` has no label; put a `label` stage before it, or train the GAN without `conditional`");
    insta::assert_snapshot!(told(draw(&gan, vec![]).unwrap_err()), @"0 classes for 4 images of a GAN that is told 2;");
    insta::assert_snapshot!(told(draw(&gan, vec![0, 1, 2, 1]).unwrap_err()), @"4 classes for 4 images of a GAN that is told 2;");
}

#[test]
fn a_training_ends_where_its_rule_says_and_no_checkpoint_goes_beyond() {
    let rule = StopWhen {
        metric: "critic_loss".to_owned(),
        below: Some(1e9),
        above: None,
        no_lower_for: None,
        no_higher_for: None,
        after: 2,
    };
    let with = |epochs| {
        let phase = Phase { epochs, learning_rate: 5e-4 };
        let course = Course::new(&[phase], Checkpoints { every: 1, keep: Keep::All });
        WganSettings { course, stop_when: Some(rule.clone()), ..plain(0) }
    };
    let watcher = Watcher::default();
    let whole = train_at(&watcher, None, &with(6)).unwrap();
    assert_eq!(whole.history.rows.len(), 3);
    let loss = whole.history.rows[2][1];
    let why = format!("`critic_loss` is {loss}, below 1000000000");
    assert_eq!(watcher.notes(), [format!("ends after epoch 3 of 6: {why}")]);
    let names: Vec<&str> = whole.grids.keys().map(String::as_str).collect();
    assert_eq!(names, ["epoch-0002.png", "epoch-0003.png"]);

    let folder = tempfile::tempdir().unwrap();
    let stopped = train_at(&Watcher::stopping_after(2), Some(folder.path()), &with(6));
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let resumed = train_at(&Watcher::default(), Some(folder.path()), &with(6)).unwrap();
    assert_same(&resumed, &whole, "stopped by a user before the rule ends it");
    // A longer course goes on from the end, finds that it is the end, and trains nothing.
    let watcher = Watcher::default();
    let longer = train_at(&watcher, Some(folder.path()), &with(9)).unwrap();
    let ends = format!("ends after epoch 3 of 9: {why}");
    assert_eq!(watcher.notes(), ["goes on after epoch 3 of 9".to_owned(), ends]);
    assert_same(&longer, &whole, "a longer course");
    let names = ablate::files::names(folder.path()).unwrap();
    assert!(names.iter().all(|name| name < &"epoch-000004".to_owned()), "{names:?}");
}

#[test]
fn a_step_works_on_images_from_8_to_256_pixels_in_each_way_to_double() {
    for (size, upsampling) in [
        (8, Upsampling::Resize),
        (32, Upsampling::Transposed5),
        (32, Upsampling::Transposed4),
        (32, Upsampling::Resize),
        (256, Upsampling::Transposed5),
        (256, Upsampling::Transposed4),
        (256, Upsampling::Resize),
    ] {
        let shape = GanShape {
            size,
            latent: 4,
            generator_width: 32,
            critic_width: 1,
            upsampling,
            ..GanShape::default()
        };
        let settings = WganSettings {
            critic_steps: 1,
            ..WganSettings::new(shape, 2, Course::single(1, 1e-3))
        };
        let watcher = Watcher::default();
        let cx = lab::context(&watcher, None);
        let gan = ml::train_wgan(&cx, &settings, &lab::images(2, size)).unwrap();
        let loss = gan.history.column("generator_loss").unwrap()[0];
        assert!(loss.is_finite(), "{size}, {upsampling:?}: {loss}");
        let sampling = wgan::sampling(2, 2);
        let pixels = ml::generate(&cx, &gan, &sampling).unwrap();
        assert_eq!(pixels.len(), 2 * size * size * 3, "{upsampling:?}");
    }
}
