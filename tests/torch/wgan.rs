//! The WGAN on images of 16 x 16 pixels: shapes, limits of the critic, what it learns.

use ablate::artifact::CriticNorm;
use ablate::artifact::Gan;
use ablate::artifact::GanShape;
use ablate::artifact::ImageSet;
use ablate::ml;
use ablate::ml::CriticLimit;
use ablate::ml::LatentDistribution;
use ablate::ml::Optimiser;
use ablate::ml::Precision;
use ablate::ml::Sampling;
use ablate::ml::WganSettings;
use ablate::stage::Course;
use ablate::stage::StageError;
use safetensors::SafeTensors;

use crate::lab;
use crate::lab::Watcher;

pub(crate) fn settings(limit: CriticLimit, epochs: usize) -> WganSettings {
    let clipped = matches!(limit, CriticLimit::Clip(_));
    let shape = GanShape {
        size: 16,
        latent: 8,
        generator_width: 16,
        critic_width: 8,
        critic_norm: if clipped { CriticNorm::Batch } else { CriticNorm::Layer },
        ..GanShape::default()
    };
    let course = Course::single(epochs, if clipped { 5e-4 } else { 2e-3 });
    let optimiser = if clipped { Optimiser::Rmsprop } else { Optimiser::Adam };
    WganSettings { critic_steps: 2, limit, optimiser, ..WganSettings::new(shape, 8, course) }
}

pub(crate) fn sampling(count: usize, batch_size: usize) -> Sampling {
    Sampling { count, classes: Vec::new(), latent: LatentDistribution::Normal, batch_size }
}

fn train(settings: &WganSettings, count: usize) -> Gan {
    let watcher = Watcher::default();
    ml::train_wgan(&lab::context(&watcher, None), settings, &lab::images(count, 16)).unwrap()
}

fn tensors(file: &[u8]) -> Vec<(String, Vec<f32>)> {
    let file = SafeTensors::deserialize(file).unwrap();
    let floats = |bytes: &[u8]| {
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    };
    let floating = file.iter().filter(|(_, view)| view.dtype() == safetensors::Dtype::F32);
    floating.map(|(name, view)| (name.to_owned(), floats(view.data()))).collect()
}

#[test]
fn every_trainable_number_of_a_clipped_critic_stays_in_bounds_and_statistics_do_not() {
    let gan = train(&settings(CriticLimit::Clip(0.01), 2), 24);
    let (mut clipped, mut free) = (0.0_f32, 0.0_f32);
    for (name, numbers) in tensors(&gan.critic) {
        let largest = numbers.iter().fold(0.0, |largest: f32, number| largest.max(number.abs()));
        let statistics = name.contains("running");
        let bound = if statistics { &mut free } else { &mut clipped };
        *bound = bound.max(largest);
    }
    assert_eq!(clipped, 0.01);
    assert!(free > 0.01);
}

#[test]
fn a_gradient_penalty_teaches_the_generator_what_the_images_look_like() {
    let gan = train(&settings(CriticLimit::GradientPenalty(10.0), 60), 32);
    assert_eq!(gan.history.rows.len(), 60);
    let watcher = Watcher::default();
    let sampling = sampling(16, 5);
    let pixels = ml::generate(&lab::context(&watcher, None), &gan, &sampling).unwrap();
    assert_eq!(pixels.len(), 16 * 16 * 16 * 3);
    // Real images have means of 88 (disc) and 162 (frame); an untrained generator gives 127.
    let spread = pixels.iter().map(|&p| f64::from(p.abs_diff(127))).sum::<f64>();
    assert!(spread / pixels.len() as f64 > 40.0, "{}", spread / pixels.len() as f64);
}

#[test]
fn images_do_not_depend_on_the_batches_they_are_drawn_in() {
    let gan = train(&settings(CriticLimit::Clip(0.01), 1), 16);
    let watcher = Watcher::default();
    let draw = |batch_size| {
        let sampling = sampling(7, batch_size);
        ml::generate(&lab::context(&watcher, None), &gan, &sampling).unwrap()
    };
    let (one, all) = (draw(1), draw(64));
    assert!(one.iter().zip(&all).all(|(a, b)| a.abs_diff(*b) <= 1));
    assert_ne!(one[..768], one[768..1536]);
}

