//! Checkpoints: the whole state of a training after an epoch, whole on disk or not there.
//!
//! A folder `epoch-000012-<way>` holds `state.safetensors`, `history.csv` and, naming the digests of
//! both, `checkpoint.json`; the way is the course until then. Trainings that differ in their courses
//! alone share the folders, and each goes on from the furthest one on its own way that is sound. Knows
//! nothing of what the tensors mean.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use tch::Tensor;

use crate::artifact::History;
use crate::digest::Digest;
use crate::files;
use crate::files::plain;
use crate::ml::weights;
use crate::stage::Context;
use crate::stage::Course;
use crate::stage::Phase;
use crate::stage::StageError;

/// Everything that decides how a training goes on, by name.
pub(in crate::ml) type State = BTreeMap<String, Tensor>;

/// Layout of the folder. 2: with the course.
const FORMAT: u32 = 2;
/// Passing checkpoints that are kept while training: the newest, and one to fall back on.
const KEPT: usize = 2;
/// Longest text that is read, bytes: a history of a million epochs.
const LONGEST_TEXT: u64 = 1 << 28;
/// Longest state that is read, bytes.
const LONGEST_STATE: u64 = 1 << 36;
const ABOUT: &str = "checkpoint.json";
const STATE: &str = "state.safetensors";
const HISTORY: &str = "history.csv";
const SCRATCH: &str = ".scratch-";

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    epoch: usize,
    /// The course until then.
    course: Vec<Phase>,
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

/// Writes a checkpoint and removes those on the way that are no longer needed.
pub(in crate::ml) fn save(
    folder: &Path,
    course: &Course,
    checkpoint: &Checkpoint,
) -> Result<(), StageError> {
    let state = weights::to_bytes(&checkpoint.state)?;
    let history = checkpoint.history.to_csv();
    let about = About {
        format: FORMAT,
        epoch: checkpoint.epoch,
        course: course.until(checkpoint.epoch),
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
    // One that another training wants to keep keeps its name: it may be here again after damage.
    let lasting = folder.join(course.lasting(checkpoint.epoch));
    let passing = folder.join(course.checkpoint(checkpoint.epoch));
    let target = if lasting.exists() { lasting } else { passing };
    let placed = written
        .and_then(|()| files::sync_folder(&scratch))
        .and_then(|()| files::remove_at_once(&target))
        .and_then(|()| files::rename(&scratch, &target));
    if placed.is_err() {
        let _ = files::remove_folder(&scratch);
    }
    placed?;
    for (_, old) in on_the_way(folder, course)?.into_iter().rev().skip(KEPT) {
        if course.is_passing(&old) {
            files::remove_at_once(&folder.join(old))?; // a kill leaves no part of it
        }
    }
    Ok(())
}

/// Reads the furthest sound checkpoint on a course with the columns and tensors of the training at
/// hand; says which ones it passes over.
pub(in crate::ml) fn furthest(
    cx: &Context<'_>,
    course: &Course,
    columns: &[&str],
    current: &State,
) -> Result<Option<Checkpoint>, StageError> {
    let Some(folder) = &cx.checkpoints else { return Ok(None) };
    sweep(folder)?;
    for (epoch, name) in on_the_way(folder, course)?.into_iter().rev() {
        let sound = read(&folder.join(&name), &course.until(epoch), epoch)
            .and_then(|found| if_fits(found, columns, current));
        match sound {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => {
                let text =
                    format!("checkpoint of epoch {epoch} is passed over: {error} (`{name}`)");
                cx.observer.warn(&text);
            }
        }
    }
    Ok(None)
}

fn read(folder: &Path, course: &[Phase], epoch: usize) -> Result<Checkpoint, StageError> {
    let damaged = |name: &str| StageError::data(format!("`{name}` is damaged"));
    let about: About = serde_json::from_slice(&plain::read(&folder.join(ABOUT), LONGEST_TEXT)?)
        .map_err(|_| damaged(ABOUT))?;
    if about.format != FORMAT || about.epoch != epoch || about.course != course {
        return Err(damaged(ABOUT));
    }
    let state = plain::read(&folder.join(STATE), LONGEST_STATE)?;
    let history = plain::read(&folder.join(HISTORY), LONGEST_TEXT)?;
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

/// Returns the checkpoints that lie on a course, by the epochs behind them.
fn on_the_way(folder: &Path, course: &Course) -> Result<Vec<(usize, String)>, StageError> {
    let names = files::names(folder)?.into_iter();
    let mut found: Vec<(usize, String)> =
        names.filter_map(|name| Some((course.epochs_behind(&name)?, name))).collect();
    found.sort();
    Ok(found)
}

/// Removes what a killed run left half-written.
fn sweep(folder: &Path) -> Result<(), StageError> {
    for name in files::names(folder)?.iter().filter(|name| name.starts_with(SCRATCH)) {
        files::remove_folder(&folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Checkpoint;
    use super::Course;
    use super::History;
    use super::State;
    use super::on_the_way;
    use super::read;
    use super::save;
    use crate::files::faults;
    use crate::files::faults::Fault;
    use tch::Tensor;

    fn checkpoint(epoch: usize) -> Checkpoint {
        let mut history = History::new(&["epoch", "loss"]);
        (1..=epoch).for_each(|done| history.push(vec![done as f64, 0.5]));
        let state = State::from([("x".to_owned(), Tensor::from_slice(&[epoch as f32]))]);
        Checkpoint { epoch, state, history }
    }

    #[test]
    fn whichever_write_fails_the_checkpoint_before_stays_and_no_half_one_appears() {
        let course = Course::single(9, 0.1);
        for fault in [Fault::Full, Fault::Short, Fault::Broken, Fault::Forbidden] {
            for after in 0.. {
                let folder = tempfile::tempdir().unwrap();
                save(folder.path(), &course, &checkpoint(1)).unwrap();
                faults::set(folder.path(), fault, after);
                let saved = save(folder.path(), &course, &checkpoint(2));
                if !faults::clear(folder.path()) {
                    assert!(after > 8, "{after} changes");
                    break;
                }
                let at = format!("{fault:?} after {after} changes: {saved:?}");
                for (epoch, name) in on_the_way(folder.path(), &course).unwrap() {
                    let found = read(&folder.path().join(name), &course.until(epoch), epoch);
                    assert_eq!(found.expect(&at).epoch, epoch, "{at}");
                }
                let epochs = on_the_way(folder.path(), &course).unwrap();
                assert!(epochs.iter().any(|(epoch, _)| *epoch == 1), "{at}");
                save(folder.path(), &course, &checkpoint(2)).expect(&at);
            }
        }
    }
}
