//! Measures of drawn answers against scikit-learn and `MedMNIST`'s own Evaluator, where a Python has them.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use ablate::artifact::Artifact;
use ablate::artifact::Prediction;
use ablate::artifact::Scores;
use ablate::measure::Measure;
use ablate::measure::accuracy::most_likely;
use ablate::seed::Seed;
use ablate::seed::Stream;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

/// Sets of answers that are drawn for one look at the living library.
const DRAWN: usize = 200;
/// Apart by more than this, relative to 1 or the number itself, two numbers are not the same.
const TOLERANCE: f64 = 1e-9;

const SCRIPT: &str = "tests/golden/measures.py";

#[derive(Deserialize)]
struct Expected {
    confusion: Vec<Vec<usize>>,
    precision: Vec<Option<f64>>,
    recall: Vec<Option<f64>>,
    f1: Vec<Option<f64>>,
    auc: Vec<Option<f64>>,
    macro_auc: Option<f64>,
    medmnist: Option<[f64; 2]>,
    #[serde(flatten)]
    numbers: serde_json::Map<String, Value>,
}

/// Draws answers of a classifier of any skill to images of some of 2 to 7 classes.
fn drawn(stream: &mut Stream) -> Scores {
    let classes = 2 + stream.below(6);
    let occurring: Vec<usize> = (0..classes).filter(|_| stream.chance(0.85)).collect();
    let occurring = if occurring.is_empty() { vec![classes - 1] } else { occurring };
    let (images, skill) = (2 + stream.below(150), stream.range(0.0, 1.0));
    let answer = |index: usize| {
        let label = occurring[stream.below(occurring.len())];
        let mut row: Vec<f64> = (0..classes).map(|_| 0.001 + stream.unit()).collect();
        row[label] += skill;
        let sum: f64 = row.iter().sum();
        for share in &mut row {
            *share /= sum;
        }
        let (id, predicted) = (format!("test/{index}"), most_likely(&row));
        Prediction { id, group: None, label, predicted, probabilities: row }
    };
    // Ids stay those of the images in whatever order they are answered.
    let mut answers: Vec<Prediction> = (0..images).map(answer).collect();
    stream.shuffle(&mut answers);
    let names = (0..classes).map(|class| class.to_string()).collect();
    Scores::of(names, answers).expect("there are classes and answers")
}

/// Returns a case as the script takes it; its labels and rows are in the order of the images.
fn case(scores: &Scores, file: Option<&Path>) -> Value {
    let mut answers: Vec<&Prediction> = scores.predictions.iter().collect();
    answers.sort_by_key(|one| one.id["test/".len()..].parse::<usize>().expect("a number"));
    let labels: Vec<usize> = answers.iter().map(|one| one.label).collect();
    let rows: Vec<&Vec<f64>> = answers.iter().map(|one| &one.probabilities).collect();
    let mut case =
        json!({"labels": labels, "probabilities": rows, "classes": scores.classes.len()});
    if let Some(file) = file {
        case["file"] = json!(file);
    }
    case
}

/// Asks the Python of `ABLATE_PYTHON`, or `python3`, if it has scikit-learn.
fn answers(cases: &[Value]) -> Option<Vec<Expected>> {
    let python = std::env::var("ABLATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import sklearn"]).output();
    if !has.is_ok_and(|asked| asked.status.success()) {
        println!("skipped: `{python}` has no scikit-learn; ABLATE_PYTHON names another");
        return None;
    }
    let mut asked = Command::new(&python)
        .args(["-B", "-W", "ignore"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT))
        .arg("live")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it started before");
    let lines: String = cases.iter().map(|case| case.to_string() + "\n").collect();
    let mut stdin = asked.stdin.take().expect("it is piped");
    stdin.write_all(lines.as_bytes()).expect("the script reads all first");
    drop(stdin);
    let output = asked.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the script failed");
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect())
}

fn near(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        (found, expected) => found == expected,
    }
}

/// Returns what differs from what the libraries say.
fn differences(scores: &Scores, expected: &Expected) -> Vec<String> {
    let measures = &scores.measures;
    let told = serde_json::to_value(measures).expect("measures serialise");
    let mut wrong = Vec::new();
    let names = [
        "accuracy",
        "majority",
        "balanced_accuracy",
        "macro_f1",
        "kappa",
        "micro_auc",
        "mae",
        "referable_sensitivity",
        "referable_specificity",
        "referable_auc",
        "brier",
        "ece",
    ];
    let mut look = |name: &str, found: Option<f64>, other: Option<f64>| {
        if !near(found, other) {
            wrong.push(format!("{name}: {found:?} instead of {other:?}"));
        }
    };
    for name in names {
        look(name, told[name].as_f64(), expected.numbers[name].as_f64());
    }
    look("auc", measures.get(Measure::Auc), expected.macro_auc);
    for (class, found) in measures.per_class.iter().enumerate() {
        look(&format!("precision {class}"), found.precision, expected.precision[class]);
        look(&format!("recall {class}"), found.recall, expected.recall[class]);
        look(&format!("F1 {class}"), found.f1, expected.f1[class]);
        look(&format!("AUC {class}"), found.auc, expected.auc[class]);
    }
    if let Some([auc, accuracy]) = expected.medmnist {
        look("MedMNIST's AUC", measures.get(Measure::Auc), Some(auc));
        look("MedMNIST's ACC", measures.get(Measure::Accuracy), Some(accuracy));
    }
    if measures.confusion != expected.confusion {
        wrong.push("the confusion matrix".to_owned());
    }
    wrong
}

#[test]
fn drawn_answers_measure_as_scikit_learn_and_medmnist_do() {
    let mut stream = Seed(u64::from(std::process::id())).named("measures").stream();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let scores: Vec<Scores> = (0..DRAWN).map(|_| drawn(&mut stream)).collect();
    let cases: Vec<Value> = scores
        .iter()
        .enumerate()
        .map(|(index, scores)| {
            // The Evaluator's AUC is for several classes that all occur.
            let occur = scores.measures.per_class.iter().all(|class| class.auc.is_some());
            let place = folder.path().join(index.to_string());
            std::fs::create_dir(&place).expect("the folder is new");
            scores.write(&place).expect("an empty folder takes it");
            case(scores, (occur && scores.classes.len() > 2).then_some(&place.join("medmnist.csv")))
        })
        .collect();
    let Some(answers) = answers(&cases) else { return };
    assert_eq!(answers.len(), scores.len());
    let read = answers.iter().filter(|expected| expected.medmnist.is_some()).count();
    println!("{read} of {DRAWN} were also read by MedMNIST's Evaluator");
    let wrong: Vec<String> = scores
        .iter()
        .zip(&answers)
        .zip(&cases)
        .filter_map(|((scores, expected), case)| {
            let found = differences(scores, expected);
            (!found.is_empty()).then(|| format!("{}\n{case}", found.join("; ")))
        })
        .collect();
    assert!(wrong.is_empty(), "{} sets of answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
