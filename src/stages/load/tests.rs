//! Tests of `load` with every source, right and wrong.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::io::Write;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::files;
use crate::imaging::grid;
use crate::imaging::npy;
use crate::imaging::npy::ByteArray;
use crate::imaging::rgb::Rgb;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::load::Load;
use crate::stages::trial::Stopping;
use crate::stages::trial::Trial;

const KIND: StageKind = StageKind::of::<Load>();

fn run(params: Value, sources: &[(&str, &Path)]) -> Result<ImageSet, StageError> {
    let trial = Trial { sources: sources.to_vec(), ..Trial::of(KIND, params) };
    Ok(trial.run()?.remove("images").unwrap())
}

fn foreseen(params: &Value, sources: &[(&str, &Path)]) -> Counts {
    let params = KIND.resolve(params).unwrap();
    let sources = sources.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned()));
    let known = Forecast { sources: sources.collect(), ..Forecast::default() };
    (KIND.forecast)(&params, &known).unwrap().remove(0).1
}

fn forecast(params: &Value, sources: &[(&str, &Path)]) -> BTreeMap<Partition, usize> {
    foreseen(params, sources).partitions
}

fn words(error: &StageError, folder: &Path) -> String {
    let help = error.remedy().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{error}{help}").replace(&folder.display().to_string(), "DATA")
}

/// An archive with images of 2 x 2 pixels and the given labels by part.
fn archive(folder: &Path, arrays: &[(&str, Vec<usize>, Vec<u8>)]) -> std::path::PathBuf {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, shape, data) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&npy::encode(&ByteArray { shape: shape.clone(), data })).unwrap();
    }
    let path = folder.join("set.npz");
    files::write(&path, &zip.finish().unwrap().into_inner()).unwrap();
    path
}

type Arrays = Vec<(&'static str, Vec<usize>, Vec<u8>)>;

fn arrays() -> Arrays {
    let levels = |count: u8| (0..count).collect::<Vec<u8>>();
    vec![
        ("train_images", vec![3, 2, 2, 3], levels(36)),
        ("train_labels", vec![3, 1], vec![0, 2, 1]),
        ("val_images", vec![1, 2, 2, 3], levels(12)),
        ("val_labels", vec![1, 1], vec![2]),
        ("test_images", vec![2, 2, 2, 3], levels(24)),
        ("test_labels", vec![2], vec![0, 0]),
    ]
}

#[test]
fn an_archive_gives_its_parts_ids_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path(), &arrays());
    let params = json!({"npz": "set.npz"});
    let images = run(params.clone(), &[("set.npz", &path)]).unwrap();
    let ids: Vec<&str> = images.samples.iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["train/0", "train/1", "train/2", "validation/0", "test/0", "test/1"]);
    assert_eq!(images.labels(), Ok(vec![0, 2, 1, 2, 0, 0]));
    assert_eq!(images.classes, ["0", "1", "2"]);
    assert_eq!(images.image(1), (12..24).collect::<Vec<u8>>());
    assert_eq!(images.partition_counts(), forecast(&params, &[("set.npz", &path)]));
    let sized = json!({"npz": "set.npz", "size": 5});
    assert_eq!(foreseen(&params, &[("set.npz", &path)]).size, Some((2, 2)));
    assert_eq!(foreseen(&sized, &[("set.npz", &path)]).size, Some((5, 5)));
    assert_eq!(foreseen(&json!({}), &[]).size, Some((64, 64)));
    assert_eq!(run(sized, &[("set.npz", &path)]).unwrap().image(0).len(), 75);
}

#[test]
fn grey_images_become_three_equal_channels() {
    let folder = tempfile::tempdir().unwrap();
    let arrays =
        [("train_images", vec![2, 1, 2], vec![7, 8, 9, 10]), ("train_labels", vec![2], vec![0, 1])];
    let path = archive(folder.path(), &arrays);
    let images = run(json!({"npz": "set.npz"}), &[("set.npz", &path)]).unwrap();
    assert_eq!(images.image(1), [9, 9, 9, 10, 10, 10]);
}

