//! Parquet files as Hugging Face keeps data sets, and damaged ones; made by `tests/golden/parquet.py`.

use std::path::Path;
use std::path::PathBuf;

use proptest::prelude::ProptestConfig;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use super::Partition;
use super::part;
use crate::artifact::ImageSet;
use crate::files;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::load::Load;
use crate::stages::trial::Trial;

const KIND: StageKind = StageKind::of::<Load>();

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/parquet").join(name)
}

fn run(params: &Value, path: &Path) -> Result<ImageSet, StageError> {
    let sources = vec![(params["parquet"].as_str().unwrap(), path)];
    let trial = Trial { sources, ..Trial::of(KIND, params.clone()) };
    Ok(trial.run()?.remove("images").unwrap())
}

fn words(params: &Value, path: &Path) -> String {
    let error = run(params, path).unwrap_err();
    let folder = path.parent().unwrap().display().to_string();
    error.to_string().replace(&folder, "DATA")
}

#[test]
fn shards_give_images_classes_parts_and_groups() {
    let params = json!({"parquet": "eyes", "group_column": "patient"});
    let images = run(&params, &golden("eyes")).unwrap();
    assert_eq!(images.classes, ["healthy", "mild", "severe"]);
    let told: Vec<String> = (0..images.len())
        .map(|index| {
            let sample = &images.samples[index];
            let label = sample.label.map_or("-".to_owned(), |label| label.to_string());
            let (partition, group) = (sample.partition, sample.group.as_deref().unwrap());
            format!("{} {partition} {label} {group} {:?}", sample.id, &images.image(index)[..2])
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    data/test-00000-of-00001/00000000 test 0 p4 [0, 9]
    data/test-00000-of-00001/00000001 test - p5 [0, 10]
    data/test-00000-of-00001/00000002 test - p5 [0, 11]
    data/train-00000-of-00002/00000000 train 0 p0 [0, 0]
    data/train-00000-of-00002/00000001 train 1 p0 [40, 1]
    data/train-00000-of-00002/00000002 train 2 p1 [80, 2]
    data/train-00000-of-00002/00000003 train 0 p1 [0, 3]
    data/train-00000-of-00002/00000004 train 1 p2 [40, 4]
    data/train-00001-of-00002/00000000 train 2 p2 [80, 5]
    data/train-00001-of-00002/00000001 train 0 p3 [0, 6]
    data/train-00001-of-00002/00000002 train 1 p3 [40, 7]
    data/train-00001-of-00002/00000003 train 2 p4 [80, 8]
    ");
    let known =
        Forecast { sources: [("eyes".to_owned(), golden("eyes"))].into(), ..Forecast::default() };
    let foreseen = (KIND.forecast)(&KIND.resolve(&params).unwrap(), &known).unwrap().remove(0).1;
    assert_eq!(foreseen.partitions, images.partition_counts());
    assert_eq!(Counts::total(&foreseen), 12);
}

#[test]
fn a_single_file_with_columns_of_other_names_is_read_and_what_is_no_image_is_skipped() {
    let params = json!({
        "parquet": "plain.parquet", "image_column": "photo", "label_column": "grade", "skip": 2,
    });
    let images = run(&params, &golden("plain.parquet")).unwrap();
    assert_eq!(images.classes, ["ill", "well"]);
    let ids: Vec<&str> = images.samples.iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["plain/00000000", "plain/00000002"]);
    assert_eq!(images.labels(), Ok(vec![0, 1]));
    assert_eq!((images.image(1)[0], images.image(1)[1]), (80, 2));
}

#[test]
fn rows_of_several_groups_and_batches_are_all_read() {
    let images = run(&json!({"parquet": "many.parquet"}), &golden("many.parquet")).unwrap();
    let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
    assert_eq!(images.labels(), Ok(labels));
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    files::write(&empty.join("readme.txt"), b"-").unwrap();
    let short = folder.path().join("short.parquet");
    let bytes = files::read(&golden("many.parquet")).unwrap();
    files::write(&short, &bytes[..bytes.len() / 2]).unwrap();
    let plain = golden("plain.parquet");
    let said = [
        words(&json!({"parquet": "empty"}), &empty),
        words(&json!({"parquet": "short.parquet"}), &short),
        words(&json!({"parquet": "plain.parquet"}), &plain),
        words(&json!({"parquet": "plain.parquet", "label_column": "grade"}), &plain),
        words(
            &json!({"parquet": "plain.parquet", "label_column": "grade", "image_column": "photo"}),
            &plain,
        ),
        words(
            &json!({"parquet": "zstd.parquet", "label_column": "grade", "image_column": "photo"}),
            &golden("zstd.parquet"),
        ),
        words(&json!({"parquet": "eyes", "label_column": "image"}), &golden("eyes")),
        words(&json!({"parquet": "eyes", "classes": ["a", "b"]}), &golden("eyes")),
    ];
    insta::assert_snapshot!(said.join("\n\n"), @"
    `DATA/empty`: no file below it has a name that ends in `.parquet`

    `DATA/short.parquet`: no whole Parquet file: Invalid Parquet file. Corrupt footer

    `DATA/plain.parquet`: it has no column `label`; found `photo`, `grade`

    `DATA/plain.parquet`: it has no column `image`; found `photo`, `grade`

    2 of 4 images cannot be read: `DATA/plain.parquet/plain/00000001`: the row has no image in it, at most a path to one; `DATA/plain.parquet/plain/00000003`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image

    `DATA/zstd.parquet`: its pages are compressed by zstd; Snappy, gzip or nothing expected

    `DATA/eyes/data/test-00000-of-00001.parquet`: it has no column `image`; found `image.bytes`, `image.path`, `label`, `patient`

    `DATA/eyes` has a label `healthy` that `classes` lacks
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_file_is_an_error_or_gives_as_many_images(
        at in any::<usize>(), flip in 1..=255_u8, cut in any::<usize>(), is_cut in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut bytes = files::read(&golden("eyes/data/train-00000-of-00002.parquet")).unwrap();
        if is_cut {
            bytes.truncate(cut % bytes.len());
        } else {
            let at = at % bytes.len();
            bytes[at] ^= flip;
        }
        files::write(&path, &bytes).unwrap();
        if let Ok(images) = run(&json!({"parquet": "a.parquet", "skip": 5}), &path) {
            prop_assert!(images.len() <= 5);
        }
    }
}

#[test]
fn the_part_is_in_the_name_of_the_file_or_of_its_folder() {
    let names = [
        "data/train-00000-of-00001",
        "validation-00003-of-00010",
        "default/test/0000",
        "retina_test",
        "0000",
    ];
    let parts = [
        Partition::Train,
        Partition::Validation,
        Partition::Test,
        Partition::Whole,
        Partition::Whole,
    ];
    assert_eq!(names.map(part), parts);
}
