//! Compares every measure with scikit-learn, `SciPy` and statsmodels: numbers in
//! `tests/golden/measures.json`, made by `tests/golden/measures.py`; and those of generated images with
//! torch-fidelity and prdc: `tests/golden/generated.json`, made by `tests/golden/generated.py`.

use serde::Deserialize;
use serde_json::Value;

use crate::measure::Answers;
use crate::measure::Measure;
use crate::measure::Measures;
use crate::measure::components::Components;
use crate::measure::confusion::kappa;
use crate::measure::frechet::frechet;
use crate::measure::kid::Subset;
use crate::measure::kid::kid;
use crate::measure::manifold::manifold;
use crate::measure::memorisation::memorisation;
use crate::measure::paired;
use crate::measure::structure::Plane;
use crate::measure::structure::likeness;
use crate::measure::student;
use crate::measure::student::Spread;

#[derive(Deserialize)]
struct Golden {
    answers: Vec<Answered>,
    quantiles: Vec<Value>,
    spreads: Vec<Value>,
    mcnemar: Vec<Value>,
    holm: Value,
}

#[derive(Deserialize)]
struct Answered {
    labels: Vec<usize>,
    probabilities: Vec<Vec<f64>>,
    predicted: Vec<usize>,
    accuracy: f64,
    interval: (f64, f64),
    majority: f64,
    balanced_accuracy: f64,
    macro_f1: f64,
    kappa: f64,
    nominal_kappa: f64,
    confusion: Vec<Vec<usize>>,
    precision: Vec<Option<f64>>,
    recall: Vec<Option<f64>>,
    f1: Vec<Option<f64>>,
    auc: Vec<Option<f64>>,
    macro_auc: f64,
    micro_auc: f64,
    mae: f64,
    referable_sensitivity: Option<f64>,
    referable_specificity: Option<f64>,
    referable_auc: Option<f64>,
    brier: f64,
    ece: f64,
}

#[derive(Deserialize)]
struct Generated {
    features: Vec<Features>,
    components: Vec<Principal>,
    likenesses: Vec<Alike>,
    nearness: Vec<Near>,
    few: Vec<Features>,
}

#[derive(Deserialize)]
struct Features {
    real: Vec<Vec<f64>>,
    fake: Vec<Vec<f64>>,
    k: usize,
    subsets: Vec<Subset>,
    kid: (f64, f64),
    fid: f64,
    precision: f64,
    recall: f64,
    density: f64,
    coverage: f64,
}

#[derive(Deserialize)]
struct Principal {
    rows: Vec<Vec<f64>>,
    mean: Vec<f64>,
    variances: Vec<f64>,
    directions: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Near {
    generated: Vec<f64>,
    held_out: Vec<f64>,
    nearer: f64,
    medians: (f64, f64),
}

#[derive(Deserialize)]
struct Alike {
    height: usize,
    width: usize,
    one: Vec<f64>,
    other: Vec<f64>,
    likeness: f64,
}

fn generated() -> Generated {
    serde_json::from_str(include_str!("../../tests/golden/generated.json")).unwrap()
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/golden/measures.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    let apart = (found - expected).abs();
    assert!(apart <= 1e-9 * expected.abs().max(1.0), "{found} instead of {expected}");
}

#[track_caller]
fn assert_all_close(found: impl Iterator<Item = Option<f64>>, expected: &[Option<f64>]) {
    let found: Vec<Option<f64>> = found.collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        match (found, expected) {
            (Some(found), Some(expected)) => assert_close(*found, *expected),
            _ => assert_eq!(found, expected),
        }
    }
}

#[test]
fn measures_of_answers_are_those_of_scikit_learn() {
    for case in golden().answers {
        let classes = case.confusion.len();
        let rows = case.labels.iter().zip(&case.predicted).zip(&case.probabilities);
        let rows = rows.map(|((label, predicted), row)| (*label, *predicted, row.as_slice()));
        let found = Measures::of(&Answers::of(classes, rows));
        assert_eq!(found.confusion, case.confusion);
        let number = |measure| found.get(measure);
        assert_close(number(Measure::Accuracy).unwrap(), case.accuracy);
        assert_close(found.accuracy_interval.0, case.interval.0);
        assert_close(found.accuracy_interval.1, case.interval.1);
        assert_close(found.majority, case.majority);
        assert_close(number(Measure::BalancedAccuracy).unwrap(), case.balanced_accuracy);
        assert_close(number(Measure::MacroF1).unwrap(), case.macro_f1);
        assert_close(number(Measure::Kappa).unwrap(), case.kappa);
        assert_close(kappa(&found.confusion).unwrap(), case.nominal_kappa);
        assert_close(number(Measure::Auc).unwrap(), case.macro_auc);
        assert_close(number(Measure::MicroAuc).unwrap(), case.micro_auc);
        assert_close(number(Measure::Mae).unwrap(), case.mae);
        assert_close(number(Measure::Brier).unwrap(), case.brier);
        assert_close(number(Measure::Ece).unwrap(), case.ece);
        let referable =
            [Measure::ReferableSensitivity, Measure::ReferableSpecificity, Measure::ReferableAuc]
                .map(number);
        let expected = [case.referable_sensitivity, case.referable_specificity, case.referable_auc];
        assert_all_close(referable.into_iter(), &expected);
        assert_all_close(found.per_class.iter().map(|class| class.precision), &case.precision);
        assert_all_close(found.per_class.iter().map(|class| class.recall), &case.recall);
        assert_all_close(found.per_class.iter().map(|class| class.f1), &case.f1);
        assert_all_close(found.per_class.iter().map(|class| class.auc), &case.auc);
    }
}

