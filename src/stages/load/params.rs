//! What `load` may be told, and what contradicts itself in it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::archive::is_packed;
use crate::digest::Digest;
use crate::digest::Md5;
use crate::digest::is_default;
use crate::imaging::resize::Filter;
use crate::stage::Address;
use crate::stage::ParamProblem;
use crate::stage::Remote;
use crate::stage::SourceKind;
use crate::stage::SourceRef;
use crate::stages::load::preparation::Prepare;
use crate::stages::load::preset;
use crate::stages::load::rendered::Fundus;

/// Where the images come from: one of `npz`, `folder`, `csv`, `parquet` and `fundus`, or a table in a folder, which
/// is `csv` beside `folder`; without any, `fundus` with its defaults. Files and folders are looked for in
/// the data folders, and a `.zip`, a `.tar` or a `.tar.gz` may be in a folder's place.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// NumPy archive in MedMNIST's layout: `train_images`, `train_labels`, `val_...`, `test_...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npz: Option<String>,
    /// Folder of class folders, above which there may be `train`, `validation` and `test`; or, with
    /// `preset` or `csv`, a data set's top folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Data set whose tables and folders are known: `aptos2019`, `deepdrid`, `eyepacs`, `idrid`,
    /// `medmnist` (as its package exports folders) or `messidor2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "preset::schema")]
    pub preset: Option<String>,
    /// Table with a row for each image: a file of its own beside `image_root`, or a path inside `folder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<String>,
    /// Parquet file with an image in each row, or folder of such files, as Hugging Face keeps data sets; the
    /// part is in their names (`train-00000-of-00001.parquet`), the names of classes within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parquet: Option<String>,
    /// Draws photographs of the retina; needs no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fundus: Option<Fundus>,
    /// Folder of the images that a table names; with `folder`, a path inside it, by default the table's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_root: Option<String>,
    /// Column of a table with the image's path, or of `parquet` with the image; default `image`. Case and ending may differ from the
    /// file's, and a name without a folder may lie deeper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// Column of a table with the class; default `label`. An empty cell means unlabelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// Columns of a table of which the first that is not empty has the class, such as one for each eye.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub label_columns: Option<Vec<String>>,
    /// Column of a table with the part: `train`, `validation` or `test`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_column: Option<String>,
    /// Column of a table with what belongs together, such as the patient; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_column: Option<String>,
    /// Ending that a table's image names lack, such as `png`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// BLAKE3 digest that the file or folder must have, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub blake3: Option<Digest>,
    /// MD5 digest that the file must have, 32 hexadecimal digits, as data sets publish them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub md5: Option<Md5>,
    /// Where the file is fetched if it is found nowhere, `https://...`; `blake3` or `md5` says which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub url: Option<Address>,
    /// Size of the file at `url`, bytes; default: any up to 4 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub bytes: Option<u64>,
    /// Pixels from side to side of the square that images are resized to; default is their own
    /// size, and 64 for `fundus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub size: Option<usize>,
    /// What is done to photographs before they are resized; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<Prepare>,
    /// How images are resized; each is what Pillow does, bit for bit.
    #[serde(default)]
    pub resize: Filter,
    /// Whether photographs are turned upright where the file says how the camera was turned.
    #[serde(default)]
    pub upright: bool,
    /// Whether links that lead out of a folder are followed; else their images are unreadable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub follow_links: bool,
    /// Most images that may be unreadable: so many are left out and listed, one more is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub skip: Option<usize>,
    /// Names of the classes in the order of their numbers; default is what the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub classes: Option<Vec<String>>,
}

impl Params {
    /// Returns the file or folder that decides what is loaded; none where images are rendered.
    pub(super) fn source(&self) -> Option<SourceRef> {
        let named = [
            ("npz", &self.npz, SourceKind::File),
            ("folder", &self.folder, SourceKind::Folder),
            ("csv", &self.csv, SourceKind::File),
            ("parquet", &self.parquet, self.parquet_kind()),
        ];
        let (param, name, kind) = named.into_iter().find(|(_, name, _)| name.is_some())?;
        let (name, param) = (name.clone()?, param.to_owned());
        let remote = self.url.clone().map(|url| Remote { url, bytes: self.bytes });
        Some(SourceRef { name, kind, param, pin: self.blake3, md5: self.md5, remote })
    }

    /// Returns whether `parquet` names a file or a folder of files.
    fn parquet_kind(&self) -> SourceKind {
        let is_file = self.parquet.as_ref().is_some_and(|name| name.ends_with(".parquet"));
        if is_file { SourceKind::File } else { SourceKind::Folder }
    }

    /// Returns every file and folder from outside.
    pub(super) fn sources(&self) -> Vec<SourceRef> {
        let root = self.image_root.as_ref().filter(|_| self.folder.is_none());
        let root = root.map(|name| SourceRef {
            kind: SourceKind::Folder,
            ..SourceRef::file(name, "image_root")
        });
        self.source().into_iter().chain(root).collect()
    }

