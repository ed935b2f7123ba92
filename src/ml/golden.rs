//! Tests of a GAN's networks beside PyTorch's: ways to double, spectral normalisation, classes.
//!
//! The reference is `tests/golden/gan.json`, written by `tests/golden/gan.py`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::CriticNorm;
use crate::artifact::GanShape;
use crate::artifact::Upsampling;
use crate::ml::gan;
use crate::ml::layers::Mode;
use crate::ml::parameters::Parameters;
use crate::ml::precision::Bits;

/// What PyTorch gives.
#[derive(Deserialize)]
pub(in crate::ml) struct Golden {
    generators: Vec<Drawn>,
    critics: Vec<Scored>,
    pub(in crate::ml) draws: Draws,
    pub(in crate::ml) changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Drawn {
    way: Upsampling,
    classes: usize,
    train: Vec<f64>,
    #[serde(rename = "use")]
    used: Vec<f64>,
}

#[derive(Deserialize)]
struct Scored {
    norm: CriticNorm,
    spectral: bool,
    classes: usize,
    first: Vec<f64>,
    second: Vec<f64>,
    #[serde(rename = "use")]
    used: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
}

/// The numbers that `DiffAugment` was given for two images.
#[derive(Deserialize)]
pub(in crate::ml) struct Draws {
    pub(in crate::ml) brightness: [f64; 2],
    pub(in crate::ml) saturation: [f64; 2],
    pub(in crate::ml) contrast: [f64; 2],
    pub(in crate::ml) shifts: [[i64; 2]; 2],
    pub(in crate::ml) middles: [[i64; 2]; 2],
}

/// What a way of `DiffAugment` makes of images, and its gradient.
#[derive(Deserialize)]
pub(in crate::ml) struct Change {
    pub(in crate::ml) way: crate::ml::DiffAugment,
    pub(in crate::ml) changed: Vec<f64>,
    pub(in crate::ml) gradient: Vec<f64>,
}

pub(in crate::ml) fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/golden/gan.json")).expect("the script wrote it")
}

/// Numbers from -1 to 1: `SplitMix64` at the places after the name's FNV-1a hash.
fn draw(name: &str, count: usize) -> Vec<f32> {
    let start = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let number = |place: u64| {
        let mut x = start.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        ((x >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
    };
    (1..=count as u64).map(number).collect()
}

/// Returns numbers by formula in a shape.
pub(in crate::ml) fn formula(name: &str, shape: &[i64]) -> Tensor {
    Tensor::from_slice(&draw(name, shape.iter().product::<i64>() as usize)).view(shape)
}

/// Fills a network by formula, and gives it its place.
fn fill(parameters: &mut Parameters) {
    for (name, tensor) in parameters.named().expect("tensors") {
        if tensor.kind() == Kind::Int64 {
            assert!(parameters.set(&name, &Tensor::from_slice(&[3_i64])).expect("a counter"));
            continue;
        }
        let x = formula(&name, &tensor.size());
        let last = name.rsplit('.').next().unwrap_or(&name);
        let x = match (tensor.dim(), last) {
            (2.., _) => x * ((6.0 / tensor.get(0).numel() as f64).sqrt() * 0.5),
            (_, "running_var") => x * 0.5 + 1.0,
            (_, "weight") => x * 0.2 + 1.0,
            _ => x * 0.1,
        };
        assert!(parameters.set(&name, &x).expect("a tensor"));
    }
    parameters.place(Device::Cpu, Bits::ThirtyTwo).expect("memory");
}

fn shape(conditions: usize) -> GanShape {
    GanShape {
        size: 16,
        latent: 3,
        generator_width: 4,
        critic_width: 4,
        conditions,
        ..GanShape::default()
    }
}

fn classes(conditions: usize) -> Option<Tensor> {
    (conditions > 0).then(|| Tensor::from_slice(&[0_i64, 2, 1]))
}

/// Compares every so many numbers of a tensor with those expected.
#[track_caller]
pub(in crate::ml) fn assert_close(about: &str, found: &Tensor, every: usize, expected: &[f64]) {
    let found =
        Vec::<f64>::try_from(found.detach().to_kind(Kind::Double).reshape([-1])).expect("numbers");
    let found: Vec<f64> = found.into_iter().step_by(every).collect();
    assert_eq!(found.len(), expected.len(), "{about}");
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-5, "{about}: {found}, {expected}");
    }
}

#[test]
fn generators_draw_what_those_of_pytorch_do() {
    for Drawn { way, classes: conditions, train, used } in golden().generators {
        let shape = GanShape { upsampling: way, ..shape(conditions) };
        let (net, mut parameters) = gan::generator(&shape, None).unwrap();
        fill(&mut parameters);
        let z = formula("z", &[3, 3]);
        let draw = |mode| net.forward(&z, classes(conditions).as_ref(), mode).unwrap();
        assert_close(&format!("{way:?} in training"), &draw(Mode::Train), 17, &train);
        assert_close(&format!("{way:?} in use"), &draw(Mode::Use), 17, &used);
    }
}

#[test]
fn critics_score_and_learn_as_those_of_pytorch_do() {
    for expected in golden().critics {
        let conditions = expected.classes;
        let (norm, spectral) = (expected.norm, expected.spectral);
        let shape = GanShape { critic_norm: norm, spectral_norm: spectral, ..shape(conditions) };
        let (net, mut parameters) = gan::critic(&shape, None).unwrap();
        fill(&mut parameters);
        let images = formula("images", &[3, 3, 16, 16]);
        let score = |mode| net.forward(&images, classes(conditions).as_ref(), mode).unwrap();
        let about = format!("{norm:?}, spectral: {spectral}, {conditions} classes");
        assert_close(&about, &score(Mode::Train), 1, &expected.first);
        let second = score(Mode::Train);
        assert_close(&about, &second, 1, &expected.second);
        let loss = (second * Tensor::from_slice(&[1.0_f32, 2.0, 3.0])).sum(None);
        let gradients = Tensor::run_backward(&[loss], &parameters.trainable(), false, false);
        assert_eq!(gradients.len(), expected.gradients.len());
        for (gradient, (name, expected)) in gradients.iter().zip(&expected.gradients) {
            assert_close(&format!("{about}: {name}"), gradient, 23, expected);
        }
        let before = parameters.named().unwrap();
        assert_close(&about, &score(Mode::Use), 1, &expected.used);
        assert_close(&about, &score(Mode::Use), 1, &expected.used);
        for (name, tensor) in parameters.named().unwrap() {
            assert!(tensor.equal(&before[&name]), "{name} changes in use");
        }
    }
}
