//! A canvas of light: red, green and blue as real numbers over the square that holds the field.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Light in red, green and blue; 1 is white.
pub(super) type Light = [f64; CHANNELS];

/// A place in radii of the field: -1 to 1 rightwards, -1 to 1 downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Place {
    pub(super) fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Returns the place that lies a length away in a direction, radians from the right downwards.
    pub(super) fn towards(self, direction: f64, length: f64) -> Self {
        Self { x: self.x + length * direction.cos(), y: self.y + length * direction.sin() }
    }
}

/// Falls from 1 to 0 between two distances, without corners.
pub(super) fn fade(distance: f64, from: f64, to: f64) -> f64 {
    let t = ((distance - from) / (to - from)).clamp(0.0, 1.0);
    1.0 - t * t * (3.0 - 2.0 * t)
}

/// The square that holds the field.
pub(super) struct Canvas {
    size: usize,
    light: Vec<Light>,
}

impl Canvas {
    /// Returns the canvas whose light at each place is what a function says.
    pub(super) fn new(size: usize, light: impl Fn(Place) -> Light) -> Self {
        let mut canvas = Self { size, light: Vec::with_capacity(size * size) };
        for row in 0..size {
            for column in 0..size {
                canvas.light.push(light(canvas.place(row, column)));
            }
        }
        canvas
    }

    /// Returns the side of one pixel.
    pub(super) fn pixel(&self) -> f64 {
        2.0 / self.size as f64
    }

    fn place(&self, row: usize, column: usize) -> Place {
        let along = |index: usize| (index as f64 + 0.5) * self.pixel() - 1.0;
        Place { x: along(column), y: along(row) }
    }

    /// Changes the light within reach of a place: the function is told where, and what is there.
    pub(super) fn change(&mut self, middle: Place, reach: f64, f: impl Fn(Place, Light) -> Light) {
        let (last, pixel) = (self.size as f64 - 1.0, self.pixel());
        let index = |at: f64| ((at + 1.0) / pixel).clamp(0.0, last) as usize;
        for row in index(middle.y - reach)..=index(middle.y + reach) {
            for column in index(middle.x - reach)..=index(middle.x + reach) {
                let place = self.place(row, column);
                let light = &mut self.light[row * self.size + column];
                *light = f(place, *light);
            }
        }
    }

    /// Changes the light everywhere.
    pub(super) fn change_all(&mut self, mut f: impl FnMut(Place, Light) -> Light) {
        for row in 0..self.size {
            for column in 0..self.size {
                let place = self.place(row, column);
                let light = &mut self.light[row * self.size + column];
                *light = f(place, *light);
            }
        }
    }

    /// Lets through only the share of light that another canvas of the same size says.
    pub(super) fn multiply(&mut self, shade: &Self) {
        for (light, shade) in self.light.iter_mut().zip(&shade.light) {
            *light = std::array::from_fn(|channel| light[channel] * shade[channel]);
        }
    }

    /// Lays a round spot of colour: full within half its radius, gone at its rim.
    pub(super) fn spot(&mut self, middle: Place, radius: f64, colour: Light, strength: f64) {
        // A spot smaller than a pixel covers it in part.
        let drawn = radius.max(0.6 * self.pixel());
        let strength = strength * (radius / drawn).powi(2);
        self.change(middle, drawn, |place, light| {
            let share = strength * fade(place.distance(middle), 0.45 * drawn, drawn);
            mix(light, colour, share)
        });
    }

    /// Returns the image: light as levels, rounded and clipped.
    pub(super) fn develop(&self) -> Rgb {
        let level = |light: &f64| (light * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
        Rgb::new(self.size, self.size, self.light.iter().flatten().map(level).collect())
    }
}

/// Returns the light that has the given share of a colour.
pub(super) fn mix(light: Light, colour: Light, share: f64) -> Light {
    std::array::from_fn(|channel| light[channel] + share * (colour[channel] - light[channel]))
}

/// Returns the light that is left behind something that lets the given shares through.
pub(super) fn absorb(light: Light, through: Light, share: f64) -> Light {
    std::array::from_fn(|channel| light[channel] * (1.0 - share * (1.0 - through[channel])))
}
