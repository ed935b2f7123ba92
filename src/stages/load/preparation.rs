//! What is done to photographs before they are resized.
//!
//! Knows the order of the steps; what each does is in `imaging`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::digest::is_default;
use crate::imaging::circle;
use crate::imaging::clahe;
use crate::imaging::lab::Lab;
use crate::imaging::local_average;
use crate::imaging::rgb::Rgb;
use crate::imaging::square;

/// Deviations of Graham's bell in the radius of an eye, which is half the shorter side.
const BELLS_IN_RADIUS: f64 = 30.0;

/// What is done to each photograph before it is resized, in the order of this list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// First: photographs are cut down to the box round the bright circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<Circle>,
    /// Second: they are padded with black to squares, and stay in the middle.
    #[serde(default, skip_serializing_if = "is_default")]
    pub square: bool,
    /// Third: their lightness is evened out tile by tile, with limited contrast (CLAHE), as `OpenCV` does
    /// on L of L*a*b*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clahe: Option<Clahe>,
    /// Last: Ben Graham's subtraction of the local average, as `OpenCV`'s
    /// `addWeighted(image, 4, GaussianBlur(image, (0, 0), deviation), -4, 128)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graham: Option<Graham>,
}

/// Where the circle is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Circle {
    /// Luma of the lightest ground: what is above it belongs to the circle. A row or column counts where
    /// one pixel in 50 does.
    #[schemars(range(min = 0, max = 254))]
    pub threshold: u8,
}

impl Default for Circle {
    fn default() -> Self {
        Self { threshold: 10 }
    }
}

/// How lightness is evened out.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clahe {
    /// How often a level may occur in a tile, by how often it would if all were equally frequent.
    #[schemars(range(min = 0.01, max = 256.0))]
    pub clip: f64,
    /// Tiles along each side.
    #[schemars(range(min = 1, max = 64))]
    pub tiles: usize,
}

impl Default for Clahe {
    fn default() -> Self {
        Self { clip: 2.0, tiles: 8 }
    }
}

/// How the local average is subtracted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graham {
    /// Deviation of the bell that averages, pixels; default is a sixtieth of the shorter side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub deviation: Option<f64>,
    /// What lies outside a circle turns grey, which hides the bright rim; its radius as a share of half
    /// the shorter side. 0.9 is Graham's; default is to leave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 2.0))]
    pub within: Option<f64>,
}

impl Prepare {
    /// Returns the size that images of a size have afterwards, `(height, width)`; nothing where it
    /// depends on what is on them.
    pub(super) fn size(&self, (height, width): (usize, usize)) -> Option<(usize, usize)> {
        let longer = height.max(width);
        match self.circle {
            Some(_) => None,
            None if self.square => Some((longer, longer)),
            None => Some((height, width)),
        }
    }
}

/// What is to be done, with what it takes.
pub(super) struct Preparation {
    prepare: Prepare,
    lab: Option<Lab>,
}

impl Preparation {
    /// Gets ready; without anything to do nothing is done.
    pub(super) fn new(prepare: Option<&Prepare>) -> Self {
        let prepare = prepare.cloned().unwrap_or_default();
        let lab = prepare.clahe.map(|_| Lab::default());
        Self { prepare, lab }
    }

    /// Does it to an image.
    pub(super) fn apply(&self, mut image: Rgb) -> Rgb {
        if let Some(Circle { threshold }) = self.prepare.circle {
            image = circle::crop(image, threshold);
        }
        if self.prepare.square {
            image = square::pad(image);
        }
        if let (Some(Clahe { clip, tiles }), Some(lab)) = (self.prepare.clahe, &self.lab) {
            clahe::equalize(&mut image, clip, tiles, lab);
        }
        if let Some(Graham { deviation, within }) = self.prepare.graham {
            let radius = image.height.min(image.width) as f64 / 2.0;
            local_average::subtract(&mut image, deviation.unwrap_or(radius / BELLS_IN_RADIUS));
            if let Some(share) = within {
                local_average::mask(&mut image, share);
            }
        }
        image
    }
}
