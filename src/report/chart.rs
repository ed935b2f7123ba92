//! Line charts as SVG: numbers by epoch, some lines solid, some dashed.

use std::fmt::Write;

/// Size of a chart, in its own units.
const WIDTH: f64 = 270.0;
const HEIGHT: f64 = 180.0;
/// Room for the numbers at the left and below.
const LEFT: f64 = 36.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;
const RIGHT: f64 = 6.0;
/// Numbers from here on are not drawn, and those nearer to each other than its inverse are one.
const BEYOND: f64 = 1e30;
/// Most points of a line: more than a screen shows.
const POINTS: usize = 400;

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Name, for the legend beside the chart and for screen readers.
    pub(super) name: String,
    /// Points from left to right; those that are no number leave a gap.
    pub(super) points: Vec<(f64, f64)>,
    /// Index of its colour in the page's style.
    pub(super) color: usize,
    /// Whether it is dashed.
    pub(super) dashed: bool,
}

/// A chart of lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// What it shows, for screen readers.
    pub(super) about: String,
    /// Name of the horizontal axis.
    pub(super) x: String,
    /// Name of the vertical axis.
    pub(super) y: String,
    /// Bounds of the vertical axis; those of the data where absent.
    pub(super) bounds: Option<(f64, f64)>,
    /// Lines, in the order of drawing.
    pub(super) lines: Vec<Line>,
}

/// Where data lies on the drawing.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let across = (x - self.x.0) / (self.x.1 - self.x.0).max(f64::MIN_POSITIVE);
        let up = (y - self.y.0) / (self.y.1 - self.y.0).max(f64::MIN_POSITIVE);
        (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP))
    }
}

impl Chart {
    /// Returns the chart as an SVG element; nothing where no line has a point.
    pub(super) fn to_svg(&self) -> Option<String> {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| &line.points)
                .copied()
                .filter(|&point| is_finite(point))
        };
        let x = range(points().map(|point| point.0))?;
        let y = self.bounds.or_else(|| range(points().map(|point| point.1)))?;
        let ticks = ticks(y);
        let y = (ticks[0].min(y.0), ticks[ticks.len() - 1].max(y.1));
        let frame = Frame { x: if x.0 < x.1 { x } else { (x.0 - 1.0, x.1 + 1.0) }, y };
        let about = escape(&self.about);
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{about}\">"
        );
        self.draw_axes(&mut svg, &frame, &ticks);
        for line in &self.lines {
            draw(&mut svg, line, &frame);
        }
        svg.push_str("</svg>");
        Some(svg)
    }

    fn draw_axes(&self, svg: &mut String, frame: &Frame, ticks: &[f64]) {
        for tick in ticks {
            let (left, y) = frame.at((frame.x.0, *tick));
            let (x, below) = (left - 6.0, y + 3.5);
            let right = WIDTH - RIGHT;
            let text = short(*tick);
            element(
                svg,
                &format!(
                    "<line class=\"rule\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
                ),
            );
            element(
                svg,
                &format!("<text x=\"{x}\" y=\"{below:.1}\" text-anchor=\"end\">{text}</text>"),
            );
        }
        let last = if frame.x.1.fract() == 0.0 { frame.x.1 } else { frame.x.1.floor() };
        for (number, anchor) in [(frame.x.0.ceil(), "start"), (last, "end")] {
            let (x, _) = frame.at((number, frame.y.0));
            let y = HEIGHT - BOTTOM + 15.0;
            let text = short(number);
            element(
                svg,
                &format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"),
            );
        }
        let (middle, y) = (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - BOTTOM + 15.0);
        let name = escape(&self.x);
        element(
            svg,
            &format!(
                "<text class=\"name\" x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>"
            ),
        );
    }
}

fn element(svg: &mut String, text: &str) {
    svg.push_str(text);
}

