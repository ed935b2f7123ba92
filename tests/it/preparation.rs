//! Preparation of photographs against `OpenCV`: bytes that it made once, by `tests/golden/preparation.py`.

use ablate::imaging::circle;
use ablate::imaging::clahe;
use ablate::imaging::lab::Lab;
use ablate::imaging::local_average;
use ablate::imaging::rgb::Rgb;
use ablate::imaging::square;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    /// Height and width.
    size: [usize; 2],
    operation: String,
    #[serde(default)]
    threshold: u8,
    #[serde(default)]
    clip: f64,
    #[serde(default)]
    tiles: usize,
    #[serde(default)]
    deviation: f64,
    /// Height and width of the result.
    shape: [usize; 2],
    fnv: String,
    #[serde(default)]
    pixels: String,
}

impl Case {
    /// Returns the photograph of the script.
    fn photograph(&self) -> Rgb {
        let [height, width] = self.size.map(|side| side as i64);
        let shorter = height.min(width);
        let level = |index: usize| {
            let mut hash = (index as u32).wrapping_mul(2_654_435_761);
            hash = (hash ^ (hash >> 15)).wrapping_mul(2_246_822_519);
            let noise = i64::from(hash ^ (hash >> 13));
            let (pixel, channel) = (index as i64 / 3, index % 3);
            let (row, column) = (pixel / width, pixel % width);
            let (down, right) = (2 * row - height, 2 * column - width);
            if 100 * (down * down + right * right) > 81 * shorter * shorter {
                return (noise % 9) as u8;
            }
            (40 + 120 * column / width + [40, 0, -30][channel] + (noise & 31)) as u8
        };
        let count = self.size[0] * self.size[1] * 3;
        Rgb::new(self.size[0], self.size[1], (0..count).map(level).collect())
    }

    /// Returns the size and the bytes of what this library makes of it.
    fn made(&self, lab: &Lab) -> ([usize; 2], Vec<u8>) {
        let mut image = self.photograph();
        match self.operation.as_str() {
            "photograph" => {}
            "circle" => image = circle::crop(image, self.threshold),
            "square" => image = square::pad(image),
            "lab" => of_lab(&mut image, lab),
            "lightness" => {
                of_lab(&mut image, lab);
                let mut plane: Vec<u8> = image.pixels.iter().step_by(3).copied().collect();
                clahe::equalize_plane(&mut plane, self.size, self.clip, self.tiles);
                return (self.size, plane);
            }
            "clahe" => clahe::equalize(&mut image, self.clip, self.tiles, lab),
            "graham" => local_average::subtract(&mut image, self.deviation),
            other => panic!("an unknown operation `{other}`"),
        }
        ([image.height, image.width], image.pixels)
    }
}

fn of_lab(image: &mut Rgb, lab: &Lab) {
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    for pixel in pixels {
        *pixel = lab.of_rgb(*pixel);
    }
}

fn fnv(data: &[u8]) -> String {
    let step = |value: u64, byte: &u8| (value ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", data.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[test]
fn prepared_photographs_are_those_of_opencv() {
    let lab = Lab::default();
    let (mut wrong, mut compared, mut off) = (Vec::new(), 0, 0);
    for line in include_str!("../golden/preparation.json").lines() {
        let case: Case = serde_json::from_str(line).expect("a line of the script");
        let about = format!("{} of {:?}, {} {}", case.operation, case.size, case.clip, case.tiles);
        let (shape, made) = case.made(&lab);
        assert_eq!(shape, case.shape, "{about}");
        // The way back from L*a*b* rounds otherwise than OpenCV's wide loops.
        if case.operation == "clahe" {
            let expected = STANDARD.decode(&case.pixels).expect("what the script encoded");
            compared += expected.len();
            for (made, expected) in made.iter().zip(&expected) {
                if made.abs_diff(*expected) > 1 {
                    wrong.push(format!("{about}: {made} for {expected}"));
                }
                off += usize::from(made != expected);
            }
        } else if fnv(&made) != case.fnv {
            wrong.push(about);
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 50_000 && off * 200 < compared, "{off} of {compared} bytes differ");
}

#[test]
fn colours_survive_the_way_to_lightness_and_back() {
    let lab = Lab::default();
    let levels = (0..=255).step_by(15);
    let mut worst = 0;
    for red in levels.clone() {
        for green in levels.clone() {
            for blue in levels.clone() {
                let there = lab.of_rgb([red, green, blue]);
                let back = lab.to_rgb(there);
                let far = |channel: usize| back[channel].abs_diff([red, green, blue][channel]);
                worst = worst.max((0..3).map(far).max().unwrap_or_default());
            }
        }
    }
    // Bytes of L*a*b* are coarser than some saturated colours: OpenCV loses as many levels.
    assert!(worst <= 21, "{worst} levels off");
    assert_eq!(lab.to_rgb(lab.of_rgb([128; 3])), [128; 3]);
}
