//! The tree of blood vessels: four arcades that leave the optic disc, bend round the macula and
//! branch.

use std::f64::consts::FRAC_PI_2;

use crate::imaging::fundus::canvas::Canvas;
use crate::imaging::fundus::canvas::Light;
use crate::imaging::fundus::canvas::Place;
use crate::imaging::fundus::canvas::absorb;
use crate::imaging::fundus::eye::Eye;
use crate::seed::Stream;

/// Length of one step of growth, radii of the field.
const STEP: f64 = 0.035;
/// Thinnest vessel that grows on, radii of the field.
const THINNEST: f64 = 0.008;
/// Most pieces of one eye's tree: an end to growth, never reached by the settings below.
const MOST_PIECES: usize = 4000;

/// Light that veins and arteries let through.
const THROUGH_VEIN: Light = [0.66, 0.42, 0.46];
const THROUGH_ARTERY: Light = [0.84, 0.56, 0.56];

/// A straight piece of a vessel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    from: Place,
    to: Place,
    width: f64,
    vein: bool,
}

/// The growing end of a vessel.
#[derive(Clone, Copy)]
struct Tip {
    place: Place,
    direction: f64,
    width: f64,
    /// Radians that it turns in each step.
    bend: f64,
    vein: bool,
    /// How often the vessel has branched on the way here.
    order: u32,
}

/// Grows an eye's vessels.
pub(super) fn grow(eye: &Eye, stream: &mut Stream) -> Vec<Piece> {
    let temporal = if eye.macula.x > eye.disc.x { 0.0 } else { std::f64::consts::PI };
    let sign = if temporal == 0.0 { 1.0 } else { -1.0 };
    let mut tips = Vec::new();
    for up in [-1.0, 1.0] {
        for vein in [true, false] {
            let width = if vein { 0.042 } else { 0.032 } * stream.range(0.85, 1.15);
            let spread = if vein { 0.0 } else { 0.22 };
            // Temporal arcade: leaves steeply, then turns to run round the macula.
            let steep = FRAC_PI_2 * up;
            let direction = steep - sign * up * stream.range(-0.15, 0.25) + up * sign * spread;
            let bend = -sign * up * stream.range(0.028, 0.045);
            tips.push(Tip { place: eye.disc, direction, width, bend, vein, order: 0 });
            // Nasal arcade: thinner and straighter.
            let direction = steep + sign * up * stream.range(0.55, 1.0) + up * sign * spread;
            let bend = sign * up * stream.range(-0.01, 0.02);
            let width = width * 0.7;
            tips.push(Tip { place: eye.disc, direction, width, bend, vein, order: 0 });
        }
    }
    let mut pieces = Vec::new();
    while let Some(tip) = tips.pop() {
        grow_one(tip, eye, stream, &mut tips, &mut pieces);
    }
    pieces
}

fn grow_one(
    mut tip: Tip,
    eye: &Eye,
    stream: &mut Stream,
    tips: &mut Vec<Tip>,
    pieces: &mut Vec<Piece>,
) {
    let middle = Place { x: 0.0, y: 0.0 };
    while tip.width > THINNEST && tip.place.distance(middle) < 1.05 && pieces.len() < MOST_PIECES {
        let next = tip.place.towards(tip.direction, STEP);
        // The macula has no vessels: whatever heads into it ends there.
        if next.distance(eye.macula) < 0.17 {
            return;
        }
        pieces.push(Piece { from: tip.place, to: next, width: tip.width, vein: tip.vein });
        tip.place = next;
        tip.direction += tip.bend + 0.07 * stream.normal();
        tip.bend *= 0.992;
        tip.width *= 0.988;
        let old_enough = tip.place.distance(eye.disc) > 0.14;
        if old_enough && tip.order < 3 && stream.chance(0.085) {
            let side = if stream.chance(0.5) { 1.0 } else { -1.0 };
            tips.push(Tip {
                direction: tip.direction + side * stream.range(0.45, 0.95),
                width: tip.width * stream.range(0.5, 0.72),
                bend: -side * stream.range(0.0, 0.02),
                order: tip.order + 1,
                ..tip
            });
            tip.direction -= side * stream.range(0.05, 0.2);
            tip.width *= 0.93;
        }
    }
}

/// Draws vessels; where they cross, the darker one is seen.
pub(super) fn draw(canvas: &mut Canvas, pieces: &[Piece], strength: f64) {
    let pixel = canvas.pixel();
    // Sub-pixel vessels are drawn a pixel wide and as much paler.
    let mut shade = Canvas::new((2.0 / pixel).round() as usize, |_| [1.0; 3]);
    for piece in pieces {
        let through = if piece.vein { THROUGH_VEIN } else { THROUGH_ARTERY };
        let drawn = piece.width.max(0.9 * pixel);
        let strength = strength * piece.width / drawn;
        let middle = Place {
            x: f64::midpoint(piece.from.x, piece.to.x),
            y: f64::midpoint(piece.from.y, piece.to.y),
        };
        shade.change(middle, STEP / 2.0 + drawn + pixel, |place, light| {
            let gap = distance_to_piece(place, piece) - drawn / 2.0;
            let share = strength * (0.5 - gap / pixel).clamp(0.0, 1.0);
            let darker = absorb([1.0; 3], through, share);
            std::array::from_fn(|channel| light[channel].min(darker[channel]))
        });
    }
    canvas.multiply(&shade);
}

fn distance_to_piece(place: Place, piece: &Piece) -> f64 {
    let (along_x, along_y) = (piece.to.x - piece.from.x, piece.to.y - piece.from.y);
    let (x, y) = (place.x - piece.from.x, place.y - piece.from.y);
    let length = along_x * along_x + along_y * along_y;
    let t = if length > 0.0 { ((x * along_x + y * along_y) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - t * along_x).hypot(y - t * along_y)
}

/// Draws a tangle of fine new vessels round a place.
pub(super) fn tangle(canvas: &mut Canvas, middle: Place, reach: f64, stream: &mut Stream) {
    let mut pieces = Vec::new();
    for _ in 0..7 {
        let mut place = middle;
        let mut direction = stream.range(0.0, std::f64::consts::TAU);
        let curl = stream.range(-0.5, 0.5);
        while place.distance(middle) < reach && pieces.len() < 140 {
            let next = place.towards(direction, STEP * 0.7);
            pieces.push(Piece { from: place, to: next, width: 0.013, vein: true });
            place = next;
            direction += curl + 0.45 * stream.normal();
        }
    }
    draw(canvas, &pieces, 0.95);
}
