//! Every preset on a small copy of its layout, with the traps of the real one, as a folder and packed.

use std::io::Cursor;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use crate::artifact::ImageSet;
use crate::files;
use crate::imaging::grid;
use crate::imaging::rgb::Rgb;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::load::Load;
use crate::stages::trial::Trial;

const KIND: StageKind = StageKind::of::<Load>();

/// A data set: tables as text, and images of which each has a level of its own.
struct Layout<'a> {
    preset: &'a str,
    tables: &'a [(&'a str, &'a str)],
    images: &'a [&'a str],
}

impl Layout<'_> {
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let tables = self.tables.iter();
        let tables = tables.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        let image = |(level, name): (usize, &&str)| {
            ((*name).to_owned(), grid::png(&Rgb::new(2, 2, vec![level as u8; 12])))
        };
        tables.chain(self.images.iter().enumerate().map(image)).collect()
    }

    /// Writes it as a folder, as a zip with a folder round everything, and as a compressed tar.
    fn written(&self, folder: &Path) -> [PathBuf; 3] {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, bytes) in self.files().into_iter().rev() {
            files::write(&folder.join("set").join(&name), &bytes).unwrap();
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("wrapped/{name}"), options).unwrap();
            zip.write_all(&bytes).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, &name, &bytes[..]).unwrap();
        }
        let paths = ["set", "set.zip", "set.tar.gz"].map(|name| folder.join(name));
        files::write(&paths[1], &zip.finish().unwrap().into_inner()).unwrap();
        files::write(&paths[2], &tar.into_inner().unwrap().finish().unwrap()).unwrap();
        paths
    }

    fn load(&self, path: &Path) -> Result<ImageSet, StageError> {
        let params = json!({"folder": "set", "preset": self.preset});
        let trial = Trial { sources: vec![("set", path)], ..Trial::of(KIND, params.clone()) };
        let images = trial.run()?.remove("images").unwrap();
        let sources = [("set".to_owned(), path.to_owned())].into();
        let known = Forecast { sources, ..Forecast::default() };
        let params = KIND.resolve(&params).unwrap();
        let foreseen = (KIND.forecast)(&params, &known).unwrap().remove(0).1;
        assert_eq!(foreseen.partitions, images.partition_counts());
        Ok(images)
    }

    /// Returns a line for each image: id, part, class, group, and which file it is.
    fn told(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let told = self.written(folder.path()).map(|path| {
            let images = self.load(&path).unwrap();
            let line = |(index, sample): (usize, &crate::artifact::Sample)| {
                let class = sample.label.map_or("-", |label| &images.classes[label]);
                let group = sample.group.as_deref().unwrap_or("-");
                let file = self.images[usize::from(images.image(index)[0])];
                format!("{} {} {class} {group} {file}", sample.id, sample.partition)
            };
            images.samples.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
        });
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0], told[2]);
        told[0].clone()
    }
}