#[test]
fn quantiles_and_spreads_are_those_of_scipy() {
    for case in golden().quantiles {
        let t = student::quantile(number(&case["share"]), number(&case["freedom"]));
        assert_close(t, number(&case["t"]));
    }
    for case in golden().spreads {
        let found = Spread::of(&numbers(&case["numbers"])).unwrap();
        assert_close(found.mean, number(&case["mean"]));
        assert_close(found.deviation.unwrap(), number(&case["deviation"]));
        let (low, high) = found.interval.unwrap();
        assert_close(low, number(&case["interval"][0]));
        assert_close(high, number(&case["interval"][1]));
    }
}

#[test]
fn paired_tests_are_those_of_statsmodels() {
    for case in golden().mcnemar {
        let count = |name: &str| number(&case[name]) as usize;
        let (b, c) = (count("only_first"), count("only_second"));
        let first: Vec<bool> = (0..b + c + 3).map(|index| index < b).collect();
        let second: Vec<bool> = (0..b + c + 3).map(|index| (b..b + c).contains(&index)).collect();
        let found = paired::mcnemar(&first, &second);
        assert_eq!((found.only_first, found.only_second), (b, c));
        assert!((found.p - number(&case["p"])).abs() <= 1e-9 * number(&case["p"]));
    }
    let holm = &golden().holm;
    for (found, expected) in
        paired::holm(&numbers(&holm["p"])).into_iter().zip(numbers(&holm["corrected"]))
    {
        assert_close(found, expected);
    }
}

#[test]
fn distances_of_features_are_those_of_torch_fidelity_and_prdc() {
    let Generated { features, few, .. } = generated();
    for (case, is_few) in
        features.iter().map(|case| (case, false)).chain(few.iter().map(|case| (case, true)))
    {
        let found = kid(&case.real, &case.fake, &case.subsets).unwrap();
        assert_close(found.mean, case.kid.0);
        // Where each subset is all there is, it is a matter of rounding.
        assert_close(found.deviation.unwrap_or(0.0), case.kid.1);
        let distance = frechet(&case.real, &case.fake).unwrap();
        if is_few {
            // torch-fidelity takes roots of what rounding leaves of eigenvalues that are 0.
            assert!((distance / case.fid - 1.0).abs() < 1e-7, "{distance} instead of {}", case.fid);
        } else {
            assert_close(distance, case.fid);
        }
        let found = manifold(&case.real, &case.fake, case.k).unwrap();
        assert_close(found.precision, case.precision);
        assert_close(found.recall, case.recall);
        assert_close(found.density, case.density);
        assert_close(found.coverage, case.coverage);
    }
}

#[test]
fn nearness_is_the_area_of_scikit_learn() {
    for case in generated().nearness {
        let found = memorisation(&case.generated, &case.held_out).unwrap();
        assert_close(found.nearer, case.nearer);
        assert_close(found.generated, case.medians.0);
        assert_close(found.held_out, case.medians.1);
    }
}

#[test]
fn principal_components_are_those_of_scikit_learn() {
    for case in generated().components {
        let found = Components::of(&case.rows, case.directions.len());
        assert_eq!(found.directions.len(), case.directions.len());
        found.mean.iter().zip(&case.mean).for_each(|(one, other)| assert_close(*one, *other));
        found
            .variances
            .iter()
            .zip(&case.variances)
            .for_each(|(one, other)| assert_close(*one, *other));
        for (one, other) in found.directions.iter().zip(&case.directions) {
            // Which way a direction points is open.
            let same: f64 = one.iter().zip(other).map(|(a, b)| a * b).sum();
            one.iter().zip(other).for_each(|(a, b)| assert_close(a * same.signum(), *b));
        }
    }
}

#[test]
fn likeness_is_that_of_its_formula_in_numpy() {
    for case in generated().likenesses {
        let (height, width) = (case.height, case.width);
        let [one, other] = [case.one, case.other].map(|levels| Plane { height, width, levels });
        assert_close(likeness(&one, &other).unwrap(), case.likeness);
    }
}
