//! Checkpoints: the whole state of a training after an epoch, whole on disk or not there.
//!
//! A folder `epoch-000012` holds `state.safetensors`, `history.csv` and, naming the digests of
//! both, `checkpoint.json`. A training goes on from the newest one that is sound. Knows nothing of
//! what the tensors mean.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use tch::Tensor;

use crate::artifact::History;
use crate::digest::Digest;
use crate::files;
use crate::ml::weights;
use crate::stage::Context;
use crate::stage::StageError;

/// Everything that decides how a training goes on, by name.
pub(in crate::ml) type State = BTreeMap<String, Tensor>;

/// Layout of the folder. 1: first layout.
const FORMAT: u32 = 1;
/// Checkpoints that are kept: the newest, and one to fall back on.
const KEPT: usize = 2;
const ABOUT: &str = "checkpoint.json";
const STATE: &str = "state.safetensors";
const HISTORY: &str = "history.csv";
const SCRATCH: &str = ".scratch-";

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    epoch: usize,
    state: Digest,
    history: Digest,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub(in crate::ml) struct Checkpoint {
    /// Epochs that are behind it.
    pub(in crate::ml) epoch: usize,
    /// The training's state.
    pub(in crate::ml) state: State,
    /// One row for each of its epochs.
    pub(in crate::ml) history: History,
}

/// Returns one tensor of a state.
pub(in crate::ml) fn part<'a>(state: &'a State, name: &str) -> Result<&'a Tensor, StageError> {
    state.get(name).ok_or_else(|| StageError::data(format!("the checkpoint has no `{name}`")))
}

/// Writes a checkpoint and removes those that are no longer needed.
pub(in crate::ml) fn save(folder: &Path, checkpoint: &Checkpoint) -> Result<(), StageError> {
    let state = weights::to_bytes(&checkpoint.state)?;
    let history = checkpoint.history.to_csv();
    let about = About {
        format: FORMAT,
        epoch: checkpoint.epoch,
        state: Digest::of_bytes(&state),
        history: Digest::of_bytes(history.as_bytes()),
    };
    let about = serde_json::to_vec(&about).expect("numbers and digests serialise");
    let scratch = folder.join(files::scratch_name());
    let parts = [(STATE, &state[..]), (HISTORY, history.as_bytes()), (ABOUT, &about)];
    let written = parts.into_iter().try_for_each(|(name, bytes)| {
        files::write_scratch(&scratch.join(name), bytes)?;
        files::sync(&scratch.join(name))
    });
    let target = folder.join(name_of(checkpoint.epoch));
    let placed = written
        .and_then(|()| files::remove_folder(&target))
        .and_then(|()| files::rename(&scratch, &target));
    if placed.is_err() {
        let _ = files::remove_folder(&scratch);
    }
    placed?;
    for old in epochs(folder)?.into_iter().rev().skip(KEPT) {
        files::remove_folder(&folder.join(name_of(old)))?;
    }
    Ok(())
}

/// Reads the newest sound checkpoint with the columns and tensors of the training at hand; says
/// which ones it passes over.
pub(in crate::ml) fn newest(
    cx: &Context<'_>,
    columns: &[&str],
    last: usize,
    current: &State,
) -> Result<Option<Checkpoint>, StageError> {
    let Some(folder) = &cx.checkpoints else { return Ok(None) };
    sweep(folder)?;
    for epoch in epochs(folder)?.into_iter().rev().filter(|&epoch| epoch <= last) {
        let sound = read(&folder.join(name_of(epoch)), epoch)
            .and_then(|found| if_fits(found, columns, current));
        match sound {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => {
                let name = name_of(epoch);
                cx.observer.note(&format!("checkpoint `{name}` is passed over: {error}"));
            }
        }
    }
    Ok(None)
}

fn read(folder: &Path, epoch: usize) -> Result<Checkpoint, StageError> {
    let damaged = |name: &str| StageError::data(format!("`{name}` is damaged"));
    let about: About =
        serde_json::from_slice(&files::read(&folder.join(ABOUT))?).map_err(|_| damaged(ABOUT))?;
    if about.format != FORMAT || about.epoch != epoch {
        return Err(damaged(ABOUT));
    }
    let state = files::read(&folder.join(STATE))?;
    let history = files::read(&folder.join(HISTORY))?;
    if Digest::of_bytes(&state) != about.state {
        return Err(damaged(STATE));
    }
    if Digest::of_bytes(&history) != about.history {
        return Err(damaged(HISTORY));
    }
    let state = weights::parse(STATE, &state)?;
    let history = History::parse(HISTORY, &String::from_utf8_lossy(&history))?;
    Ok(Checkpoint { epoch, state, history })
}

fn if_fits(found: Checkpoint, columns: &[&str], current: &State) -> Result<Checkpoint, StageError> {
    if found.history.columns != columns || found.history.rows.len() != found.epoch {
        return Err(StageError::data("its history is not this training's"));
    }
    for (name, tensor) in current {
        if part(&found.state, name)?.size() != tensor.size() {
            return Err(StageError::data(format!("its `{name}` has another shape")));
        }
    }
    Ok(found)
}

/// Returns the epochs that have a checkpoint, in order.
fn epochs(folder: &Path) -> Result<Vec<usize>, StageError> {
    let mut epochs: Vec<usize> = names(folder)?
        .iter()
        .filter_map(|name| name.strip_suffix(ABOUT)?.strip_prefix("epoch-")?.strip_suffix('/'))
        .filter_map(|number| number.parse().ok())
        .collect();
    epochs.sort_unstable();
    Ok(epochs)
}

/// Removes what a killed run left half-written.
fn sweep(folder: &Path) -> Result<(), StageError> {
    for name in names(folder)?.iter().filter(|name| name.starts_with(SCRATCH)) {
        let first = name.split('/').next().unwrap_or(name);
        files::remove_folder(&folder.join(first))?;
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, StageError> {
    match files::walk(folder) {
        Ok(found) => Ok(found.into_iter().map(|found| found.name).collect()),
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn name_of(epoch: usize) -> String {
    format!("epoch-{epoch:06}")
}
