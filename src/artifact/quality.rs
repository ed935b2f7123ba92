//! Quality: how far generated images are from real ones, over all and by class.
//!
//! Files: `quality.json` and `nearest.csv` (`id,nearest_real,distance`: one row for each generated image).

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::artifact::tree::write_rows;
use crate::files;
use crate::measure::Fidelity;
use crate::measure::memorisation::Memorisation;

const QUALITY: &str = "quality.json";
const NEAREST: &str = "nearest.csv";

/// What was measured on one set of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Distances in feature space to the real images.
    #[serde(flatten)]
    pub fidelity: Fidelity,
    /// Mean structural likeness (MS-SSIM) of two of the images, 0 to 1: low where they differ. Absent for images
    /// that are too small, or fewer than two.
    pub likeness: Option<f64>,
    /// The same of two of the real images.
    pub real_likeness: Option<f64>,
    /// Distances to the nearest real image, beside those of held-out images, where there are any.
    pub memorisation: Option<Memorisation>,
}

/// Held-out real images in the place of generated ones, equally many of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Yardstick {
    /// What as many new real images come to.
    pub held_out: Compared,
    /// The generated images that it is to be held against: so many of them, drawn. Absent where that is all of
    /// them.
    pub generated: Option<Compared>,
}

/// Generated images of a class, or all, compared with real ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// All of them.
    #[serde(flatten)]
    pub whole: Compared,
    /// What to hold that against, where there are held-out images.
    pub yardstick: Option<Yardstick>,
}

/// The real image nearest to a generated one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Id of the generated image.
    pub id: String,
    /// Id of the real image.
    pub nearest_real: String,
    /// Root of the mean squared difference, flipped or not: grey levels, 0 to 255.
    pub distance: f64,
}

/// How far generated images are from real ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// What the features are.
    pub features: String,
    /// All images.
    pub all: Measured,
    /// The images of each class that both sides know, by its name.
    pub classes: Vec<(String, Measured)>,
    /// One row for each generated image.
    pub nearest: Vec<Nearest>,
}

#[derive(Serialize, Deserialize)]
struct File {
    features: String,
    all: Measured,
    classes: Vec<(String, Measured)>,
}

impl Artifact for Quality {
    const TYPE: &'static str = "quality";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let File { features, all, classes } = tree.json(QUALITY)?;
        let nearest = tree.rows(NEAREST)?;
        Ok(Self { features, all, classes, nearest })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let Self { features, all, classes, nearest } = self.clone();
        let file = serde_json::to_vec_pretty(&File { features, all, classes });
        files::write_scratch(&folder.join(QUALITY), &file.expect("numbers serialise"))?;
        write_rows(folder, NEAREST, &["id", "nearest_real", "distance"], &nearest)
    }

    fn summary(&self) -> Value {
        let numbers = |compared: &Compared| {
            let mut facts = serde_json::to_value(compared).expect("numbers serialise");
            if let Value::Object(facts) = &mut facts {
                facts.retain(|_, value| !value.is_null());
            }
            facts
        };
        let mut summary = json!({"features": self.features});
        let mut add = |name: String, Measured { whole, yardstick }: &Measured| {
            summary[&name] = numbers(whole);
            let Some(Yardstick { held_out, generated }) = yardstick else { return };
            summary[format!("{name}, held out")] = numbers(held_out);
            if let Some(generated) = generated {
                summary[format!("{name}, as many generated")] = numbers(generated);
            }
        };
        add("all".to_owned(), &self.all);
        self.classes.iter().for_each(|(class, found)| add(format!("class {class}"), found));
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::Artifact;
    use super::Compared;
    use super::Measured;
    use super::Nearest;
    use super::Quality;
    use super::Tree;
    use super::Yardstick;
    use crate::measure::Fidelity;
    use crate::measure::memorisation::memorisation;

    #[test]
    fn what_was_written_is_read_back() {
        let fidelity = Fidelity { fid: Some(0.1 + 0.2), ..Fidelity::none(3, 4) };
        let memorisation = memorisation(&[1.0, 2.0], &[3.0]);
        let all = Compared { fidelity, likeness: Some(0.5), real_likeness: None, memorisation };
        let few = Compared { fidelity: Fidelity::none(1, 0), likeness: None, ..all.clone() };
        let row = Nearest { id: "a".into(), nearest_real: "b".into(), distance: 0.25 };
        let quality = Quality {
            features: "pixels".to_owned(),
            all: Measured {
                whole: all.clone(),
                yardstick: Some(Yardstick { held_out: all, generated: Some(few.clone()) }),
            },
            classes: vec![("ill".to_owned(), Measured { whole: few, yardstick: None })],
            nearest: vec![row],
        };
        let folder = tempfile::tempdir().unwrap();
        quality.write(folder.path()).unwrap();
        assert_eq!(Quality::read(&Tree::of_folder(folder.path()).unwrap()).unwrap(), quality);
        assert_eq!(quality.summary()["class ill"]["real"], 1);
        assert!(quality.summary()["class ill"].get("kid").is_none());
    }
}
