//! Outputs: what a program left, read back before anybody else may read it.
//!
//! What has a type is written again by its own writer, so that equal results are equal files.

use std::collections::BTreeSet;
use std::path::Path;

use crate::artifact::Artifact;
use crate::artifact::Classifier;
use crate::artifact::Files;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Scores;
use crate::artifact::Tree;
use crate::files::plain;
use crate::files::plain::Sort;
use crate::measure::accuracy::most_likely;
use crate::stage::Produced;
use crate::stage::StageError;
use crate::stages::exec::Type;

/// Takes what lies in an output's folder; typed files are written to another.
pub(super) fn take(
    port: &str,
    artifact: Type,
    from: &Path,
    to: &Path,
) -> Result<Produced, StageError> {
    let wrong = |problem: String| {
        StageError::data(format!("output `{port}`: {problem}")).help(shape(artifact))
    };
    // A link in the place of the folder above might lead to files of the user.
    let above = from.parent().and_then(plain::look);
    if above.is_none_or(|(sort, _)| sort != Sort::Folder) {
        return Err(wrong("the program removed or replaced the folder that it lies in".to_owned()));
    }
    let found = match plain::walk(from) {
        Err(error) if error.is_strange() => return Err(wrong(error.source.to_string())),
        found => found?,
    };
    for entry in &found {
        let what = match entry.sort {
            Sort::File if is_text(&entry.path, from) => continue,
            Sort::File => "a name in no text's encoding".to_owned(),
            sort => sort.to_string(),
        };
        return Err(wrong(format!("`{}` is {what}, expected plain files", entry.name)));
    }
    let tree = Tree::from(found);
    if tree.0.is_empty() {
        return Err(wrong("found no file".to_owned()));
    }
    let made = match artifact {
        Type::Files => {
            let files = Files::read(&tree).map_err(|error| wrong(error.to_string()))?;
            return Ok(Produced { folder: from.to_owned(), summary: files.summary() });
        }
        Type::Dataset => rewrite(&tree, to, sound_images),
        Type::Model => rewrite(&tree, to, sound_model),
        Type::Gan => rewrite(&tree, to, sound_gan),
        Type::Scores => rewrite(&tree, to, sound_scores),
    };
    made.map_err(wrong)
}

/// Returns whether what follows a folder in a path is text.
fn is_text(path: &Path, folder: &Path) -> bool {
    path.strip_prefix(folder).is_ok_and(|name| name.to_str().is_some())
}

/// Reads an artifact, looks at it closely and writes it into a folder of its own.
fn rewrite<A: Artifact>(
    tree: &Tree,
    to: &Path,
    check: impl Fn(A) -> Result<A, String>,
) -> Result<Produced, String> {
    let made = A::read(tree).map_err(|error| error.to_string())?;
    let made = check(made)?;
    made.write(to).map_err(|error| error.to_string())?;
    let written = Tree::of_folder(to).map_err(|error| error.to_string())?;
    let known: BTreeSet<&String> = written.0.keys().collect();
    if let Some(stray) = tree.0.keys().find(|name| !known.contains(name)) {
        return Err(format!(
            "`{stray}` is none of its files; another output of type `files` takes it"
        ));
    }
    Ok(Produced { folder: to.to_owned(), summary: made.summary() })
}

fn sound_images(images: ImageSet) -> Result<ImageSet, String> {
    let mut ids = BTreeSet::new();
    match images.samples.iter().find(|sample| !ids.insert(sample.id.as_str())) {
        Some(twice) => Err(format!("`samples.csv` has the id `{}` twice", twice.id)),
        None => Ok(images),
    }
}

fn sound_model(model: Classifier) -> Result<Classifier, String> {
    sound_weights("weights.safetensors", &model.weights)?;
    Ok(model)
}

fn sound_gan(gan: Gan) -> Result<Gan, String> {
    sound_weights("generator.safetensors", &gan.generator)?;
    sound_weights("critic.safetensors", &gan.critic)?;
    Ok(gan)
}

fn sound_weights(name: &str, bytes: &[u8]) -> Result<(), String> {
    let tensors = safetensors::SafeTensors::deserialize(bytes);
    tensors.map(drop).map_err(|error| format!("`{name}` holds no tensors: {error}"))
}

/// The measures are always computed anew: what a program says of its own answers is not taken.
fn sound_scores(scores: Scores) -> Result<Scores, String> {
    for answer in &scores.predictions {
        let row = format!("`predictions.csv`, row of `{}`", answer.id);
        if let Some(wrong) = answer.probabilities.iter().find(|one| !(0.0..=1.0).contains(*one)) {
            return Err(format!("{row}: found probability {wrong}, expected 0 to 1"));
        }
        let likely = most_likely(&answer.probabilities);
        if answer.predicted != likely {
            let found = answer.predicted;
            return Err(format!(
                "{row}: class {found} is predicted, but class {likely} is likeliest"
            ));
        }
    }
    Scores::of(scores.classes, scores.predictions).map_err(|error| error.to_string())
}

/// Returns what a type looks like on disk.
fn shape(artifact: Type) -> &'static str {
    match artifact {
        Type::Dataset => {
            "a dataset is `set.json` (height, width, classes), `samples.csv` (id, label, partition, group, origin) and `images-0000.npy`, ... (uint8 [n, height, width, 3], 1,024 images each)"
        }
        Type::Model => {
            "a model is `classifier.json` (network, classes, size, mean, deviation), `weights.safetensors` and `history.csv`"
        }
        Type::Gan => {
            "a gan is `gan.json` (shape, classes, partition), `generator.safetensors`, `critic.safetensors` and `history.csv`"
        }
        Type::Scores => {
            "scores are `scores.json` (classes) and `predictions.csv` (id, group, label, predicted, p0, p1, ...)"
        }
        Type::Files => "any plain files will do",
    }
}
