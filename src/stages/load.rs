//! `load`: brings images into a study, from a file, a folder, a table or a renderer.
//!
//! What each source looks like is in `load/`.

mod folder;
mod gathered;
mod npz;
mod part_name;
mod rendered;
mod table;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::ImageSet;
use crate::digest::Digest;
use crate::imaging::resize::Filter;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceKind;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

pub use rendered::Fundus;

/// Brings images into a study, from a file, a folder, a table or a renderer.
pub struct Load;

/// Where the images come from: at most one of `npz`, `folder`, `csv` and `fundus`; without any,
/// `fundus` with its defaults. Files and folders are looked for in the data folders.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// NumPy archive in MedMNIST's layout: `train_images`, `train_labels`, `val_...`, `test_...`.
    #[serde(default)]
    pub npz: Option<String>,
    /// Folder of class folders; above these there may be `train`, `validation` and `test`.
    #[serde(default)]
    pub folder: Option<String>,
    /// Table with a row for each image; goes with `images`.
    #[serde(default)]
    pub csv: Option<String>,
    /// Draws photographs of the retina; needs no file.
    #[serde(default)]
    pub fundus: Option<Fundus>,
    /// Folder of the images that a table names.
    #[serde(default)]
    pub images: Option<String>,
    /// Column of a table with the image's path below `images`; default `image`.
    #[serde(default)]
    pub image_column: Option<String>,
    /// Column of a table with the class; default `label`. An empty cell means unlabelled.
    #[serde(default)]
    pub label_column: Option<String>,
    /// Column of a table with the part: `train`, `validation` or `test`; default none.
    #[serde(default)]
    pub split_column: Option<String>,
    /// Column of a table with what belongs together, such as the patient; default none.
    #[serde(default)]
    pub group_column: Option<String>,
    /// Ending that a table's image names lack, such as `png`; default none.
    #[serde(default)]
    pub extension: Option<String>,
    /// BLAKE3 digest that the file or folder must have, 64 hexadecimal digits.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub blake3: Option<Digest>,
    /// Pixels from side to side of the square that images are resized to; default is their own
    /// size, and 64 for `fundus`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 4096))]
    pub size: Option<usize>,
    /// How images are resized; each is what Pillow does, bit for bit.
    #[serde(default)]
    pub resize: Filter,
    /// Names of the classes in the order of their numbers; default is what the source says.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub classes: Option<Vec<String>>,
}

ports! {
    /// What enters: nothing.
    inputs Inputs {}
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// All images of the source, each with its part where the source says one.
        images: ImageSet = Lineage::All,
    }
}

impl Stage for Load {
    const KIND: &'static str = "load";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Brings images into a study, from a file, a folder, a table or a renderer.";
    const RUNNER: Runner = Runner::Inline;
    // The content itself is in the key; to demand it or not changes nothing of what is loaded.
    const BESIDE_KEY: &'static [&'static str] = &["blake3"];
    const APPEARANCE: &'static [&'static str] = &["size", "resize", "classes"];
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        params.problems()
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(params: &Params) -> bool {
        params.source().is_none()
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        let mut sources: Vec<SourceRef> = params.source().into_iter().collect();
        sources.extend(params.images.as_ref().map(|name| SourceRef {
            name: name.clone(),
            kind: SourceKind::Folder,
            param: "images".to_owned(),
            pin: None,
        }));
        sources
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        let Some(source) = params.source() else {
            let side = params.size.unwrap_or(rendered::DEFAULT_SIZE);
            let counts = params.fundus.clone().unwrap_or_default().counts();
            return Ok(vec![("images", counts.sized(Some((side, side))))]);
        };
        let Some(path) = known.sources.get(&source.name) else { return Ok(Vec::new()) };
        let counts = match source.param.as_str() {
            "npz" => npz::counts(path),
            "folder" => folder::counts(path),
            _ => table::counts(path, params),
        };
        let counts = counts?;
        let size = params.size.map(|side| (side, side)).or(counts.size);
        Ok(vec![("images", counts.sized(size))])
    }

    fn run(cx: &Context<'_>, params: &Params, _: Inputs) -> Result<Outputs, StageError> {
        let Some(source) = params.source() else {
            let fundus = params.fundus.clone().unwrap_or_default();
            return Ok(Outputs { images: rendered::render(cx, &fundus, params)? });
        };
        let path = cx.source(&source.name)?;
        let images = match source.param.as_str() {
            "npz" => npz::load(cx, path, params)?,
            "folder" => folder::load(cx, path, params)?,
            _ => table::load(cx, path, params)?,
        };
        refuse_empty_classes(&images, &source.name)?;
        Ok(Outputs { images })
    }
}

impl Params {
    /// Returns the file or folder that decides what is loaded; none where images are rendered.
    fn source(&self) -> Option<SourceRef> {
        let named = [
            ("npz", &self.npz, SourceKind::File),
            ("folder", &self.folder, SourceKind::Folder),
            ("csv", &self.csv, SourceKind::File),
        ];
        let (param, name, kind) = named.into_iter().find(|(_, name, _)| name.is_some())?;
        let (name, param) = (name.clone()?, param.to_owned());
        Some(SourceRef { name, kind, param, pin: self.blake3 })
    }

    fn problems(&self) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        let sources = [
            ("npz", self.npz.is_some()),
            ("folder", self.folder.is_some()),
            ("csv", self.csv.is_some()),
            ("fundus", self.fundus.is_some()),
        ];
        let said: Vec<&str> =
            sources.iter().filter(|(_, said)| *said).map(|(name, _)| *name).collect();
        for extra in said.iter().skip(1) {
            let problem = format!("`{extra}` stands beside `{}`; one source is expected", said[0]);
            problems
                .push(ParamProblem::at(extra, problem).help("load each source in its own stage"));
        }
        let of_tables = [
            ("images", &self.images),
            ("image_column", &self.image_column),
            ("label_column", &self.label_column),
            ("split_column", &self.split_column),
            ("group_column", &self.group_column),
            ("extension", &self.extension),
        ];
        for (name, _) in of_tables.iter().filter(|(_, value)| value.is_some()) {
            if self.csv.is_none() {
                let problem = format!("`{name}` goes with `csv`, which is missing");
                problems.push(ParamProblem::at(name, problem));
            }
        }
        if self.csv.is_some() && self.images.is_none() {
            let problem = ParamProblem::at("csv", "`images` is missing");
            problems.push(problem.help("name the folder of the images: `images: DIR`"));
        }
        if self.blake3.is_some() && self.source().is_none() {
            problems.push(ParamProblem::at("blake3", "rendered images have no file to pin"));
        }
        problems.extend(self.fundus.iter().flat_map(Fundus::problems));
        problems.extend(self.class_problems());
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

/// A class that has no image to learn from is a mistake in the data or in `classes`.
fn refuse_empty_classes(images: &ImageSet, source: &str) -> Result<(), StageError> {
    let counts = images.class_counts();
    let Some(empty) = counts.iter().position(|count| *count == 0) else { return Ok(()) };
    let class = &images.classes[empty];
    let found: Vec<String> = images
        .classes
        .iter()
        .zip(&counts)
        .map(|(class, count)| format!("`{class}`: {count}"))
        .collect();
    let problem = format!("`{source}`: class `{class}` has no image; found {}", found.join(", "));
    Err(StageError::data(problem).help("check the labels, or name only the classes that occur"))
}

#[cfg(test)]
mod tests;
