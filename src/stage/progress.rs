//! Progress over many equal units, counted from any thread.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::stage::Context;
use crate::stage::StageError;
use crate::stage::Tick;

/// Counts units of work, tells the observer, and notices when it should stop.
pub struct Progress<'a> {
    cx: &'a Context<'a>,
    unit: &'static str,
    of: u64,
    done: AtomicU64,
    start: f64,
}

impl<'a> Progress<'a> {
    /// Starts to count `of` units of the given name, such as `images`.
    pub fn new(cx: &'a Context<'a>, unit: &'static str, of: usize) -> Self {
        let start = cx.observer.seconds();
        Self { cx, unit, of: of as u64, done: AtomicU64::new(0), start }
    }

    /// Counts one unit; an error means that the user wants to stop.
    pub fn advance(&self) -> Result<(), StageError> {
        self.cx.keep_going()?;
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // Often enough for an eye, seldom enough to cost nothing.
        if done.is_multiple_of(64) || done == self.of {
            let seconds = self.cx.observer.seconds() - self.start;
            let rate = (seconds > 0.0).then(|| done as f64 / seconds);
            let images_per_second = rate.filter(|_| self.unit == "images");
            let (of, unit, values) = (self.of, self.unit.to_owned(), BTreeMap::new());
            self.cx.observer.tick(&Tick { done, of, unit, images_per_second, values });
        }
        Ok(())
    }
}
