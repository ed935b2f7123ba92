//! The observer of a running stage: passes on what it says, and stops it when asked or overdue.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::engine::log::TaskLog;
use crate::stage::Observer;
use crate::stage::Tick;

/// Shortest time between two ticks that are passed on; the last one always is.
const TICK: Duration = Duration::from_millis(100);

/// What a running stage says.
#[derive(Debug)]
pub(super) enum Signal {
    /// How far it is.
    Tick(Tick),
    /// A line worth logging.
    Note(String),
    /// A line that whoever uses the result should know.
    Warning(String),
}

/// Watches one running stage.
pub(super) struct Watch<'a> {
    start: Instant,
    last: Mutex<Option<Instant>>,
    tell: &'a (dyn Fn(Signal) + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
    limit: Option<Duration>,
    /// Most memory that the stage told of, bytes.
    peak: AtomicU64,
    log: Option<TaskLog>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        tell: &'a (dyn Fn(Signal) + Sync),
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            start: Instant::now(),
            last: Mutex::new(None),
            tell,
            stop,
            limit: None,
            peak: AtomicU64::new(0),
            log: None,
        }
    }

    /// Sets the longest time that the stage may take, seconds; 0 means no limit.
    pub(super) fn limit(mut self, seconds: u64) -> Self {
        self.limit = (seconds > 0).then(|| Duration::from_secs(seconds));
        self
    }

    /// Sets the log that a program's words go to.
    pub(super) fn log(mut self, log: &TaskLog) -> Self {
        self.log = Some(log.clone());
        self
    }

    /// Returns whether the stage took longer than it may.
    pub(super) fn is_overdue(&self) -> bool {
        self.limit.is_some_and(|limit| self.start.elapsed() > limit)
    }

    /// Returns the most memory that the stage took, bytes, where it told of any.
    pub(super) fn peak(&self) -> Option<u64> {
        Some(self.peak.load(Ordering::SeqCst)).filter(|peak| *peak > 0)
    }

    /// Returns whether the user asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        (self.stop)()
    }
}

impl Observer for Watch<'_> {
    fn tick(&self, tick: &Tick) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if tick.done < tick.of && last.is_some_and(|last| last.elapsed() < TICK) {
            return;
        }
        *last = Some(Instant::now());
        (self.tell)(Signal::Tick(tick.clone()));
    }

    fn note(&self, text: &str) {
        (self.tell)(Signal::Note(text.to_owned()));
    }

    fn warn(&self, text: &str) {
        (self.tell)(Signal::Warning(text.to_owned()));
    }

    fn said(&self, line: &str) {
        if let Some(log) = &self.log {
            log.line(line);
        }
    }

    fn took(&self, bytes: u64) {
        self.peak.fetch_max(bytes, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.is_stopped() || self.is_overdue()
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}
