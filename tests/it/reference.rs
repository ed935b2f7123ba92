//! Image operations against Pillow and torchvision: bytes that they made once, and, where a Python has
//! them, bytes that they make now of sizes and numbers that are drawn.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use ablate::imaging::affine::Affine;
use ablate::imaging::affine::Resampling;
use ablate::imaging::affine::affine;
use ablate::imaging::blur;
use ablate::imaging::color;
use ablate::imaging::color::Property;
use ablate::imaging::flip;
use ablate::imaging::levels;
use ablate::imaging::resize::Filter;
use ablate::imaging::resize::resize;
use ablate::imaging::rgb::Rgb;
use ablate::imaging::sharpness;
use ablate::imaging::window;
use ablate::imaging::window::Window;
use ablate::seed::Seed;
use ablate::seed::Stream;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

/// Cases that are drawn for one look at the living libraries.
const DRAWN: usize = 600;

const SCRIPT: &str = "tests/golden/augment.py";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Case {
    /// Height and width.
    size: [usize; 2],
    soft: bool,
    operation: String,
    /// The operation's own numbers.
    #[serde(flatten)]
    numbers: serde_json::Map<String, Value>,
}

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.numbers[name].as_f64().expect("a number")
    }

    fn named<T: for<'de> Deserialize<'de>>(&self, name: &str) -> T {
        serde_json::from_value(self.numbers[name].clone()).expect("a value of its type")
    }

    /// Returns a window in pixels, given in shares of the sides.
    fn window(&self) -> Window {
        let [top, left, height, width]: [f64; 4] = self.named("window");
        let [rows, columns] = self.size.map(|side| side as f64);
        let pixels = |share: f64, side: f64| (share * side) as usize;
        Window {
            top: pixels(top, rows),
            left: pixels(left, columns),
            height: pixels(height, rows).max(1),
            width: pixels(width, columns).max(1),
        }
    }

    /// Returns the image that is changed: the noise of the script.
    fn image(&self) -> Rgb {
        let [height, width] = self.size;
        let count = height * width * 3;
        let level = |index: usize| {
            let mut hash = (index as u32).wrapping_mul(2_654_435_761);
            hash = (hash ^ (hash >> 15)).wrapping_mul(2_246_822_519);
            let level = (hash ^ (hash >> 13)) as u8;
            match level {
                _ if self.soft => level / 8 + (index * 160 / count) as u8,
                0..50 => 0,
                201.. => 255,
                _ => level,
            }
        };
        Rgb::new(height, width, (0..count).map(level).collect())
    }

    /// Returns what this library makes of it.
    fn changed(&self) -> Vec<u8> {
        let mut image = self.image();
        let color = |image: &mut Rgb, property| {
            color::adjust(image, property, self.number("factor"));
        };
        match self.operation.as_str() {
            "vertical_flip" => flip::flip_vertically(&mut image),
            "horizontal_flip" => flip::flip_horizontally(&mut image),
            "resize" => {
                let [height, width]: [usize; 2] = self.named("to");
                image = resize(&image, height, width, self.named::<Filter>("filter"));
            }
            "affine" => {
                let motion = Affine {
                    rotation: self.number("rotation"),
                    scale: self.number("scale"),
                    shear: self.number("shear"),
                    right: self.number("right"),
                    down: self.number("down"),
                };
                image = affine(&image, motion, self.named::<Resampling>("resampling"));
            }
            "brightness" => color(&mut image, Property::Brightness),
            "contrast" => color(&mut image, Property::Contrast),
            "saturation" => color(&mut image, Property::Saturation),
            "hue" => color(&mut image, Property::Hue),
            "gamma" => levels::gamma(&mut image, self.number("factor")),
            "posterize" => levels::posterize(&mut image, self.named("factor")),
            "solarize" => levels::solarize(&mut image, self.named("factor")),
            "autocontrast" => levels::autocontrast(&mut image),
            "equalize" => levels::equalize(&mut image),
            "sharpness" => sharpness::adjust(&mut image, self.number("factor")),
            "blur" => {
                let deviation = self.number("factor");
                let kernel = 2 * (3.0 * deviation).ceil() as usize + 1;
                let most = blur::largest_kernel(image.height.min(image.width));
                blur::blur(&mut image, kernel.min(most), deviation);
            }
            "crop" => window::crop(&mut image, self.window()),
            "erase" => window::erase(&mut image, self.window()),
            other => panic!("an unknown operation `{other}`"),
        }
        image.pixels
    }
}

