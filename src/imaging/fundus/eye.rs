//! An eye: the anatomy and the colours that a photograph shows, and how ill it is.

use crate::imaging::fundus::canvas::Light;
use crate::imaging::fundus::canvas::Place;
use crate::imaging::fundus::canvas::mix;
use crate::imaging::fundus::photograph::Settings;
use crate::seed::Seed;
use crate::seed::Stream;

/// Grades of diabetic retinopathy: none, mild, moderate, severe, proliferative.
pub const GRADES: usize = 5;

/// The golden ratio's fraction: multiples of it fill the unit interval evenly at every count.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

const DARK_GROUND: Light = [0.56, 0.24, 0.11];
const PALE_GROUND: Light = [0.90, 0.50, 0.28];

/// A slow wave of the ground's texture.
pub(super) struct Wave {
    pub(super) across: f64,
    pub(super) down: f64,
    pub(super) phase: f64,
}

/// What a photograph shows.
pub(super) struct Eye {
    /// Grade that an expert wrote down, 0 to 4.
    pub(super) grade: usize,
    /// How ill it looks; mostly near the grade.
    pub(super) severity: f64,
    /// Size of its lesions against life.
    pub(super) lesions: f64,
    /// Number of the patient, who has two eyes.
    pub(super) patient: usize,
    pub(super) disc: Place,
    pub(super) disc_radius: f64,
    pub(super) macula: Place,
    pub(super) ground: Light,
    pub(super) waves: Vec<Wave>,
    /// How much more light there is to the right and below.
    pub(super) tilt: Place,
    /// Loss of light towards the rim.
    pub(super) falloff: f64,
    pub(super) exposure: f64,
}

impl Eye {
    /// Draws the eye of the given number.
    pub(super) fn draw(seed: Seed, number: usize, settings: &Settings) -> Self {
        let patient = number / 2;
        let mut person = seed.named("patient").number(patient as u64).stream();
        let mut eye = seed.named("eye").number(number as u64).stream();
        let (grade, severity) = severity(seed, number, settings, &mut eye);
        // The disc lies on the side of the nose: right in right eyes, left in left ones.
        let nasal = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
        let apart = person.range(0.70, 0.80);
        let disc = Place { x: nasal * person.range(0.38, 0.50), y: eye.range(-0.10, 0.10) };
        let macula = Place { x: disc.x - nasal * apart, y: disc.y + eye.range(0.02, 0.10) };
        let ground = mix(DARK_GROUND, PALE_GROUND, person.unit());
        let hue = person.range(-0.035, 0.035);
        let waves = (0..7).map(|_| wave(&mut person)).collect();
        Self {
            grade,
            severity,
            lesions: settings.lesions,
            patient,
            disc,
            disc_radius: person.range(0.125, 0.16),
            macula,
            ground: [ground[0], ground[1] + hue, ground[2] - 0.5 * hue],
            waves,
            tilt: Place { x: eye.range(-0.16, 0.16), y: eye.range(-0.16, 0.16) },
            falloff: eye.range(0.22, 0.48),
            exposure: eye.range(0.84, 1.12),
        }
    }
}

fn wave(stream: &mut Stream) -> Wave {
    Wave {
        across: stream.range(-7.0, 7.0),
        down: stream.range(-7.0, 7.0),
        phase: stream.range(0.0, std::f64::consts::TAU),
    }
}

/// Draws a grade with the wanted balance, and how ill an eye of that grade looks.
fn severity(seed: Seed, number: usize, settings: &Settings, eye: &mut Stream) -> (usize, f64) {
    let start = seed.named("grades").stream().unit();
    let place = (start + number as f64 * GOLDEN).fract();
    let whole: f64 = settings.balance.iter().sum();
    let mut below = 0.0;
    let mut grade = GRADES - 1;
    for (candidate, share) in settings.balance.iter().enumerate() {
        below += share / whole;
        if place < below {
            grade = candidate;
            break;
        }
    }
    let severity = grade as f64 + eye.range(-0.4, 0.4) + settings.overlap * eye.normal();
    (grade, severity.clamp(0.0, GRADES as f64))
}