fn draw(svg: &mut String, line: &Line, frame: &Frame) {
    let mut path = String::new();
    let mut pen_down = false;
    for point in thinned(&line.points) {
        if !is_finite(point) {
            pen_down = false;
            continue;
        }
        let (x, y) = frame.at((point.0, point.1.clamp(frame.y.0, frame.y.1)));
        let step = if pen_down { 'L' } else { 'M' };
        write!(path, "{step}{x:.1} {y:.1}").expect("writing to a String cannot fail");
        pen_down = true;
    }
    let class = format!("line c{}{}", line.color % 6, if line.dashed { " dashed" } else { "" });
    let name = escape(&line.name);
    let text = format!("<path class=\"{class}\" d=\"{path}\"><title>{name}</title></path>");
    svg.push_str(&text);
}

/// Returns at most [`POINTS`] points, evenly chosen, the last among them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS).max(1);
    let mut kept: Vec<(f64, f64)> = points.iter().step_by(step).copied().collect();
    if step > 1 && kept.last() != points.last() {
        kept.extend(points.last());
    }
    kept
}

/// Returns whether a point can be drawn: losses beyond are no numbers to draw a scale for.
fn is_finite(point: (f64, f64)) -> bool {
    point.0.abs() < BEYOND && point.1.abs() < BEYOND
}

fn range(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let wider = |(low, high): (f64, f64), number: f64| (low.min(number), high.max(number));
    let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), wider);
    (low <= high).then_some((low, high))
}

/// Returns three to seven round numbers that cover a range: steps of 1, 2 or 5 times a power of ten.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let span = if high - low > 1.0 / BEYOND { high - low } else { low.abs().max(1.0) };
    let rough = span / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = ((low + span) / step - 1e-9).ceil() as i64;
    (first..=last.max(first + 1)).map(|index| index as f64 * step).collect()
}

/// Returns a number in few letters, without trailing zeros.
fn short(number: f64) -> String {
    if number != 0.0 && (number.abs() >= 1e6 || number.abs() < 1e-3) {
        return format!("{number:.0e}");
    }
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Returns a text that is safe inside XML elements and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::Chart;
    use super::Line;
    use super::thinned;
    use super::ticks;

    fn chart(points: Vec<(f64, f64)>) -> Option<String> {
        let line = Line { name: "<b>".into(), points, color: 0, dashed: false };
        let (x, y) = ("epoch".into(), "loss".into());
        Chart { about: "a \"chart\"".into(), x, y, bounds: None, lines: vec![line] }.to_svg()
    }

    #[test]
    fn a_chart_without_numbers_is_no_chart() {
        assert_eq!(chart(vec![]), None);
        assert_eq!(chart(vec![(1.0, f64::NAN)]), None);
    }

    #[test]
    fn gaps_lift_the_pen_and_names_are_escaped() {
        let svg = chart(vec![(1.0, 1.0), (2.0, f64::NAN), (3.0, 2.0)]).unwrap();
        let path = svg.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2);
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>") && svg.contains("&quot;chart"));
    }

    #[test]
    fn one_point_still_has_a_place() {
        assert!(!chart(vec![(5.0, 5.0)]).unwrap().contains("NaN"));
    }

    #[test]
    fn numbers_beyond_any_loss_have_a_scale_that_ends_or_none() {
        for pair in [[0.0, 5e-324], [-1e308, 1e308], [1e29, 1e29 + 1e14], [f64::INFINITY, 1.0]] {
            let drawn = chart(vec![(1.0, pair[0]), (2.0, pair[1])]);
            assert!(drawn.is_none_or(|svg| !svg.contains("NaN") && svg.len() < 5000), "{pair:?}");
        }
    }

    #[test]
    fn long_lines_keep_their_last_point() {
        let points: Vec<(f64, f64)> = (0..1399).map(|n| (f64::from(n), 0.0)).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 401);
        assert_eq!(kept.last(), points.last());
    }

    proptest! {
        #[test]
        fn ticks_are_few_and_cover_the_range(low in -1e4..1e4_f64, span in 1e-3..1e5_f64) {
            let ticks = ticks((low, low + span));
            prop_assert!((2..=7).contains(&ticks.len()), "{:?}", ticks);
            prop_assert!(ticks[0] <= low + span * 1e-6);
            prop_assert!(ticks[ticks.len() - 1] >= low + span * (1.0 - 1e-6));
        }
    }
}