    /// Returns what contradicts itself.
    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = self.source_problems();
        let of_tables = [
            ("image_root", self.image_root.is_some()),
            ("image_column", self.image_column.is_some()),
            ("label_column", self.label_column.is_some()),
            ("label_columns", self.label_columns.is_some()),
            ("split_column", self.split_column.is_some()),
            ("group_column", self.group_column.is_some()),
            ("extension", self.extension.is_some()),
        ];
        for (name, _) in of_tables.iter().filter(|(_, said)| *said) {
            let is_of_rows = ["image_column", "label_column", "group_column"].contains(name);
            if self.csv.is_none() && !(is_of_rows && self.parquet.is_some()) {
                let problem = format!("`{name}` goes with `csv`, which is missing");
                problems.push(ParamProblem::at(name, problem));
            }
        }
        if self.label_column.is_some() && self.label_columns.is_some() {
            let problem = "`label_columns` stands beside `label_column`; one of them is expected";
            problems.push(ParamProblem::at("label_columns", problem));
        }
        if self.csv.is_some() && self.image_root.is_none() && self.folder.is_none() {
            let problem = ParamProblem::at("csv", "`image_root` is missing");
            problems.push(problem.help("name the folder of the images: `image_root: DIR`"));
        }
        let is_decoded = self.folder.is_some() || self.csv.is_some() || self.parquet.is_some();
        for (name, said) in [("upright", self.upright), ("skip", self.skip.is_some())] {
            if said && !is_decoded {
                let problem = format!("`{name}` goes with `folder` or `csv`, which are missing");
                problems.push(ParamProblem::at(name, problem));
            }
        }
        problems.extend(self.prepare_problem());
        if self.blake3.is_some() && self.source().is_none() {
            problems.push(ParamProblem::at("blake3", "rendered images have no file to pin"));
        }
        problems.extend(self.remote_problems());
        problems.extend(self.fundus.iter().flat_map(Fundus::problems));
        problems.extend(self.class_problems());
        problems
    }

    fn prepare_problem(&self) -> Option<ParamProblem> {
        let prepare = self.prepare.as_ref()?;
        if self.source().is_none() {
            let problem = "rendered images are ready; `prepare` is for photographs";
            return Some(ParamProblem::at("prepare", problem));
        }
        (prepare.circle.is_some() && self.size.is_none()).then(|| {
            let problem = "circles differ in size, and `size` is missing";
            ParamProblem::at("prepare", problem)
                .help("give all images one size, such as `size: 64`")
        })
    }

    fn source_problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        let sources = [
            ("npz", self.npz.is_some()),
            ("folder", self.folder.is_some()),
            ("csv", self.csv.is_some() && self.folder.is_none()),
            ("parquet", self.parquet.is_some()),
            ("fundus", self.fundus.is_some()),
        ];
        let said: Vec<&str> =
            sources.iter().filter(|(_, said)| *said).map(|(name, _)| *name).collect();
        for extra in said.iter().skip(1) {
            let problem = format!("`{extra}` stands beside `{}`; one source is expected", said[0]);
            problems
                .push(ParamProblem::at(extra, problem).help("load each source in its own stage"));
        }
        let Some(preset) = &self.preset else { return problems };
        problems.extend(preset::problem(preset));
        if self.folder.is_none() {
            let problem = ParamProblem::at("preset", "`folder` is missing");
            problems.push(problem.help("name the data set's top folder: `folder: DIR`"));
        }
        if self.csv.is_some() {
            let problem = "`csv` stands beside `preset`, which knows its tables";
            problems.push(ParamProblem::at("csv", problem));
        }
        problems
    }

    /// Returns what is wrong with how a file is to be fetched.
    fn remote_problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if self.md5.is_some() && self.source().is_none() {
            problems.push(ParamProblem::at("md5", "rendered images have no file to check"));
        }
        let rows = self.parquet.as_ref().filter(|_| self.parquet_kind() == SourceKind::Folder);
        let folder = self.folder.as_ref().filter(|folder| !is_packed(folder)).or(rows);
        if let Some(folder) = folder {
            let help = "name the archive: `folder: NAME.zip`; it is read without being unpacked";
            for (name, said) in [("url", self.url.is_some()), ("md5", self.md5.is_some())] {
                if said {
                    let problem = format!("`{name}` is of one file, and `{folder}` is a folder");
                    problems.push(ParamProblem::at(name, problem).help(help));
                }
            }
        }
        if self.url.is_none() {
            if self.bytes.is_some() {
                problems
                    .push(ParamProblem::at("bytes", "`bytes` goes with `url`, which is missing"));
            }
            return problems;
        }
        if self.source().is_none() {
            problems.push(ParamProblem::at("url", "rendered images have no file to fetch"));
        }
        if self.blake3.is_none() && self.md5.is_none() {
            let problem = "`url` has no digest beside it, so that nothing says which file is meant";
            let help = "add `md5: ...` as the data set publishes it, or `blake3: ...`";
            problems.push(ParamProblem::at("url", problem).help(help));
        }
        problems
    }

    fn class_problems(&self) -> Vec<ParamProblem> {
        let Some(classes) = &self.classes else { return Vec::new() };
        let mut problems = Vec::new();
        for (index, name) in classes.iter().enumerate() {
            if classes[..index].contains(name) {
                problems.push(ParamProblem::at("classes", format!("`{name}` is there twice")));
            }
        }
        let grades = crate::imaging::fundus::GRADES;
        if self.source().is_none() && classes.len() != grades {
            let found = classes.len();
            let problem = format!("found {found} names, expected {grades} for rendered grades");
            problems.push(ParamProblem::at("classes", problem));
        }
        problems
    }
}
