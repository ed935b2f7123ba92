//! Lesions of diabetic retinopathy, more and larger ones the more ill an eye is.

use crate::imaging::fundus::canvas::Canvas;
use crate::imaging::fundus::canvas::Light;
use crate::imaging::fundus::canvas::Place;
use crate::imaging::fundus::canvas::fade;
use crate::imaging::fundus::canvas::mix;
use crate::imaging::fundus::eye::Eye;
use crate::imaging::fundus::vessels;
use crate::seed::Seed;
use crate::seed::Stream;

const BLOOD: Light = [0.36, 0.05, 0.04];
const LIPID: Light = [1.0, 0.90, 0.45];
const WOOL: Light = [0.97, 0.88, 0.72];

/// Draws all lesions of an eye.
pub(super) fn draw(canvas: &mut Canvas, eye: &Eye, seed: Seed) {
    let stream = |name: &str| seed.named(name).stream();
    let beyond = |from: f64| (eye.severity - from).max(0.0);
    cotton_wool(canvas, eye, 1.3 * beyond(2.3), &mut stream("cotton wool"));
    exudates(canvas, eye, 1.4 * beyond(1.4), &mut stream("exudates"));
    haemorrhages(canvas, eye, 4.0 * beyond(1.4), &mut stream("haemorrhages"));
    microaneurysms(canvas, eye, 9.0 * beyond(0.55).min(2.5), &mut stream("microaneurysms"));
    new_vessels(canvas, eye, beyond(3.3), &mut stream("new vessels"));
}

/// Draws a number of about the given mean.
fn about(mean: f64, stream: &mut Stream) -> usize {
    (mean * stream.range(0.7, 1.3) + stream.unit()) as usize * usize::from(mean > 0.0)
}

/// Draws a place in the field that is not on the disc.
fn somewhere(eye: &Eye, stream: &mut Stream) -> Place {
    loop {
        let radius = 0.88 * stream.unit().sqrt();
        let direction = stream.range(0.0, std::f64::consts::TAU);
        let place = Place { x: 0.0, y: 0.0 }.towards(direction, radius);
        if place.distance(eye.disc) > 1.4 * eye.disc_radius {
            return place;
        }
    }
}

/// Dots of blood in bulging capillaries.
fn microaneurysms(canvas: &mut Canvas, eye: &Eye, mean: f64, stream: &mut Stream) {
    for _ in 0..about(mean, stream) {
        let place = somewhere(eye, stream);
        let radius = eye.lesions * stream.range(0.016, 0.030);
        canvas.spot(place, radius, BLOOD, stream.range(0.7, 0.95));
    }
}

/// Blots of blood with ragged rims.
fn haemorrhages(canvas: &mut Canvas, eye: &Eye, mean: f64, stream: &mut Stream) {
    for _ in 0..about(mean, stream) {
        let middle = somewhere(eye, stream);
        let size = eye.lesions * stream.range(0.028, 0.062) * (0.8 + 0.1 * eye.severity);
        for _ in 0..4 {
            let off = stream.range(0.0, size * 0.8);
            let place = middle.towards(stream.range(0.0, std::f64::consts::TAU), off);
            canvas.spot(place, size * stream.range(0.55, 1.0), BLOOD, 0.75);
        }
    }
}

/// Clusters and rings of fat near the macula.
fn exudates(canvas: &mut Canvas, eye: &Eye, mean: f64, stream: &mut Stream) {
    for _ in 0..about(mean, stream) {
        let direction = stream.range(0.0, std::f64::consts::TAU);
        let middle = eye.macula.towards(direction, stream.range(0.14, 0.42));
        let spread = stream.range(0.05, 0.12);
        for _ in 0..5 + stream.below(9) {
            let off = spread * stream.unit().sqrt();
            let place = middle.towards(stream.range(0.0, std::f64::consts::TAU), off);
            let radius = eye.lesions * stream.range(0.012, 0.034);
            canvas.spot(place, radius, LIPID, stream.range(0.65, 0.95));
        }
    }
}

/// Pale, soft swellings of the nerve fibres.
fn cotton_wool(canvas: &mut Canvas, eye: &Eye, mean: f64, stream: &mut Stream) {
    for _ in 0..about(mean, stream) {
        let middle =
            eye.disc.towards(stream.range(0.0, std::f64::consts::TAU), stream.range(0.3, 0.6));
        let radius = eye.lesions * stream.range(0.05, 0.09);
        canvas.change(middle, radius, |place, light| {
            mix(light, WOOL, 0.6 * fade(place.distance(middle), 0.1 * radius, radius))
        });
    }
}

/// Tangles of new vessels, and the blood that they lose before the retina: flat above, round below.
fn new_vessels(canvas: &mut Canvas, eye: &Eye, beyond: f64, stream: &mut Stream) {
    for _ in 0..about(2.2 * beyond, stream) {
        let far = stream.range(0.05, 0.35);
        let middle = eye.disc.towards(stream.range(0.0, std::f64::consts::TAU), far);
        vessels::tangle(canvas, middle, stream.range(0.14, 0.24), stream);
    }
    if stream.chance((0.55 * beyond).min(0.9)) {
        let middle = somewhere(eye, stream);
        let radius = stream.range(0.13, 0.24);
        let level = middle.y - 0.1 * radius;
        canvas.change(middle, radius, |place, light| {
            let below = 1.0 - fade(place.y - level, -0.02, 0.03);
            let share = 0.85 * below * fade(place.distance(middle), 0.8 * radius, radius);
            mix(light, BLOOD, share)
        });
    }
}