#[test]
fn the_critic_scores_real_images_above_noise() {
    let gan = train(&settings(CriticLimit::GradientPenalty(10.0), 10), 32);
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let real = lab::images(8, 16);
    let mut stream = ablate::seed::Seed(3).stream();
    let pixels = (0..8 * real.bytes_per_image()).map(|_| stream.below(256) as u8).collect();
    let noise = real.clone().filled(real.samples.clone(), pixels);
    let mean = |set| {
        let scores = ml::critic_scores(&cx, &gan, set).unwrap();
        assert_eq!(scores.len(), 8);
        scores.iter().sum::<f64>() / 8.0
    };
    assert!(mean(&real) > mean(&noise));
}

#[test]
fn the_papers_networks_have_the_papers_tensors() {
    let mut settings = settings(CriticLimit::Clip(0.01), 0);
    settings.shape.size = 64;
    settings.shape.latent = 100;
    settings.shape.generator_width = 1024;
    settings.shape.critic_width = 64;
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let gan = ml::train_wgan(&cx, &settings, &lab::images(2, 64)).unwrap();
    let count = |file: &[u8], norms: bool| -> usize {
        let named = tensors(file).into_iter().filter(|(name, _)| !name.contains("running"));
        let kept = named.filter(|(name, _)| name.starts_with("norms") == norms);
        kept.map(|(_, numbers)| numbers.len()).sum()
    };
    assert_eq!(count(&gan.generator, false), 18_867_584);
    assert_eq!(count(&gan.generator, true), 3_840);
    assert_eq!(count(&gan.critic, false), 4_313_792);
}

#[test]
fn images_of_the_wrong_size_and_no_images_are_errors() {
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let mut settings = settings(CriticLimit::Clip(0.01), 1);
    let error = |settings: &WganSettings, set: &ImageSet| match ml::train_wgan(&cx, settings, set) {
        Err(StageError::Data { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let found = error(&settings, &lab::images(4, 8));
    assert_eq!(found, "images of 8 x 8 pixels for a GAN of 16 x 16");
    assert_eq!(error(&settings, &lab::images(0, 16)), "there is no image to train a GAN on");
    settings.shape.size = 20;
    let found = error(&settings, &lab::images(4, 20));
    assert_eq!(found, "a GAN cannot make images of 20 x 20 pixels");
}

#[test]
fn a_gan_past_saving_stops_with_advice() {
    let mut lost = settings(CriticLimit::GradientPenalty(10.0), 40);
    lost.course = Course::single(40, 1e9);
    let watcher = Watcher::default();
    let images = lab::images(16, 16);
    let error = ml::train_wgan(&lab::context(&watcher, None), &lost, &images).unwrap_err();
    assert!(error.to_string().starts_with("the critic loss is "), "{error}");
    assert!(error.remedy().unwrap().contains("lower the learning rate"));
}

#[test]
fn bfloat16_trains_nearly_as_single_precision_and_keeps_single_precision() {
    let trained = |precision| {
        let mut settings = settings(CriticLimit::Clip(0.01), 10);
        settings.exactness.precision = precision;
        train(&settings, 24)
    };
    let [exact, rounded, again] = [Precision::Fp32, Precision::Bf16, Precision::Bf16].map(trained);
    let files = |gan: &Gan| (gan.generator.clone(), gan.critic.clone());
    assert!(files(&rounded) == files(&again), "the same twice, bit for bit");
    assert!(files(&rounded) != files(&exact));
    let last = |gan: &Gan| *gan.history.column("wasserstein").unwrap().last().unwrap();
    let apart = (last(&exact) - last(&rounded)).abs() / last(&exact).abs();
    assert!(apart < 0.1, "{} and {}", last(&exact), last(&rounded));
    // A weight that had been rounded would have none of its lower 16 bits.
    let fine = |number: &f32| number.to_bits() & 0xffff != 0;
    let weights = tensors(&rounded.generator);
    assert!(
        weights
            .iter()
            .any(|(name, numbers)| name.contains("doublings") && numbers.iter().any(fine))
    );
    assert!(exact.history.column("diversity").unwrap()[9] > 0.0);
}