fn fnv(data: &[u8]) -> String {
    let step = |value: u64, byte: &u8| (value ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", data.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[test]
fn every_byte_is_that_of_pillow_and_torchvision() {
    let lines: Vec<&str> = include_str!("../golden/augment.json").lines().collect();
    assert!(lines.len() > 400);
    let mut wrong = Vec::new();
    for line in lines {
        let mut case: Case = serde_json::from_str(line).expect("a line of the script");
        let expected: String = case.named("fnv");
        let first: Vec<u8> = case.named("first");
        case.numbers.retain(|name, _| name != "fnv" && name != "first");
        let made = case.changed();
        if fnv(&made) != expected {
            let made = &made[..first.len()];
            wrong.push(format!("{case:?}: begins {made:?}, expected {first:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Draws a case: any operation on an image of any size.
fn drawn(stream: &mut Stream) -> Case {
    let mut side = || 1 + stream.below(70);
    let (size, to) = ([side(), side()], [side(), side()]);
    let within = |stream: &mut Stream, low: f64, high: f64| stream.range(low, high);
    let resampling = ["nearest", "bilinear"][stream.below(2)];
    let filter = ["nearest", "box", "bilinear", "bicubic", "lanczos"][stream.below(5)];
    let (operation, numbers) = match stream.below(16) {
        0 => ("vertical_flip", json!({})),
        1 => ("horizontal_flip", json!({})),
        2 | 3 => ("resize", json!({"to": to, "filter": filter})),
        4..=6 => {
            let turned = if stream.chance(0.8) { within(stream, -180.0, 180.0) } else { 0.0 };
            let lean = if stream.chance(0.5) { within(stream, -60.0, 60.0) } else { 0.0 };
            let numbers = json!({
                "resampling": resampling, "rotation": turned, "shear": lean,
                "scale": within(stream, 0.1, 3.0),
                "right": within(stream, -20.0, 20.0), "down": within(stream, -20.0, 20.0),
            });
            ("affine", numbers)
        }
        7 => {
            let name = ["brightness", "contrast", "saturation", "sharpness"][stream.below(4)];
            (name, json!({"factor": within(stream, 0.0, 2.5)}))
        }
        8 => ("saturation", json!({"factor": within(stream, 0.0, 2.0)})),
        9 => ("hue", json!({"factor": within(stream, -0.5, 0.5)})),
        10 => ("gamma", json!({"factor": within(stream, 0.0, 3.0)})),
        11 => ("posterize", json!({"factor": 1 + stream.below(8)})),
        12 => ("solarize", json!({"factor": stream.below(257)})),
        13 => (["autocontrast", "equalize"][stream.below(2)], json!({})),
        14 => ("blur", json!({"factor": within(stream, 0.1, 3.0)})),
        _ => {
            let (top, left) = (within(stream, 0.0, 0.9), within(stream, 0.0, 0.9));
            let (height, width) = (within(stream, 0.0, 1.0 - top), within(stream, 0.0, 1.0 - left));
            let name = ["crop", "erase"][stream.below(2)];
            (name, json!({"window": [top, left, height, width]}))
        }
    };
    let Value::Object(numbers) = numbers else { unreachable!("maps were written") };
    Case { size, soft: stream.chance(0.5), operation: operation.to_owned(), numbers }
}

/// Asks the Python of `ABLATE_PYTHON`, or `python3`, if it has the libraries.
fn answers(cases: &[Case]) -> Option<Vec<Vec<u8>>> {
    let python = std::env::var("ABLATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import PIL, torchvision"]).output();
    if !has.is_ok_and(|asked| asked.status.success()) {
        println!("skipped: `{python}` has no Pillow and torchvision; ABLATE_PYTHON names another");
        return None;
    }
    let lines = cases.iter().map(|case| serde_json::to_string(case).expect("a case") + "\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
    let mut asked = Command::new(&python)
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it started before");
    let mut stdin = asked.stdin.take().expect("it is piped");
    stdin.write_all(lines.collect::<String>().as_bytes()).expect("the script reads all first");
    drop(stdin);
    let output = asked.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the script failed");
    let text = String::from_utf8(output.stdout).expect("hexadecimal digits");
    let digit = |pair: &[u8]| {
        let pair = str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    Some(text.lines().map(|line| line.as_bytes().chunks(2).map(digit).collect()).collect())
}

#[test]
fn drawn_sizes_and_numbers_give_the_bytes_of_the_libraries_at_hand() {
    let mut stream = Seed(u64::from(std::process::id())).named("reference").stream();
    let cases: Vec<Case> = (0..DRAWN).map(|_| drawn(&mut stream)).collect();
    let Some(answers) = answers(&cases) else { return };
    assert_eq!(answers.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, expected) in cases.iter().zip(answers) {
        let made = case.changed();
        let far = |(one, other): &(&u8, &u8)| one.abs_diff(**other) > 1;
        let differ = made.iter().zip(&expected).filter(|(one, other)| one != other).count();
        // torchvision blurs in single precision: what falls between two levels may be rounded to either.
        let near = case.operation == "blur"
            && differ * 500 <= made.len() + 500
            && !made.iter().zip(&expected).any(|pair| far(&pair));
        if made.len() != expected.len() || differ > 0 && !near {
            let case = serde_json::to_string(case).expect("a case");
            wrong.push(format!("{differ} of {} bytes: {case}", made.len()));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}
