//! Changes of each level by itself: gamma, posterising, solarising, autocontrast, equalising.
//!
//! Each is a table of 256 levels for each channel, as Pillow and, for gamma, torchvision on a Pillow
//! image make it.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// What becomes of each level.
pub(in crate::imaging) type Levels = [u8; 256];

/// Raises levels, scaled to 0-1, to a power of 0 or more; 1 changes nothing, less brightens.
pub fn gamma(image: &mut Rgb, power: f64) {
    // A little less than 256, so that white stays white when the fraction is cut off.
    map(image, &levels(|level| ((256.0 - 1e-3) * (f64::from(level) / 255.0).powf(power)) as u8));
}

/// Keeps the given number of leading bits of each level, 1 to 8.
pub fn posterize(image: &mut Rgb, bits: u32) {
    let mask = !(0xff_u32 >> bits.min(8)) as u8;
    map(image, &levels(|level| level & mask));
}

/// Inverts levels from a threshold of 0 to 256 on.
pub fn solarize(image: &mut Rgb, threshold: u32) {
    map(image, &levels(|level| if u32::from(level) < threshold { level } else { 255 - level }));
}

/// Stretches each channel so that its darkest level becomes 0 and its lightest 255.
pub fn autocontrast(image: &mut Rgb) {
    by_histogram(image, |histogram| {
        let low = histogram.iter().position(|count| *count > 0)?;
        let high = histogram.iter().rposition(|count| *count > 0)?;
        let scale = 255.0 / (high as f64 - low as f64);
        let offset = -(low as f64) * scale;
        (high > low).then(|| levels(|level| (f64::from(level) * scale + offset) as u8))
    });
}

/// Spreads each channel's levels so that all are about equally frequent.
pub fn equalize(image: &mut Rgb) {
    by_histogram(image, |histogram| {
        let last = histogram.iter().rfind(|count| **count > 0)?;
        let step = (histogram.iter().sum::<usize>() - last) / 255;
        if step == 0 {
            return None;
        }
        let mut below = step / 2;
        Some(levels(|level| {
            let share = below / step;
            below += histogram[usize::from(level)];
            share.min(255) as u8
        }))
    });
}

/// Returns the table of a function of the level, called in rising order.
pub(in crate::imaging) fn levels(mut become_level: impl FnMut(u8) -> u8) -> Levels {
    let mut table = [0; 256];
    (0..=255).zip(&mut table).for_each(|(level, place)| *place = become_level(level));
    table
}

/// Puts each level of each channel through the same table.
pub(in crate::imaging) fn map(image: &mut Rgb, table: &Levels) {
    image.pixels.iter_mut().for_each(|level| *level = table[usize::from(*level)]);
}

/// Puts each channel through a table made by its histogram, where there is one.
fn by_histogram(image: &mut Rgb, table: impl Fn(&[usize; 256]) -> Option<Levels>) {
    for channel in 0..CHANNELS {
        let mut histogram = [0; 256];
        let levels = image.pixels.iter().skip(channel).step_by(CHANNELS);
        levels.for_each(|level| histogram[usize::from(*level)] += 1);
        if let Some(table) = table(&histogram) {
            let levels = image.pixels.iter_mut().skip(channel).step_by(CHANNELS);
            levels.for_each(|level| *level = table[usize::from(*level)]);
        }
    }
}