#[test]
fn a_wrong_archive_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |change: &dyn Fn(&mut Arrays), params: Value| {
        let mut changed = arrays();
        change(&mut changed);
        let path = archive(folder.path(), &changed);
        words(&run(params, &[("set.npz", &path)]).unwrap_err(), folder.path())
    };
    let plain = || json!({"npz": "set.npz"});
    let said = [
        refuse(&|arrays| drop(arrays.drain(0..2)), plain()),
        refuse(&|arrays| drop(arrays.remove(1)), plain()),
        refuse(&|arrays| arrays[0].1 = vec![3, 2, 2, 1, 3], plain()),
        refuse(&|arrays| arrays[0].1 = vec![1, 6, 3, 2], plain()),
        refuse(
            &|arrays| {
                arrays[0].1 = vec![9, 2, 2, 3];
                arrays[1] = ("train_labels", vec![9], vec![0; 9]);
            },
            plain(),
        ),
        refuse(&|arrays| arrays[1] = ("train_labels", vec![3, 2], vec![0; 6]), plain()),
        refuse(&|arrays| arrays[1] = ("train_labels", vec![2], vec![0, 1]), plain()),
        refuse(&|arrays| arrays[1].1 = vec![1, 3], plain()),
        refuse(&|_| (), json!({"npz": "set.npz", "classes": ["well", "ill"]})),
        refuse(&|arrays| arrays[1].2 = vec![0, 4, 1], plain()),
        refuse(&|arrays| arrays[4] = ("test_images", vec![2, 1, 2, 3], vec![0; 12]), plain()),
    ];
    insta::assert_snapshot!(said.join("\n\n"), @"
    `DATA/set.npz` has `test_images`, `test_labels`, `val_images`, `val_labels`; expected `train_images` and `train_labels`, and the same for `val` and `test` where there are such parts

    `DATA/set.npz`, array `train_labels`: it is missing; the file has `test_images`, `test_labels`, `train_images`, `val_images`, `val_labels`
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `DATA/set.npz`, array `train_images`: its shape is [3, 2, 2, 1, 3]; expected [n, height, width, 3], or [n, height, width] for grey images
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `DATA/set.npz`, array `train_images`: its shape is [1, 6, 3, 2]: volumes of 6 x 3 x 2 voxels; flat images expected
    help: networks here see flat images: take one of the flat sets, or export slices as a folder

    `DATA/set.npz`, array `train_images`: it has 36 bytes of data; 108 expected for its shape [9, 2, 2, 3]
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `DATA/set.npz`, array `train_labels`: it has 2 labels for each image; one class an image expected
    help: a set of several labels at once is no study of classes: choose one of them, and write it as a column of a CSV

    `DATA/set.npz`, array `train_labels`: it has 2 labels for 3 images
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `DATA/set.npz`, array `train_labels`: its shape is [1, 3]; expected [3, 1], one class an image
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `DATA/set.npz`, array `train_labels`: label 2 at index 1 is out of range 0 to 1
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them

    `set.npz`: class `3` has no image; found `0`: 3, `1`: 1, `2`: 1, `3`: 0, `4`: 1
    help: check the labels, or name only the classes that occur

    `DATA/set.npz`, array `test_images`: images of 2 x 1 pixels beside `train` of 2 x 2
    help: expected are `uint8` images [n, height, width, 3] and whole-number labels [n, 1], as MedMNIST publishes them
    ");
}

