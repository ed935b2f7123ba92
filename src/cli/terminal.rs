//! Tells a run on the terminal: a bar for each running task, or a line for each task that ended.

use std::cell::RefCell;
use std::collections::BTreeMap;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli::screen::Screen;
use crate::cli::words;
use crate::engine::CachedBy;
use crate::engine::Event;
use crate::engine::Listener;
use crate::engine::SkipReason;
use crate::plan::TaskId;
use crate::stage::Tick;

/// Hears a run's events and shows them on standard error.
pub(crate) struct Terminal<'a> {
    screen: &'a Screen,
    /// Tasks that failed, for those that are skipped because of it.
    failed: RefCell<BTreeMap<TaskId, String>>,
    bars: RefCell<BTreeMap<TaskId, ProgressBar>>,
    /// That of a download.
    download: RefCell<Option<ProgressBar>>,
}

impl<'a> Terminal<'a> {
    /// Returns a listener that has heard nothing yet.
    pub(crate) fn new(screen: &'a Screen) -> Self {
        let (failed, bars, download) = Default::default();
        Self { screen, failed, bars, download }
    }

    fn start(&self, task: TaskId, label: &str) {
        if !self.screen.bars {
            return;
        }
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}")
            .expect("the template is well-formed");
        let bar = self.screen.progress().add(ProgressBar::new_spinner().with_style(style));
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        self.bars.borrow_mut().insert(task, bar);
    }

    fn tick(&self, task: TaskId, tick: &Tick) {
        let bars = self.bars.borrow();
        let Some(bar) = bars.get(&task) else { return };
        if bar.length() != Some(tick.of) {
            let template = "{spinner} {prefix} {bar:24} {pos}/{len} {msg} {elapsed} ({eta} left)";
            bar.set_style(ProgressStyle::with_template(template).expect("well-formed"));
            bar.set_length(tick.of);
        }
        bar.set_position(tick.done);
        bar.set_message(words::progress(tick));
    }

    /// Shows how much of a download has arrived; a server need not say how much there is.
    fn arrive(&self, source: &str, done: u64, of: Option<u64>) {
        if !self.screen.bars {
            return;
        }
        let mut download = self.download.borrow_mut();
        let bar = download.get_or_insert_with(|| {
            let bar = self.screen.progress().add(ProgressBar::new_spinner());
            bar.set_prefix(source.to_owned());
            bar
        });
        if bar.length() != of {
            let template =
                "{spinner} {prefix} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} ({eta} left)";
            bar.set_style(ProgressStyle::with_template(template).expect("well-formed"));
            bar.set_length(of.unwrap_or_default());
        } else if of.is_none() {
            let template = "{spinner} {prefix} {bytes} {bytes_per_sec}";
            bar.set_style(ProgressStyle::with_template(template).expect("well-formed"));
        }
        bar.set_position(done);
    }

    fn hear_of_download(&self, event: &Event) {
        match event {
            Event::FetchStarted { source, url } => {
                tracing::info!("{}: fetching from {url}", words::printable(source));
            }
            Event::FetchAwaited { source } => {
                let source = words::printable(source);
                tracing::info!("{source}: another process fetches it; waiting");
            }
            Event::FetchTicked { source, done, of } => self.arrive(source, *done, *of),
            Event::Fetched { source, bytes, seconds, .. } => {
                if let Some(bar) = self.download.take() {
                    bar.finish_and_clear();
                }
                let (bytes, time) = (words::bytes(*bytes), words::seconds(*seconds));
                tracing::info!("{}: {bytes} in {time}, as asked for", words::printable(source));
            }
            _ => {}
        }
    }

    fn end(&self, task: TaskId) {
        if let Some(bar) = self.bars.borrow_mut().remove(&task) {
            bar.finish_and_clear();
        }
    }
}

impl Listener for Terminal<'_> {
    fn hear(&self, event: &Event) {
        match event {
            Event::RunStarted { study, needed, .. } => {
                tracing::debug!("{study}: {needed} tasks");
            }
            Event::DevicesChosen { chosen, fell_back, .. } => {
                let devices: Vec<String> = chosen.iter().map(ToString::to_string).collect();
                let why = if *fell_back { " (no GPU found)" } else { "" };
                tracing::info!("torch stages run on {}{why}", devices.join(", "));
            }
            Event::Cached { label, by, .. } => match by {
                CachedBy::Recipe => tracing::debug!("{label}: cached"),
                CachedBy::Content => {
                    tracing::info!("{label}: cached, since what enters it came out the same");
                }
            },
            Event::Waiting { label, .. } => {
                tracing::info!("{label}: another process works on it; waiting");
            }
            Event::Started { task, label, attempt, .. } => {
                if *attempt > 1 {
                    tracing::info!("{label}: attempt {attempt}");
                }
                self.start(*task, label);
            }
            Event::Ticked { task, tick, .. } => self.tick(*task, tick),
            Event::Noted { label, text, .. } => tracing::info!("{label}: {text}"),
            Event::Warned { label, text, .. } => tracing::warn!("{label}: {text}"),
            Event::Finished { task, label, seconds, outputs } => {
                self.end(*task);
                let facts: Vec<String> =
                    outputs.values().filter_map(|output| words::facts(&output.summary)).collect();
                let done = if facts.is_empty() { "done".to_owned() } else { facts.join(", ") };
                tracing::info!("{label}: {done} in {}", words::seconds(*seconds));
            }
            Event::Failed { task, label, again_in, problem, help, tail, log, .. } => {
                self.end(*task);
                self.failed.borrow_mut().insert(*task, label.clone());
                tracing::error!("{label}: {problem}");
                for line in tail {
                    self.screen.say(&format!("    | {line}"));
                }
                if let Some(log) = log {
                    self.screen.say(&format!("    log: {}", log.display()));
                }
                if let Some(help) = help {
                    self.screen.say(&format!("    help: {help}"));
                }
                if let Some(pause) = again_in {
                    self.screen.say(&format!("    trying again in {}", words::seconds(*pause)));
                }
            }
            Event::Skipped { label, because, .. } => match because {
                SkipReason::NeedsFailed(cause) => {
                    let failed = self.failed.borrow();
                    let cause = failed.get(cause).map_or("another task", String::as_str);
                    tracing::warn!("{label}: skipped, since `{cause}` failed");
                }
                SkipReason::FailFast(_) | SkipReason::Stopped => {
                    tracing::debug!("{label}: not started");
                }
            },
            Event::FetchStarted { .. }
            | Event::FetchAwaited { .. }
            | Event::FetchTicked { .. }
            | Event::Fetched { .. } => self.hear_of_download(event),
            Event::RunFinished { ran, cached, failed, skipped, seconds } => {
                let mut parts = vec![format!("{ran} ran"), format!("{cached} cached")];
                if *failed > 0 {
                    parts.push(format!("{failed} failed"));
                }
                if *skipped > 0 {
                    parts.push(format!("{skipped} skipped"));
                }
                tracing::info!("{} in {}", parts.join(", "), words::seconds(*seconds));
            }
        }
    }
}
