//! The hue of an image turned as torchvision's `adjust_hue` turns that of a Pillow image.
//!
//! Through bytes of hue, saturation and value, so that even a turn by nothing changes some levels.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Turns the hue by a share of the whole circle, -0.5 to 0.5; 0 keeps it.
pub fn turn(image: &mut Rgb, share: f64) {
    let steps = (share * 255.0) as i32 as u8; // cut off, then around the circle of 256
    for pixel in image.pixels.as_chunks_mut::<CHANNELS>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = to_rgb([hue.wrapping_add(steps), saturation, value]);
    }
}

/// Pillow mixes single and double precision; the last bit depends on where.
fn to_hsv([red, green, blue]: [u8; CHANNELS]) -> [u8; 3] {
    let value = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    if value == least {
        return [0, 0, value];
    }
    let spread = f32::from(value - least);
    let saturation = spread / f32::from(value);
    let [from_red, from_green, from_blue] =
        [red, green, blue].map(|level| f32::from(value - level) / spread);
    let hue = if red == value {
        from_blue - from_green
    } else if green == value {
        (2.0 + f64::from(from_red) - f64::from(from_blue)) as f32
    } else {
        (4.0 + f64::from(from_green) - f64::from(from_red)) as f32
    };
    let hue = ((f64::from(hue) / 6.0 + 1.0) % 1.0) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, value]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; CHANNELS] {
    if saturation == 0 {
        return [value; CHANNELS];
    }
    let sector = f64::from(f32::from(hue)) * 6.0 / 255.0;
    let whole = sector.floor();
    let rest = f64::from((sector - whole) as f32);
    let saturation = (f64::from(saturation) / 255.0) as f32;
    let level = |share: f64| (f64::from(value) * (1.0 - share)).round() as u8;
    let low = level(f64::from(saturation));
    let falling = level(f64::from(saturation * rest as f32));
    let rising = level(f64::from(saturation) * (1.0 - rest));
    match whole as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