#[test]
fn a_truncated_or_foreign_file_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path(), &arrays());
    let bytes = files::read(&path).unwrap();
    files::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let run = || run(json!({"npz": "set.npz"}), &[("set.npz", &path)]).unwrap_err();
    insta::assert_snapshot!(words(&run(), folder.path()), @"
    `DATA/set.npz`: it is truncated or damaged: invalid Zip archive: Could not find EOCD
    help: fetch the file again, and compare its size or digest with the publisher's
    ");
    files::write(&path, b"hello").unwrap();
    insta::assert_snapshot!(words(&run(), folder.path()), @"
    `DATA/set.npz`: no NumPy archive: it does not begin as a zip file does
    help: fetch the file again, and compare its size or digest with the publisher's
    ");
    files::remove_file(&path).unwrap();
    insta::assert_snapshot!(words(&run(), folder.path()), @"cannot open `DATA/set.npz`: No such file or directory (os error 2)");
}

fn picture(level: u8) -> Vec<u8> {
    grid::png(&Rgb::new(2, 3, vec![level; 18]))
}

#[test]
fn a_folder_gives_classes_and_parts() {
    let folder = tempfile::tempdir().unwrap();
    for (name, level) in [("train/10/a.png", 1), ("train/9/b.PNG", 2), ("val/9/c.png", 3)] {
        files::write(&folder.path().join(name), &picture(level)).unwrap();
    }
    files::write(&folder.path().join("train/9/notes.txt"), b"-").unwrap();
    let (params, sources) = (json!({"folder": "eyes"}), [("eyes", folder.path())]);
    let images = run(params.clone(), &sources).unwrap();
    assert_eq!(images.classes, ["9", "10"]);
    assert_eq!(images.samples[0].id, "train/10/a.png");
    assert_eq!(images.labels(), Ok(vec![1, 0, 0]));
    assert_eq!(images.samples[2].partition, Partition::Validation);
    assert_eq!(images.partition_counts(), forecast(&params, &sources));
    assert_eq!(images.image(1), [2; 18]);
}

#[test]
fn a_wrong_folder_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let run = |params| words(&run(params, &[("eyes", folder.path())]).unwrap_err(), folder.path());
    let plain = || json!({"folder": "eyes"});
    let mut said = vec![run(plain())];
    for number in 0..7 {
        files::write(&folder.path().join(format!("ill/{number}.png")), b"no").unwrap();
    }
    said.push(run(plain()));
    said.push(run(json!({"folder": "eyes", "classes": ["well"]})));
    files::write(&folder.path().join("ill.png"), &picture(1)).unwrap();
    said.push(run(plain()));
    files::remove_file(&folder.path().join("ill.png")).unwrap();
    for number in 0..7 {
        files::write(&folder.path().join(format!("ill/{number}.png")), &picture(1)).unwrap();
    }
    said.push(run(json!({"folder": "eyes", "classes": ["well", "ill"]})));
    let wide = grid::png(&Rgb::black(1, 1));
    files::write(&folder.path().join("ill/0.png"), &wide).unwrap();
    said.push(run(plain()));
    insta::assert_snapshot!(said.join("\n\n"), @"
    `DATA` holds no image
    help: PNG, JPEG, BMP, TIFF, WebP and DICOM files in class folders are expected

    7 of 7 images cannot be read: `DATA/ill/0.png`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image; `DATA/ill/1.png`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image; `DATA/ill/2.png`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image; `DATA/ill/3.png`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image; `DATA/ill/4.png`: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image; and 2 more
    help: replace these files, leave them out, or let `skip: N` pass over as many

    `DATA` has a class folder `ill` that `classes` lacks
    help: add it to `classes`, or move it away

    `DATA/ill.png` lies in no class folder
    help: put images into FOLDER/CLASS/ or FOLDER/train/CLASS/, one folder for each class

    `eyes`: class `well` has no image; found `well`: 0, `ill`: 7
    help: check the labels, or name only the classes that occur

    images differ in size: `ill/0.png` has 1 x 1 pixels, `ill/1.png` has 3 x 2
    help: give all one size, such as `size: 64`
    ");
}

#[test]
fn photographs_are_prepared_before_they_are_resized() {
    let folder = tempfile::tempdir().unwrap();
    let mut eye = Rgb::black(6, 9);
    (0..6 * 9).filter(|place| (2..6).contains(&(place % 9))).for_each(|place| {
        eye.pixels[place * 3..][..3].fill(200);
    });
    files::write(&folder.path().join("ill/1.png"), &grid::png(&eye)).unwrap();
    let sources = [("eyes", folder.path())];
    let images = |prepare: Value, size: Option<usize>| {
        let mut params = json!({"folder": "eyes", "prepare": prepare});
        if let Some(size) = size {
            params["size"] = json!(size);
            assert_eq!(foreseen(&params, &sources).size, Some((size, size)));
        }
        run(params, &sources).unwrap()
    };
    let cut = images(json!({"circle": {}}), Some(2));
    assert_eq!(cut.image(0), [200; 12]);
    let padded = images(json!({"square": true}), None);
    assert_eq!((padded.height, padded.width), (9, 9));
    let both = images(json!({"circle": {}, "square": true}), Some(6));
    assert_eq!(both.image(0)[..9], [0, 0, 0, 200, 200, 200, 200, 200, 200]);
    let plain = images(json!({"circle": {}, "clahe": {}, "graham": {"within": 1}}), Some(4));
    assert_eq!(plain.image(0)[..], [128; 48]);
    assert_eq!(images(json!({}), None), run(json!({"folder": "eyes"}), &sources).unwrap());
}

#[test]
fn arrays_are_prepared_too() {
    let folder = tempfile::tempdir().unwrap();
    let arrays = [("train_images", vec![1, 1, 2], vec![7, 9]), ("train_labels", vec![1], vec![0])];
    let path = archive(folder.path(), &arrays);
    let sources = [("set.npz", path.as_path())];
    let params = json!({"npz": "set.npz", "prepare": {"square": true}});
    assert_eq!(foreseen(&params, &sources).size, Some((2, 2)));
    assert_eq!(run(params, &sources).unwrap().image(0), [7, 7, 7, 9, 9, 9, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_table_gives_labels_parts_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("grades.csv");
    let text = "\u{feff}image_id,patient, grade ,part,,\r\n\
                \\left\\1_l1,1,0,TRAIN,,\r\n\
                left\\1_l2,1,2,test,,\r\n,,,,,\r\n\
                right/2_r1,,,Valid,,\r\n";
    files::write(&table, text.as_bytes()).unwrap();
    for name in ["left/1_l1.PNG", "left/1_l2.png", "right/2_r1.png"] {
        files::write(&folder.path().join("photos").join(name), &picture(4)).unwrap();
    }
    let params = json!({
        "csv": "grades.csv", "image_root": "photos", "image_column": "image_id",
        "label_column": "grade", "split_column": "part", "group_column": "patient",
        "extension": "png", "classes": ["none", "mild", "moderate"],
    });
    let photos = folder.path().join("photos");
    let sources = [("grades.csv", table.as_path()), ("photos", photos.as_path())];
    let error = words(&run(params.clone(), &sources).unwrap_err(), folder.path());
    insta::assert_snapshot!(error, @"
    `grades.csv`: class `mild` has no image; found `none`: 1, `mild`: 0, `moderate`: 1
    help: check the labels, or name only the classes that occur
    ");
    let text = text.replace("left\\1_l2,1,2", "left\\1_l2,1,mild");
    files::write(&table, text.as_bytes()).unwrap();
    let mut params = params;
    params["classes"] = json!(["none", "mild"]);
    let images = run(params.clone(), &sources).unwrap();
    let labels: Vec<Option<usize>> = images.samples.iter().map(|sample| sample.label).collect();
    assert_eq!(labels, [Some(0), Some(1), None]);
    assert_eq!(images.samples[0].group.as_deref(), Some("1"));
    assert_eq!(images.samples[2].group, None);
    assert_eq!(images.samples[2].partition, Partition::Validation);
    assert_eq!(images.partition_counts(), forecast(&params, &sources));
    files::remove_file(&photos.join("left/1_l2.png")).unwrap();
    let error = words(&run(params.clone(), &sources).unwrap_err(), folder.path());
    insta::assert_snapshot!(error, @"
    `DATA/photos` lacks 1 of 3 images of the table: `left/1_l2.png`
    help: check the folder of the images, `image_column` and `extension`
    ");
    params["label_column"] = json!("diagnosis");
    let error = words(&run(params, &sources).unwrap_err(), folder.path());
    insta::assert_snapshot!(error, @"
    `DATA/grades.csv` has no column `diagnosis`; it has `image_id`, `patient`, `grade`, `part`
    help: name the column in `image_column`, `label_column`, `split_column` or `group_column`
    ");
}

#[test]
fn rendered_images_need_no_param_and_follow_the_seed_alone() {
    let params = json!({"fundus": {"train": 12, "validation": 0, "test": 5}, "size": 12});
    let render = |seed, threads| {
        let trial = Trial { seed, threads, ..Trial::of(KIND, params.clone()) };
        trial.run().unwrap().remove("images").unwrap()
    };
    let images = render(1, 1);
    assert_eq!(images, render(1, 3));
    assert_ne!(images, render(2, 1));
    assert_eq!(images.partition_counts(), forecast(&params, &[]));
    assert_eq!(images.classes, ["0", "1", "2", "3", "4"]);
    assert_eq!(images.samples[3].group.as_deref(), Some("train/patient-1"));
    assert_eq!(forecast(&json!({}), &[]).values().sum::<usize>(), 420);
    assert!((KIND.draws)(&json!({})));
}

#[test]
fn a_user_who_stops_is_heard() {
    let trial = Trial::of(KIND, json!({"size": 4}));
    let stopped = trial.watched_by(&Stopping);
    assert!(matches!(stopped, Err(StageError::Cancelled)));
}

#[test]
fn params_that_contradict_each_other_are_all_said() {
    let wrong = json!({
        "npz": "a.npz", "folder": "b", "split_column": "part", "classes": ["x", "x"],
    });
    let said = |params: Value| {
        let problems = KIND.resolve(&params).unwrap_err();
        let lines = problems.into_iter().map(|problem| {
            let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}: {}{help}", problem.path.join("."), problem.problem)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(said(wrong), @"
    folder: `folder` stands beside `npz`; one source is expected (load each source in its own stage)
    split_column: `split_column` goes with `csv`, which is missing
    classes: `x` is there twice
    ");
    let pinned = json!({
        "blake3": "0".repeat(64), "fundus": {"balance": [0, 0, 0, 0, 0]}, "classes": ["a"],
    });
    insta::assert_snapshot!(said(pinned), @"
    blake3: rendered images have no file to pin
    fundus.balance: shares of 0 or more are expected, not all of them 0
    classes: found 1 names, expected 5 for rendered grades
    ");
    insta::assert_snapshot!(said(json!({"folder": "a", "prepare": {"circle": {}}})), @"prepare: circles differ in size, and `size` is missing (give all images one size, such as `size: 64`)");
    insta::assert_snapshot!(said(json!({"prepare": {"square": true}})), @"prepare: rendered images are ready; `prepare` is for photographs");
    insta::assert_snapshot!(said(json!({"npz": "a.npz", "prepare": {"clahe": {"tiles": 0}}})), @"prepare.clahe.tiles: found 0, expected a whole number of at least 1 and at most 64");
    insta::assert_snapshot!(said(json!({"csv": "a.csv", "size": 0})), @"
    size: found 0, expected a whole number of at least 1 and at most 4096
    csv: `image_root` is missing (name the folder of the images: `image_root: DIR`)
    ");
    insta::assert_snapshot!(said(json!({"npz": "a.npz", "blake3": "12"})), @"blake3: `12` is no BLAKE3 digest: 64 hexadecimal digits expected");
}

/// Looks at the published file where `ABLATE_DATA` leads to it; is skipped otherwise.
#[test]
fn the_published_retina_file_has_its_published_counts() {
    let Some(data) = std::env::var_os("ABLATE_DATA") else {
        eprintln!("skipped: ABLATE_DATA is not set");
        return;
    };
    let path = Path::new(&data).join("retinamnist.npz");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let params = json!({"npz": "retinamnist.npz", "size": 64});
    let sources = [("retinamnist.npz", path.as_path())];
    let images = run(params.clone(), &sources).unwrap();
    let count = |partition| {
        let members = images.samples.iter().enumerate().filter(|(_, s)| s.partition == partition);
        images.pick(&members.map(|(index, _)| index).collect::<Vec<_>>()).class_counts()
    };
    assert_eq!(count(Partition::Train), [486, 128, 206, 194, 66]);
    assert_eq!(count(Partition::Validation), [54, 12, 28, 20, 6]);
    assert_eq!(count(Partition::Test), [174, 46, 92, 68, 20]);
    assert_eq!(images.partition_counts(), forecast(&params, &sources));
}
