//! Likeness: how far two artifacts of one type are apart, number by number.
//!
//! Knows the formats of files, not what their numbers mean.

use safetensors::Dtype;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::artifact::Error;
use crate::artifact::Tree;
use crate::imaging::decode;
use crate::imaging::npy;

/// How far two artifacts are apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Likeness {
    /// Every byte is the same.
    Same,
    /// The same names, shapes and words, and the largest difference of two numbers, relative to the
    /// largest of the numbers beside them (of the tensor, the image, the column); more than 0.
    Apart(f64),
    /// Something other than a number differs; says what.
    Unlike(String),
}

/// Returns how far two artifacts are apart.
pub fn likeness(one: &Tree, two: &Tree) -> Result<Likeness, Error> {
    if !one.0.keys().eq(two.0.keys()) {
        return Ok(Likeness::Unlike("they have other files".to_owned()));
    }
    let mut apart = 0.0_f64;
    let mut is_same = true;
    for name in one.0.keys() {
        let (one, two) = (one.read(name)?, two.read(name)?);
        if one == two {
            continue;
        }
        is_same = false;
        match difference(name, &one, &two) {
            Some(difference) => apart = apart.max(difference),
            None => return Ok(Likeness::Unlike(format!("`{name}` differs"))),
        }
    }
    Ok(if is_same { Likeness::Same } else { Likeness::Apart(apart) })
}

/// Returns the largest relative difference of two files' numbers; nothing where they differ in more.
fn difference(name: &str, one: &[u8], two: &[u8]) -> Option<f64> {
    match name.rsplit('.').next()? {
        "npy" => arrays(one, two),
        "safetensors" => tensors(one, two),
        "json" => values(&serde_json::from_slice(one).ok()?, &serde_json::from_slice(two).ok()?),
        "csv" => tables(one, two),
        "png" => pictures(one, two),
        _ => None,
    }
}

fn arrays(one: &[u8], two: &[u8]) -> Option<f64> {
    let (first, second) = (npy::header(one).ok()?, npy::header(two).ok()?);
    let is_bytes = first.dtype == "|u1";
    (first == second && is_bytes)
        .then(|| bytes(&one[first.data_start..], &two[second.data_start..]))?
}

fn pictures(one: &[u8], two: &[u8]) -> Option<f64> {
    let (one, two) = (decode::decode(one).ok()?, decode::decode(two).ok()?);
    let size = |image: &crate::imaging::rgb::Rgb| (image.height, image.width);
    (size(&one) == size(&two)).then(|| bytes(&one.pixels, &two.pixels))?
}

fn bytes(one: &[u8], two: &[u8]) -> Option<f64> {
    let numbers = |bytes: &[u8]| bytes.iter().map(|&byte| f64::from(byte)).collect::<Vec<_>>();
    numbers_apart(&numbers(one), &numbers(two))
}

fn tensors(one: &[u8], two: &[u8]) -> Option<f64> {
    let (one, two) = (SafeTensors::deserialize(one).ok()?, SafeTensors::deserialize(two).ok()?);
    if one.len() != two.len() {
        return None;
    }
    let mut apart = 0.0_f64;
    for (name, first) in one.iter() {
        let second = two.tensor(name).ok()?;
        if first.shape() != second.shape() || first.dtype() != second.dtype() {
            return None;
        }
        if first.data() == second.data() {
            continue;
        }
        if first.dtype() != Dtype::F32 {
            return None;
        }
        let numbers = |data: &[u8]| {
            let numbers = data.as_chunks::<4>().0.iter();
            numbers.map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect::<Vec<_>>()
        };
        apart = apart.max(numbers_apart(&numbers(first.data()), &numbers(second.data()))?);
    }
    Some(apart)
}

fn values(one: &Value, two: &Value) -> Option<f64> {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => {
            numbers_apart(&[one.as_f64()?], &[two.as_f64()?])
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => one
            .iter()
            .zip(two)
            .try_fold(0.0, |apart: f64, (one, two)| Some(apart.max(values(one, two)?))),
        (Value::Object(one), Value::Object(two)) if one.keys().eq(two.keys()) => one
            .values()
            .zip(two.values())
            .try_fold(0.0, |apart: f64, (one, two)| Some(apart.max(values(one, two)?))),
        _ => (one == two).then_some(0.0),
    }
}

