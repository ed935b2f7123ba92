//! The loop that all trainings share: epochs of a course, progress, checkpoints, history.
//!
//! Knows nothing of losses or networks.

use std::collections::BTreeMap;

use crate::artifact::History;
use crate::ml::checkpoint;
use crate::ml::checkpoint::Checkpoint;
use crate::ml::checkpoint::State;
use crate::stage::Context;
use crate::stage::Course;
use crate::stage::StageError;
use crate::stage::Tick;

/// Seconds between two reports of progress within an epoch.
const BETWEEN_TICKS: f64 = 0.5;

/// A model that is being trained.
pub(in crate::ml) trait Training {
    /// Columns that every history has; the first is `epoch`.
    const COLUMNS: &'static [&'static str];

    /// Returns the columns of the history.
    fn columns(&self) -> Vec<&'static str> {
        Self::COLUMNS.to_vec()
    }

    /// Passes once over the images and returns the numbers of all columns but `epoch`. Its result
    /// depends on nothing but the state before it and the epoch's place.
    fn epoch(&mut self, place: Place, progress: &mut Progress<'_>) -> Result<Vec<f64>, StageError>;

    /// Refuses to go on with a training that is past saving, by what its epochs came to.
    fn check(history: &History) -> Result<(), StageError>;

    /// Returns why it ends after the epochs of a history, before its course does. Follows from its state and the
    /// history alone.
    fn ended(&self, _history: &History) -> Option<String> {
        None
    }

    /// Adds what belongs to the end of the last epoch alone, and to no state on the way.
    fn finish(&mut self, _epochs: usize) -> Result<(), StageError> {
        Ok(())
    }

    /// Returns everything that decides how training goes on.
    fn save(&self) -> Result<State, StageError>;

    /// Goes back to a state with the same names and shapes.
    fn restore(&mut self, state: &State) -> Result<(), StageError>;
}

/// An epoch's place in the course.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct Place {
    /// Number of the epoch, from 0.
    pub(in crate::ml) epoch: usize,
    /// Step size of the optimisers.
    pub(in crate::ml) learning_rate: f64,
}

/// Tells the observer how far a training is, and whether it should stop.
pub(in crate::ml) struct Progress<'a> {
    cx: &'a Context<'a>,
    tick: Tick,
    images: usize,
    since: f64,
    told: f64,
}

impl Place {
    /// Returns whether something that is due every so many epochs is due after this one; 0 means
    /// never.
    pub(in crate::ml) fn is_due(self, every: usize) -> bool {
        every > 0 && (self.epoch + 1).is_multiple_of(every)
    }
}

impl<'a> Progress<'a> {
    fn new(cx: &'a Context<'a>, done: usize, of: usize) -> Self {
        let unit = "epochs".to_owned();
        let tick = Tick { done: done as u64, of: of as u64, unit, ..Tick::default() };
        let now = cx.observer.seconds();
        Self { cx, tick, images: 0, since: now, told: now }
    }

    /// Counts the images of a batch.
    pub(in crate::ml) fn batch(&mut self, images: usize) {
        self.images += images;
        let now = self.cx.observer.seconds();
        if now - self.told >= BETWEEN_TICKS {
            self.tell(now);
        }
    }

    fn epoch(&mut self, done: usize, values: BTreeMap<String, f64>) {
        self.tick.done = done as u64;
        self.tick.values = values;
        self.tell(self.cx.observer.seconds());
        self.images = 0;
        self.since = self.told;
    }

    fn tell(&mut self, now: f64) {
        let seconds = now - self.since;
        self.tick.images_per_second = (seconds > 0.0).then(|| self.images as f64 / seconds);
        self.cx.observer.tick(&self.tick);
        self.told = now;
    }
}

/// Trains along a course, from the furthest checkpoint on that lies on it, to its end or to where the training's
/// rule ends it. Once the user has asked to stop, it ends the epoch, saves a checkpoint and gives up.
pub(in crate::ml) fn run<T: Training>(
    cx: &Context<'_>,
    course: &Course,
    training: &mut T,
) -> Result<History, StageError> {
    let of = course.epochs();
    let columns = training.columns();
    let mut history = History::new(&columns);
    if let Some(found) = checkpoint::furthest(cx, course, &columns, &training.save()?)? {
        training.restore(&found.state)?;
        history = found.history;
        cx.observer.note(&format!("goes on after epoch {} of {of}", found.epoch));
    }
    cx.keep_going()?;
    let first = history.rows.len();
    let mut progress = Progress::new(cx, first, of);
    for (epoch, learning_rate) in course.learning_rates().enumerate().skip(first) {
        if let Some(why) = training.ended(&history) {
            cx.observer.note(&format!("ends after epoch {epoch} of {of}: {why}"));
            break; // also where a checkpoint was the end already
        }
        let mut row = training.epoch(Place { epoch, learning_rate }, &mut progress)?;
        let done = epoch + 1;
        row.insert(0, done as f64);
        let named = columns.iter().map(|&name| name.to_owned()).zip(row.iter().copied());
        let values = named.skip(1).filter(|(_, value)| value.is_finite()).collect();
        history.push(row);
        T::check(&history)?; // before a checkpoint from which every other training would go on
        let due = course.is_due(done);
        if due {
            save(cx, course, training, &history)?;
        }
        progress.epoch(done, values); // now: whoever hears of an epoch finds its checkpoint
        if done < of && cx.keep_going().is_err() {
            if !due {
                save(cx, course, training, &history)?;
            }
            return Err(StageError::Cancelled);
        }
    }
    training.finish(history.rows.len())?;
    Ok(history)
}

/// Saves a checkpoint after the last epoch of a history.
fn save<T: Training>(
    cx: &Context<'_>,
    course: &Course,
    training: &T,
    history: &History,
) -> Result<(), StageError> {
    let Some(folder) = &cx.checkpoints else { return Ok(()) };
    let (epoch, state) = (history.rows.len(), training.save()?);
    checkpoint::save(folder, course, &Checkpoint { epoch, state, history: history.clone() })
}
