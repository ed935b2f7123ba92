//! The teller: passes the events of a run to its journal and to whoever listens.

use std::time::Duration;

use crate::engine::CachedBy;
use crate::engine::Event;
use crate::engine::Failure;
use crate::engine::Listener;
use crate::engine::SkipReason;
use crate::engine::TaskOutput;
use crate::engine::journal::Journal;
use crate::engine::log::TaskLog;
use crate::engine::observer::Signal;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::stage::Device;
use crate::store::Record;

/// Passes events on that happened at once.
pub(super) fn tell_all(events: &[Event], journal: &Journal, listener: &dyn Listener) {
    journal.hear_all(events);
    for event in events {
        listener.hear(event);
    }
}

/// Passes events on.
pub(super) struct Teller<'a> {
    pub(super) plan: &'a Plan,
    pub(super) journal: Journal,
    pub(super) listener: &'a dyn Listener,
}

impl Teller<'_> {
    pub(super) fn tell(&self, event: &Event) {
        tell_all(std::slice::from_ref(event), &self.journal, self.listener);
    }

    fn label(&self, task: TaskId) -> String {
        self.plan.task(task).to_string()
    }

    pub(super) fn cached(&self, task: TaskId, by: CachedBy) {
        self.all_cached(std::iter::once(task), by);
    }

    pub(super) fn all_cached(&self, tasks: impl Iterator<Item = TaskId>, by: CachedBy) {
        let cached = |task| Event::Cached { task, label: self.label(task), by };
        let events: Vec<Event> = tasks.map(cached).collect();
        tell_all(&events, &self.journal, self.listener);
    }

    pub(super) fn waiting(&self, task: TaskId) {
        self.tell(&Event::Waiting { task, label: self.label(task) });
    }

    pub(super) fn started(&self, task: TaskId, device: Option<Device>, attempt: u32) {
        self.tell(&Event::Started { task, label: self.label(task), device, attempt });
    }

    pub(super) fn signal(&self, task: TaskId, signal: Signal) {
        let label = self.label(task);
        self.tell(&match signal {
            Signal::Tick(tick) => Event::Ticked { task, label, tick },
            Signal::Note(text) => Event::Noted { task, label, text },
            Signal::Warning(text) => Event::Warned { task, label, text },
        });
    }

    pub(super) fn finished(&self, task: TaskId, record: &Record) {
        let outputs = TaskOutput::all(record);
        let label = self.label(task);
        self.tell(&Event::Finished { task, label, seconds: record.seconds, outputs });
    }

    pub(super) fn failed(
        &self,
        task: TaskId,
        (attempt, again_in): (u32, Option<Duration>),
        failure: &Failure,
        log: Option<&TaskLog>,
    ) {
        self.tell(&Event::Failed {
            task,
            label: self.label(task),
            attempt,
            again_in: again_in.map(|pause| pause.as_secs_f64()),
            problem: failure.problem.clone(),
            help: failure.help.clone(),
            tail: log.map(TaskLog::tail).unwrap_or_default(),
            log: log.and_then(|log| log.file().map(ToOwned::to_owned)),
        });
    }

    pub(super) fn skipped(&self, task: TaskId, because: SkipReason) {
        self.tell(&Event::Skipped { task, label: self.label(task), because });
    }
}