#[test]
fn aptos_lacks_endings_and_has_a_resplit() {
    let images = ["train_images/0a.png", "train_images/1b.png", "test_images/0a.png"];
    let table = ("train.csv", "id_code,diagnosis\r\n1b,1\r\n0a,0\r\n");
    let unlabelled = ("test.csv", "id_code\r\n0a\r\n");
    let layout = Layout { preset: "aptos2019", tables: &[table, unlabelled], images: &images };
    insta::assert_snapshot!(layout.told(), @"
    1b whole 1 - train_images/1b.png
    0a whole 0 - train_images/0a.png
    ");
    let images = ["train_images/a.png", "val_images/b.png", "test_images/c.png"];
    let resplit = ["a,0", "b,1", "c,0"].map(|row| format!("id_code,diagnosis\n{row}\n"));
    let tables =
        [("train_1.csv", &*resplit[0]), ("valid.csv", &resplit[1]), ("test.csv", &resplit[2])];
    insta::assert_snapshot!(Layout { preset: "aptos2019", tables: &tables, images: &images }.told(), @"
    a train 0 - train_images/a.png
    b validation 1 - val_images/b.png
    c test 0 - test_images/c.png
    ");
}

#[test]
fn eyepacs_pairs_the_eyes_of_a_patient() {
    let images = ["train/10_left.jpeg", "train/10_right.jpeg", "test/1_left.jpeg"];
    let train = ("trainLabels.csv", "image,level\n10_left,0\n10_right,1\n");
    let solution = ("retinopathy_solution.csv", "image,level,Usage\n1_left,1,Public\n");
    let alone = Layout { preset: "eyepacs", tables: &[train], images: &images };
    insta::assert_snapshot!(alone.told(), @"
    10_left whole 0 10 train/10_left.jpeg
    10_right whole 1 10 train/10_right.jpeg
    ");
    let both = Layout { preset: "eyepacs", tables: &[train, solution], images: &images };
    insta::assert_snapshot!(both.told(), @"
    10_left train 0 10 train/10_left.jpeg
    10_right train 1 10 train/10_right.jpeg
    1_left test 1 1 test/1_left.jpeg
    ");
}

#[test]
fn deepdrid_grades_the_eye_whose_column_is_filled() {
    let header = "patient_id,image_id,image_path,Overall quality,left_eye_DR_Level,\
                  right_eye_DR_Level,patient_DR_Level,Clarity,Field definition,Artifact\n";
    let training = format!(
        "{header}1,1_l1,\\regular-fundus-training\\1\\1_l1.jpg,0,0,,1,8,8,1\n\
         1,1_r1,\\regular-fundus-training\\1\\1_r1.jpg,1,,1,1,8,8,1\n\
         56,56_r3,\\regular-fundus-training\\56\\56_r3.jpg,1,2,,2,8,8,1\n\
         57,57_l1,\\regular-fundus-training\\57\\57_l1.jpg,1,5,,5,8,8,1\n"
    );
    let validation =
        format!("{header}2,2_r2,\\regular-fundus-validation\\2\\2_r2.jpg,1,,0,0,8,8,1\n");
    let within = "regular_fundus_images/regular-fundus-training";
    let other = "regular_fundus_images/regular-fundus-validation";
    let tables = [
        (format!("{within}/regular-fundus-training.csv"), training),
        (format!("{other}/regular-fundus-validation.csv"), validation),
    ];
    let tables: Vec<(&str, &str)> = tables.iter().map(|(name, text)| (&**name, &**text)).collect();
    let images = [
        format!("{within}/Images/1/1_l1.jpg"),
        format!("{within}/Images/1/1_r1.jpg"),
        format!("{within}/Images/56/56_r3.jpg"),
        format!("{within}/Images/57/57_l1.jpg"),
        format!("{other}/Images/2/2_r2.jpg"),
    ];
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let layout = Layout { preset: "deepdrid", tables: &tables, images: &images };
    insta::assert_snapshot!(layout.told(), @"
    1_l1 train 0 1 regular_fundus_images/regular-fundus-training/Images/1/1_l1.jpg
    1_r1 train 1 1 regular_fundus_images/regular-fundus-training/Images/1/1_r1.jpg
    56_r3 train 2 56 regular_fundus_images/regular-fundus-training/Images/56/56_r3.jpg
    2_r2 validation 0 2 regular_fundus_images/regular-fundus-validation/Images/2/2_r2.jpg
    ");
}

#[test]
fn idrid_counts_from_one_in_both_parts() {
    let tables = [
        (
            "B. Disease Grading/2. Groundtruths/a. IDRiD_Disease Grading_Training Labels.csv",
            "Image name,Retinopathy grade,Risk of macular edema ,,,,\r\nIDRiD_001,1,0,,,,\r\nIDRiD_002,0,0,,,,\r\n",
        ),
        (
            "B. Disease Grading/2. Groundtruths/b. IDRiD_Disease Grading_Testing Labels.csv",
            "Image name,Retinopathy grade,Risk of macular edema \r\nIDRiD_001,0,0\r\n",
        ),
    ];
    let images = [
        "B. Disease Grading/1. Original Images/a. Training Set/IDRiD_001.jpg",
        "B. Disease Grading/1. Original Images/a. Training Set/IDRiD_002.jpg",
        "B. Disease Grading/1. Original Images/b. Testing Set/IDRiD_001.jpg",
    ];
    let told = Layout { preset: "idrid", tables: &tables, images: &images }.told();
    insta::assert_snapshot!(told, @"
    train/IDRiD_001 train 1 - B. Disease Grading/1. Original Images/a. Training Set/IDRiD_001.jpg
    train/IDRiD_002 train 0 - B. Disease Grading/1. Original Images/a. Training Set/IDRiD_002.jpg
    test/IDRiD_001 test 0 - B. Disease Grading/1. Original Images/b. Testing Set/IDRiD_001.jpg
    ");
    for (from, to) in [(" ", "%20"), (" ", "_")] {
        let escaped = tables.map(|(name, text)| (name.replace(from, to), text));
        let tables = [(&*escaped[0].0, escaped[0].1), (&*escaped[1].0, escaped[1].1)];
        let escaped = images.map(|name| name.replace(from, to));
        let images = [&*escaped[0], &escaped[1], &escaped[2]];
        let again = Layout { preset: "idrid", tables: &tables, images: &images }.told();
        assert_eq!(again.replace(to, " "), told.replace(to, " "));
    }
}

#[test]
fn messidor_2_differs_from_its_table_in_case_and_ending_and_has_ungradable_images() {
    let tables = [
        (
            "messidor_data.csv",
            "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable\n\
             20051020_43808_0100_PP.png,0,0,1\nIM000811.jpg,,,0\nIM000812.jpg,1,0,1\nIM000813.jpg,1,0,1\n",
        ),
        (
            "messidor-2.csv",
            "left;right\r\nIM000812.JPG;IM000813.JPG\r\n;20051020_43808_0100_PP.png\r\n",
        ),
    ];
    let images = [
        "IMAGES/20051020_43808_0100_PP.png",
        "IMAGES/IM000811.JPG",
        "IMAGES/IM000812.JPG",
        "IMAGES/IM000813.tif",
    ];
    insta::assert_snapshot!(Layout { preset: "messidor2", tables: &tables, images: &images }.told(), @"
    20051020_43808_0100_PP.png whole 0 patient-2 IMAGES/20051020_43808_0100_PP.png
    IM000812.jpg whole 1 patient-1 IMAGES/IM000812.JPG
    IM000813.jpg whole 1 patient-1 IMAGES/IM000813.tif
    ");
}

#[test]
fn medmnist_exports_tables_without_names_of_columns() {
    let rows =
        "TRAIN,train0_0.png,0\nTRAIN,train1_1.png,1\nVALIDATION,val0_0.png,0\nTEST,test0_1.png,1\n";
    let images = ["train0_0.png", "train1_1.png", "val0_0.png", "test0_1.png"];
    let images = images.map(|name| format!("retinamnist_64/{name}"));
    let images = [&*images[0], &images[1], &images[2], &images[3]];
    let tables = [("retinamnist_64.csv", rows)];
    insta::assert_snapshot!(Layout { preset: "medmnist", tables: &tables, images: &images }.told(), @"
    train0_0.png train 0 - retinamnist_64/train0_0.png
    train1_1.png train 1 - retinamnist_64/train1_1.png
    val0_0.png validation 0 - retinamnist_64/val0_0.png
    test0_1.png test 1 - retinamnist_64/test0_1.png
    ");
    let several = [("chestmnist.csv", "TRAIN,train0_0.png,0,1\n")];
    let layout = Layout { preset: "medmnist", tables: &several, images: &images };
    let folder = tempfile::tempdir().unwrap();
    let error = layout.load(&layout.written(folder.path())[0]).unwrap_err();
    insta::assert_snapshot!(error, @"`chestmnist.csv`, line 1: several labels for one image");
}

#[test]
fn a_data_set_without_its_table_is_refused() {
    for preset in ["aptos2019", "deepdrid", "eyepacs", "idrid", "medmnist", "messidor2"] {
        let layout = Layout { preset, tables: &[], images: &["a/1.png"] };
        let folder = tempfile::tempdir().unwrap();
        let error = layout.load(&layout.written(folder.path())[0]).unwrap_err().to_string();
        assert!(error.contains("holds no "), "{preset}: {error}");
    }
}