fn tables(one: &[u8], two: &[u8]) -> Option<f64> {
    let read = |bytes: &[u8]| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        reader.records().collect::<Result<Vec<_>, _>>().ok()
    };
    let (one, two) = (read(one)?, read(two)?);
    if one.len() != two.len() {
        return None;
    }
    let mut columns: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for (one, two) in one.iter().zip(&two) {
        if one.len() != two.len() {
            return None;
        }
        columns.resize(columns.len().max(one.len()), (Vec::new(), Vec::new()));
        for (column, (one, two)) in columns.iter_mut().zip(one.iter().zip(two)) {
            if one != two {
                column.0.push(one.parse().ok()?);
                column.1.push(two.parse().ok()?);
            }
        }
    }
    columns.iter().try_fold(0.0, |apart: f64, (one, two)| Some(apart.max(numbers_apart(one, two)?)))
}

/// Returns the largest difference, relative to the largest number; nothing where one is no number.
fn numbers_apart(one: &[f64], two: &[f64]) -> Option<f64> {
    if one.len() != two.len() {
        return None;
    }
    let largest = one.iter().chain(two).fold(0.0, |largest: f64, number| largest.max(number.abs()));
    let apart = one.iter().zip(two).fold(0.0, |apart: f64, (one, two)| {
        if one.is_nan() && two.is_nan() { apart } else { apart.max((one - two).abs()) }
    });
    let is_lost = |(one, two): (&f64, &f64)| one.is_nan() != two.is_nan() || one.is_infinite();
    let lost = one.iter().zip(two).any(is_lost);
    (!lost).then(|| if largest > 0.0 { apart / largest } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::Likeness;
    use super::Tree;
    use super::likeness;
    use crate::files;
    use crate::imaging::npy;

    /// Returns how far two artifacts of one file are apart.
    fn of(name: &str, one: &[u8], two: &[u8]) -> Likeness {
        let folder = tempfile::tempdir().unwrap();
        let tree = |version: &str, bytes: &[u8]| {
            let path = folder.path().join(version).join(name);
            files::write(&path, bytes).unwrap();
            Tree(BTreeMap::from([(name.to_owned(), path)]))
        };
        likeness(&tree("one", one), &tree("two", two)).unwrap()
    }

    fn tensor(numbers: &[f32]) -> Vec<u8> {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![numbers.len()], &data).unwrap();
        safetensors::serialize([("weights", view)], None).unwrap()
    }

    #[test]
    fn numbers_that_differ_a_little_are_told_from_words_that_differ() {
        assert_eq!(of("a.csv", b"x,2\n", b"x,2\n"), Likeness::Same);
        assert_eq!(of("a.csv", b"x,2\n", b"x,1\n"), Likeness::Apart(0.5));
        assert_eq!(of("a.csv", b"x,2\n", b"y,2\n"), Likeness::Unlike("`a.csv` differs".into()));
        assert_eq!(of("a.json", b"{\"a\": [4, 1]}", b"{\"a\": [3, 1]}"), Likeness::Apart(0.25));
        assert!(matches!(of("a.json", b"{\"a\": 4}", b"{\"b\": 4}"), Likeness::Unlike(_)));
        assert!(matches!(of("a.bin", b"a", b"b"), Likeness::Unlike(_)));
        assert!(matches!(of("a.json", b"{", b"}"), Likeness::Unlike(_)));
    }

    #[test]
    fn tensors_and_arrays_are_compared_number_by_number() {
        let apart = of("w.safetensors", &tensor(&[1.0, -4.0]), &tensor(&[1.5, -4.0]));
        assert_eq!(apart, Likeness::Apart(0.125));
        let longer = of("w.safetensors", &tensor(&[1.0]), &tensor(&[1.0, 2.0]));
        assert!(matches!(longer, Likeness::Unlike(_)));
        let lost = of("w.safetensors", &tensor(&[1.0]), &tensor(&[f32::NAN]));
        assert!(matches!(lost, Likeness::Unlike(_)));
        let array = |data: &[u8]| npy::encode(&npy::ByteArray { shape: vec![2], data });
        assert_eq!(of("i.npy", &array(&[100, 10]), &array(&[99, 10])), Likeness::Apart(0.01));
    }
}
