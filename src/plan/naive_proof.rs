//! A naive proof for tests: follows every image through a random study, one by one.
//!
//! Images differ in their source and in the part that each split puts them into; splits are
//! independent of one another, so every combination is there.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::artifact::Partition;
use crate::plan::tests::try_plan;

const PARTS: [(&str, Partition); 3] =
    [("train", Partition::Train), ("validation", Partition::Validation), ("test", Partition::Test)];

/// A stage of a random study; inputs are places among the outputs of the stages before it.
#[derive(Debug, Clone)]
enum Step {
    Draw,
    Divide(usize),
    Add(Vec<usize>),
    Fit(Vec<usize>, Option<usize>),
    Judge(usize, usize),
}

/// An image: its source, and the part that each stage would put it into if it divided it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Image {
    source: usize,
    parts: Vec<(usize, usize)>,
}

/// Images with the worst partition that each has been in; none where it was never divided.
type Seen = BTreeSet<(Image, Option<Partition>)>;

/// An output that later stages may take.
struct Output {
    name: String,
    images: Seen,
    /// Whether it comes from a source by splits alone: a mixture may hold an image twice, and a
    /// split may put its copies into different parts, which images that are one cannot show.
    pure: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..5_u8, any::<[u8; 4]>()).prop_map(|(kind, random)| {
        let [a, b, c, d] = random.map(usize::from);
        match kind {
            0 => Step::Divide(a),
            1 => Step::Add(if d % 2 == 0 { vec![a] } else { vec![a, b] }),
            2 => Step::Fit(vec![a], (d % 2 == 0).then_some(c)),
            3 => Step::Fit(vec![a, b], (d % 2 == 0).then_some(c)),
            _ => Step::Judge(a, b),
        }
    });
    (1..3_usize, proptest::collection::vec(step, 1..9)).prop_map(|(draws, steps)| {
        let first = [vec![Step::Draw; draws], vec![Step::Divide(0)]].concat();
        [first, steps].concat()
    })
}

/// Returns all images of a source, for the stages that divide.
fn all(source: usize, dividing: &[usize]) -> Seen {
    let mut images = vec![Image { source, parts: Vec::new() }];
    for &split in dividing {
        let with = |image: &Image, part| {
            let parts = [image.parts.clone(), vec![(split, part)]].concat();
            Image { source, parts }
        };
        images = images.iter().flat_map(|one| [0, 1, 2].map(|part| with(one, part))).collect();
    }
    images.into_iter().map(|image| (image, None)).collect()
}

/// Returns whether an image that is not for training is among those that a model has trained on.
fn is_known(asked: &Seen, others: &[&Seen]) -> bool {
    let train = Some(Partition::Train);
    let trained: BTreeSet<&Image> = others
        .iter()
        .flat_map(|seen| seen.iter())
        .filter(|(_, worst)| *worst == train)
        .map(|(image, _)| image)
        .collect();
    asked.iter().any(|(image, worst)| *worst != train && trained.contains(image))
}

/// Writes the study as a manifest, and returns it with the stages that must be refused.
fn study(steps: &[Step]) -> (String, BTreeSet<String>) {
    let is_split = |(at, step): (usize, &Step)| matches!(step, Step::Divide(_)).then_some(at);
    let dividing: Vec<usize> = steps.iter().enumerate().filter_map(is_split).take(4).collect();
    let mut text = "ablate: 1\nname: x\nstages:\n".to_owned();
    let mut outputs: Vec<Output> = Vec::new();
    let mut refused = BTreeSet::new();
    for (at, step) in steps.iter().enumerate() {
        let name = format!("s{at}");
        let pick = |place: usize| &outputs[place % outputs.len().max(1)];
        let mut line = |kind: &str, rest: &str| {
            writeln!(text, "  {name}: {{kind: {kind}, {rest}}}").unwrap();
        };
        let mut made: Vec<Output> = Vec::new();
        match step {
            Step::Draw => {
                line("draw", &format!("params: {{file: n{at}.csv}}"));
                made.push(Output { name: name.clone(), images: all(at, &dividing), pure: true });
            }
            Step::Divide(_) if !dividing.contains(&at) => continue,
            Step::Divide(place) => {
                let pure: Vec<&Output> = outputs.iter().filter(|output| output.pure).collect();
                let from = pure[place % pure.len()];
                line(
                    "divide",
                    &format!("inputs: {{numbers: {}}}, params: {{turn: {at}}}", from.name),
                );
                for (index, (part, partition)) in PARTS.into_iter().enumerate() {
                    let inside =
                        from.images.iter().filter(|(one, _)| one.parts.contains(&(at, index)));
                    let images =
                        inside.map(|(one, worst)| (one.clone(), (*worst).max(Some(partition))));
                    let name = format!("{name}.{part}");
                    made.push(Output { name, images: images.collect(), pure: true });
                }
            }
            Step::Add(places) => {
                let from: Vec<&Output> = places.iter().map(|place| pick(*place)).collect();
                let names: Vec<&str> = from.iter().map(|one| one.name.as_str()).collect();
                line("add", &format!("inputs: {{numbers: [{}]}}", names.join(", ")));
                let images = from.iter().flat_map(|one| one.images.clone()).collect();
                made.push(Output { name: name.clone(), images, pure: false });
            }
            Step::Fit(places, validation) => {
                let from: Vec<&Output> = places.iter().map(|place| pick(*place)).collect();
                let chosen = validation.map(pick);
                let names: Vec<&str> = from.iter().map(|one| one.name.as_str()).collect();
                let select = chosen.map(|one| format!(", validation: {}", one.name));
                let inputs =
                    format!("numbers: [{}]{}", names.join(", "), select.unwrap_or_default());
                line("fit", &format!("inputs: {{{inputs}}}, params: {{name: {name}}}"));
                let fitted: Seen = from.iter().flat_map(|one| one.images.clone()).collect();
                let chosen = chosen.map(|one| one.images.clone()).unwrap_or_default();
                let wrong = fitted.iter().any(|(_, worst)| *worst != Some(Partition::Train))
                    || chosen
                        .iter()
                        .any(|(_, worst)| matches!(worst, None | Some(Partition::Test)))
                    || is_known(&chosen, &[&fitted]);
                if wrong {
                    refused.insert(name.clone());
                }
                let kept =
                    chosen.into_iter().filter(|(_, worst)| *worst != Some(Partition::Validation));
                let images = fitted.into_iter().chain(kept).collect();
                made.push(Output { name: name.clone(), images, pure: false });
            }
            Step::Judge(model, numbers) => {
                let (model, numbers) = (pick(*model), pick(*numbers));
                line(
                    "judge",
                    &format!("inputs: {{model: {}, numbers: {}}}", model.name, numbers.name),
                );
                if is_known(&numbers.images, &[&model.images])
                    || is_known(&model.images, &[&numbers.images])
                {
                    refused.insert(name.clone());
                }
            }
        }
        outputs.extend(made);
    }
    (text, refused)
}

/// Returns the stages that the proof refuses.
fn refused(text: &str) -> BTreeSet<String> {
    let Err(report) = try_plan(text, &[]) else { return BTreeSet::new() };
    let stage = |line: &String| {
        let (_, rest) = line.split_once(" stage `").expect("every refusal names its stage");
        rest.split('`').next().unwrap().to_owned()
    };
    report.lines().iter().map(stage).collect()
}

proptest! {
    #[test]
    fn the_proof_refuses_exactly_the_stages_that_following_each_image_refuses(steps in steps()) {
        let (text, expected) = study(&steps);
        prop_assert_eq!(refused(&text), expected, "{}", text);
    }
}
