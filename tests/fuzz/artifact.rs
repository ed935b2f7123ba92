//! Any bytes as the files of an artifact of each type: it is read, or a reason is told; what is read
//! can be written and read again.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use ablate::artifact::Artifact;
use ablate::artifact::Classifier;
use ablate::artifact::Gan;
use ablate::artifact::ImageSet;
use ablate::artifact::Scores;
use ablate::artifact::Table;
use ablate::artifact::Tree;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder can be made").keep());

/// Reads an artifact whose files are the parts of some bytes between 0xff, which no text holds.
fn read<T: Artifact>(names: &[&str], bytes: &[u8]) {
    let (from, to) = (FOLDER.join("from"), FOLDER.join("to"));
    for folder in [&from, &to] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder).expect("it can be made");
    }
    for (name, part) in names.iter().zip(bytes.splitn(names.len(), |byte| *byte == 0xff)) {
        fs::write(from.join(name), part).expect("it can be written");
    }
    let Ok(artifact) = T::read(&Tree::of_folder(&from).expect("a folder")) else { return };
    let summary = artifact.summary();
    artifact.write(&to).expect("what was read can be written");
    let again = T::read(&Tree::of_folder(&to).expect("a folder")).expect("it was written");
    assert_eq!(again.summary(), summary);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => read::<ImageSet>(&["set.json", "samples.csv", "images-0000.npy"], bytes),
        1 => read::<Scores>(&["scores.json", "predictions.csv"], bytes),
        2 => read::<Table>(&["table.csv"], bytes),
        3 => {
            let names = ["classifier.json", "history.csv", "weights.safetensors"];
            read::<Classifier>(&names, bytes);
        }
        _ => {
            let names =
                ["gan.json", "history.csv", "generator.safetensors", "critic.safetensors"];
            read::<Gan>(&names, bytes);
        }
    }
});
