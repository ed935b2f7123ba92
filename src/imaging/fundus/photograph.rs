//! One photograph: an eye, lit, drawn and developed.

use crate::imaging::fundus::canvas::Canvas;
use crate::imaging::fundus::canvas::Light;
use crate::imaging::fundus::canvas::Place;
use crate::imaging::fundus::canvas::absorb;
use crate::imaging::fundus::canvas::fade;
use crate::imaging::fundus::canvas::mix;
use crate::imaging::fundus::eye::Eye;
use crate::imaging::fundus::eye::GRADES;
use crate::imaging::fundus::lesions;
use crate::imaging::fundus::vessels;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;

/// Radius of the lit field: a thin black rim is left even at its widest.
const FIELD: f64 = 0.97;
const DISC: Light = [0.99, 0.83, 0.55];
const CUP: Light = [1.0, 0.94, 0.78];
const THROUGH_MACULA: Light = [0.66, 0.50, 0.52];

/// What all photographs of a study have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Pixels from side to side.
    pub size: usize,
    /// Share of each grade; they need not sum to 1.
    pub balance: [f64; GRADES],
    /// Standard deviation of how ill an eye looks about its grade, in grades.
    pub overlap: f64,
    /// Size of lesions against life, 1 or more: a small image shows none of life's size.
    pub lesions: f64,
    /// Standard deviation of the sensor's noise, as a share of white.
    pub noise: f64,
}

/// A photograph, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photograph {
    /// The pixels.
    pub image: Rgb,
    /// Grade, 0 to 4.
    pub grade: usize,
    /// Number of the patient, who has two eyes.
    pub patient: usize,
}

/// Takes the photograph of the given number.
pub fn photograph(seed: Seed, number: usize, settings: &Settings) -> Photograph {
    let eye = Eye::draw(seed, number, settings);
    let own = seed.named("photograph").number(number as u64);
    let mut canvas = Canvas::new(settings.size, |place| ground(&eye, place));
    macula(&mut canvas, &eye);
    disc(&mut canvas, &eye);
    let tree = vessels::grow(&eye, &mut own.named("vessels").stream());
    vessels::draw(&mut canvas, &tree, 0.9);
    lesions::draw(&mut canvas, &eye, own.named("lesions"));
    expose(&mut canvas, &eye, own, settings.noise);
    Photograph { image: canvas.develop(), grade: eye.grade, patient: eye.patient }
}

/// The retina's own colour with the choroid's slow texture.
fn ground(eye: &Eye, place: Place) -> Light {
    let texture: f64 = eye
        .waves
        .iter()
        .map(|wave| (wave.across * place.x + wave.down * place.y + wave.phase).sin())
        .sum();
    let near_disc = (-(place.distance(eye.disc) / 0.38).powi(2)).exp();
    let brighter = 1.0 + 0.018 * texture + 0.16 * near_disc;
    eye.ground.map(|level| level * brighter)
}

fn macula(canvas: &mut Canvas, eye: &Eye) {
    canvas.change(eye.macula, 0.5, |place, light| {
        let distance = place.distance(eye.macula);
        let wide = (-(distance / 0.21).powi(2)).exp();
        let fovea = (-(distance / 0.05).powi(2)).exp();
        absorb(light, THROUGH_MACULA, 0.72 * wide + 0.2 * fovea)
    });
}

fn disc(canvas: &mut Canvas, eye: &Eye) {
    let radius = eye.disc_radius;
    let soft = canvas.pixel().max(0.025);
    canvas.change(eye.disc, 1.5 * radius, |place, light| {
        // A little higher than wide.
        let flat = Place { x: place.x, y: eye.disc.y + (place.y - eye.disc.y) * 0.9 };
        let distance = flat.distance(eye.disc);
        let with_disc = mix(light, DISC, 0.88 * fade(distance, radius - soft, radius + soft));
        mix(with_disc, CUP, 0.8 * fade(distance, 0.25 * radius, 0.6 * radius))
    });
}

/// Lights the field unevenly, cuts it out, and adds the sensor's noise.
fn expose(canvas: &mut Canvas, eye: &Eye, own: Seed, noise: f64) {
    let soft = canvas.pixel().max(0.012);
    let mut grain = own.named("noise").stream();
    canvas.change_all(|place, light| {
        let radius = place.x.hypot(place.y);
        let even =
            1.0 - eye.falloff * radius * radius + eye.tilt.x * place.x + eye.tilt.y * place.y;
        let seen = fade(radius, FIELD - soft, FIELD + soft);
        let grey = grain.normal() * noise;
        light.map(|level| {
            let lit = level * even * eye.exposure;
            // Noise of light grows with its root; the sensor's own is there in the dark.
            let rough = grey * (0.3 + lit.max(0.0).sqrt()) + 0.4 * noise * grain.normal();
            seen * (lit + rough) + (1.0 - seen) * (0.012 + 0.15 * rough)
        })
    });
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use super::photograph;
    use crate::imaging::resize::Filter;
    use crate::imaging::resize::resize;
    use crate::seed::Seed;

    fn settings(size: usize) -> Settings {
        Settings {
            size,
            balance: [0.45, 0.12, 0.19, 0.18, 0.06],
            overlap: 0.45,
            lesions: 1.0,
            noise: 0.02,
        }
    }

    #[test]
    fn the_same_number_is_the_same_photograph() {
        let of = |seed, number| photograph(Seed(seed), number, &settings(24)).image;
        assert_eq!(of(1, 5), of(1, 5));
        assert_ne!(of(1, 5), of(1, 6));
        assert_ne!(of(1, 5), of(2, 5));
    }

    #[test]
    fn grades_come_in_the_wanted_balance_even_in_small_sets() {
        let mut counts = [0; 5];
        for number in 0..100 {
            counts[photograph(Seed(3), number, &settings(4)).grade] += 1;
        }
        for (count, expected) in counts.iter().zip([45_i32, 12, 19, 18, 6]) {
            assert!((expected - count).abs() <= 2, "{counts:?}");
        }
    }

    #[test]
    fn the_field_is_lit_and_the_corners_are_black() {
        let image = photograph(Seed(3), 0, &settings(64)).image;
        assert!(image.at(0, 0).iter().all(|level| *level < 20));
        assert!(image.at(32, 32)[0] > 70);
        let [red, green, blue] = image.at(32, 32);
        assert!(red > green && green > blue);
    }

    #[test]
    fn an_eye_is_the_same_eye_at_every_size() {
        let small = photograph(Seed(3), 7, &settings(32)).image;
        let large = photograph(Seed(3), 7, &settings(128)).image;
        let shrunk = resize(&large, 32, 32, Filter::Box);
        let apart: f64 = small
            .pixels
            .iter()
            .zip(&shrunk.pixels)
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum::<f64>()
            / small.pixels.len() as f64;
        assert!(apart < 6.0, "{apart}");
    }
}
