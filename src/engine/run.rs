//! A run: brings a plan and the cache to the wanted results.
//!
//! Approach: what the recipes find is done before the loop begins, and what only leads there is
//! left out. The loop, the only one, looks at each task whose inputs exist: found by content, it
//! is done at once; else it gets a slot, a lease and a hand. Then the loop waits for one message
//! from it, writes down what follows, and looks again. Hands are given their work and share nothing but the
//! channel, so all that a run knows is changed in this file, by one thread.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use crate::digest::Digest;
use crate::engine::CachedBy;
use crate::engine::Ended;
use crate::engine::Error;
use crate::engine::Event;
use crate::engine::Failure;
use crate::engine::Listener;
use crate::engine::Options;
use crate::engine::Outcome;
use crate::engine::Past;
use crate::engine::SkipReason;
use crate::engine::journal::Journal;
use crate::engine::log::TaskLog;
use crate::engine::observer::Signal;
use crate::engine::run::hands::Hands;
use crate::engine::schedule::Limits;
use crate::engine::schedule::Schedule;
use crate::engine::schedule::Slot;
use crate::engine::status::Need;
use crate::engine::status::input_digests;
use crate::engine::task_run::Attempt;
use crate::engine::task_run::Surroundings;
use crate::engine::teller::Teller;
use crate::engine::trainings;
use crate::engine::trainings::Training;
use crate::engine::trainings::Trainings;
use crate::engine::workers::Workers;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::store::Found;
use crate::store::Record;
use crate::store::Store;

mod hands;
mod slots;

use slots::Cuda;

/// Longest time between two attempts at a task.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Open tasks from which on their order matters.
const WORTH_ORDERING: usize = 4;

/// Longest time between two looks at the user's wish to stop and at other processes' leases.
const LOOK: Duration = Duration::from_millis(50);

/// Runs what the wanted tasks need and the cache lacks; none wanted means all results of the plan.
///
/// A failed task is part of the outcome; an error means that the cache itself cannot be used.
pub fn run(
    plan: &Plan,
    wanted: &BTreeSet<TaskId>,
    store: &Store,
    options: &Options<'_>,
    listener: &dyn Listener,
) -> Result<Outcome, Error> {
    let hold = store.hold(&options.run, &plan.name, options.time)?;
    let teller = Teller { plan, journal: Journal::open(store, &options.run)?, listener };
    let workers = Workers::new(options);
    let halt = AtomicBool::new(false);
    let surroundings = Surroundings {
        plan,
        store,
        hold: &hold,
        options,
        workers: &workers,
        halt: &halt,
        clock: Instant::now(),
    };
    let need = hold_what_is_found(&surroundings, wanted)?;
    let seconds = expected_seconds(plan, &need, store)?;
    let mut run = Run::new(&surroundings, &teller, need, &seconds);
    let worked = std::thread::scope(|scope| {
        let worked = run.work(&mut Hands::new(scope));
        halt.store(worked.is_err(), Ordering::SeqCst);
        worked
    });
    worked?;
    let outcome = run.end();
    if outcome.counts()[0] > 0 {
        trainings::leave_those_found(plan, &outcome, store)?; // what killed runs left, not each time
    }
    Ok(outcome)
}

/// Returns how long each open task will take, by earlier ones: decides what is started first. Where
/// there is next to no choice, nothing is read for it.
fn expected_seconds(
    plan: &Plan,
    need: &Need,
    store: &Store,
) -> Result<BTreeMap<TaskId, f64>, Error> {
    if need.open.len() < WORTH_ORDERING {
        return Ok(BTreeMap::new());
    }
    let past = Past::read(store)?;
    Ok(need.open.iter().map(|&id| (id, past.typical_seconds(plan.task(id)))).collect())
}

/// Returns what is there and what must run, once it is noted that this run relies on what is there.
fn hold_what_is_found(around: &Surroundings<'_>, wanted: &BTreeSet<TaskId>) -> Result<Need, Error> {
    let gate = around.store.pass()?;
    let need = Need::of(around.plan, wanted, around.store);
    let mut labels: Vec<(Digest, String)> =
        need.keys.iter().map(|(&id, &key)| (key, around.plan.task(id).to_string())).collect();
    for task in need.open.iter().map(|&id| around.plan.task(id)) {
        let sources = task.sources_named().into_iter();
        labels.extend(sources.filter_map(|source| Some((source.asked()?, task.to_string()))));
    }
    let uses = labels.iter().map(|(key, label)| (*key, label.as_str()));
    around.hold.note(&gate, uses, around.options.time)?;
    Ok(need)
}

/// What a thread tells the loop.
enum Message {
    /// Its stage said something.
    Said(Signal),
    /// Its task ended.
    Ended(Result<Box<Record>, Failure>),
    /// A worker counted the CUDA devices, or could not.
    Counted(Result<usize, Failure>),
}

/// All that a run knows.
struct Run<'a> {
    around: &'a Surroundings<'a>,
    teller: &'a Teller<'a>,
    schedule: Schedule,
    outcome: Outcome,
    /// Keys of the tasks whose inputs exist and that were not found by them.
    keys: BTreeMap<TaskId, TaskKey>,
    attempts: BTreeMap<TaskId, u32>,
    /// When failed tasks may be tried again.
    pauses: BTreeMap<TaskId, Instant>,
    logs: BTreeMap<TaskId, TaskLog>,
    trainings: Trainings<'a>,
    /// Tasks said to wait for another process.
    waiting: BTreeSet<TaskId>,
    cuda: Cuda,
    /// Whether it was told which devices are used.
    devices_told: bool,
    /// Torch stages at once, over all devices.
    torch_slots: usize,
}

impl<'a> Run<'a> {
    fn new(
        around: &'a Surroundings<'a>,
        teller: &'a Teller<'a>,
        need: Need,
        seconds: &BTreeMap<TaskId, f64>,
    ) -> Self {
        let plan = around.plan;
        let inputs = |id: TaskId| plan.task(id).all_inputs().map(|(_, input)| input.task);
        let tasks = need.open.iter().map(|&id| (id, inputs(id).collect())).collect();
        let cores = Some(around.options.cores.max(1) as u64);
        let limits = Limits { cores, memory: around.options.memory };
        let mut schedule =
            Schedule::new(&tasks, around.options.fail_fast).limit(limits).longest_first(seconds);
        schedule.open(Slot::Inline, around.options.cores.max(1));
        teller.tell(&Event::RunStarted {
            run: around.options.run.clone(),
            study: plan.name.clone(),
            time: around.options.time,
            needed: need.open.len() + need.found.len(),
        });
        let mut outcome = Outcome::default();
        teller.all_cached(need.found.keys().copied(), CachedBy::Recipe);
        let found = need.found.into_iter();
        outcome.tasks.extend(found.map(|(id, record)| (id, Ended::Cached(Box::new(record)))));
        Self {
            around,
            teller,
            schedule,
            outcome,
            keys: BTreeMap::new(),
            attempts: BTreeMap::new(),
            pauses: BTreeMap::new(),
            logs: BTreeMap::new(),
            trainings: Trainings::default(),
            waiting: BTreeSet::new(),
            cuda: Cuda::Unknown,
            devices_told: false,
            torch_slots: 0,
        }
    }

    fn work<'scope>(&mut self, hands: &mut Hands<'scope, '_>) -> Result<(), Error>
    where
        'a: 'scope,
    {
        let (sender, messages) = channel();
        loop {
            if self.around.options.cancel.load(Ordering::SeqCst) && !self.outcome.stopped {
                self.outcome.stopped = true;
                let skipped = self.schedule.stop();
                self.skip(skipped, |_| SkipReason::Stopped);
            }
            self.look_up_fresh()?;
            for id in self.schedule.ready() {
                if !self.schedule.has_room() {
                    break;
                }
                if self.schedule.is_ready(id) && !self.is_pausing(id) {
                    self.advance(id, hands, &sender)?;
                }
            }
            self.look_up_fresh()?;
            if self.schedule.is_finished() {
                return Ok(());
            }
            if let Ok((id, message)) = messages.recv_timeout(LOOK) {
                self.hear(id, message);
            }
        }
    }

    /// Ends those of the tasks that became ready which the cache has; what they let become ready too.
    fn look_up_fresh(&mut self) -> Result<(), Error> {
        loop {
            let fresh = self.schedule.fresh();
            if fresh.is_empty() {
                return Ok(());
            }
            for id in fresh {
                if self.schedule.is_ready(id) {
                    self.look_up(id)?;
                }
            }
        }
    }

    /// Starts a ready task that was not found, if it can.
    fn advance<'scope>(
        &mut self,
        id: TaskId,
        hands: &mut Hands<'scope, '_>,
        sender: &Sender<(TaskId, Message)>,
    ) -> Result<(), Error>
    where
        'a: 'scope,
    {
        let slots = match self.slots(id, hands, sender) {
            Ok(Some(slots)) => slots,
            Ok(None) => return Ok(()), // it is not known yet
            Err(failure) => {
                self.fail(id, failure);
                return Ok(());
            }
        };
        let task = self.around.plan.task(id);
        let key = &self.keys[&id];
        let training = Training::of(task, key);
        if training.as_ref().is_some_and(|training| !self.trainings.may_start(training)) {
            return Ok(());
        }
        let load = self.load(id, &slots);
        let Some(slot) = self.schedule.start(id, &slots, load) else { return Ok(()) };
        let key = self.keys[&id].clone();
        match self.around.store.lookup(key.digest())? {
            Some(Found::Hit(record)) => self.found(id, &key, record)?,
            None => self.wait(id),
            Some(Found::Miss(lease)) => {
                if let Some(training) = training
                    && !self.trainings.start(id, &training, self.around.store)?
                {
                    self.wait(id);
                    return Ok(());
                }
                let attempt = self.attempts.entry(id).or_default();
                *attempt += 1;
                let device = match slot {
                    Slot::Inline => None,
                    Slot::Device(device) => Some(device),
                };
                self.teller.started(id, device, *attempt);
                let log = self.log(id);
                let threads = self.threads(id);
                let attempt = Attempt::new(self.around, id, key, (device, threads), lease, log);
                let sender = sender.clone();
                hands.start(move || perform(id, attempt, &sender));
            }
        }
        Ok(())
    }

    /// Lets a task wait for what another process does.
    fn wait(&mut self, id: TaskId) {
        self.schedule.give_back(id);
        if self.waiting.insert(id) {
            self.teller.waiting(id);
        }
    }

    /// Looks a ready task up; ends it where the cache has it, and keeps its key where not.
    fn look_up(&mut self, id: TaskId) -> Result<(), Error> {
        let task = self.around.plan.task(id);
        let inputs = input_digests(task, |input| self.outcome.record(input))
            .expect("a ready task has its inputs, and records have every port");
        let Some(key) = task.key(inputs) else {
            self.fail(id, missing_source(task));
            return Ok(());
        };
        let label = task.to_string();
        let training = Training::of(task, &key).map(|training| training.way);
        let gate = self.around.store.pass()?;
        let uses = std::iter::once(key.digest()).chain(training).map(|key| (key, label.as_str()));
        self.around.hold.note(&gate, uses, self.around.now())?;
        let found = self.around.store.find(key.digest());
        drop(gate);
        match found {
            Some(record) => self.found(id, &key, Box::new(record))?,
            None => drop(self.keys.insert(id, key)),
        }
        Ok(())
    }

    /// Ends a task that was found by its content, and lets its recipe find it the next time.
    fn found(&mut self, id: TaskId, key: &TaskKey, record: Box<Record>) -> Result<(), Error> {
        if let Some(recipe) = self.around.plan.task(id).recipe {
            self.around.store.remember_recipe(recipe, key.digest())?;
        }
        self.schedule.succeed(id);
        self.teller.cached(id, CachedBy::Content);
        self.outcome.tasks.insert(id, Ended::Cached(record));
        self.forget(id);
        Ok(())
    }

    fn hear(&mut self, id: TaskId, message: Message) {
        match message {
            Message::Said(signal) => {
                match &signal {
                    Signal::Note(text) | Signal::Warning(text) => self.log(id).line(text),
                    Signal::Tick(tick) => self.trainings.reach(id, tick.done as usize),
                }
                self.teller.signal(id, signal);
            }
            Message::Ended(Ok(record)) => {
                self.trainings.end(id);
                self.schedule.succeed(id);
                self.teller.finished(id, &record);
                self.outcome.tasks.insert(id, Ended::Ran(record));
                self.forget(id);
            }
            Message::Counted(counted) => self.cuda = Cuda::Counted(counted),
            Message::Ended(Err(failure)) => {
                self.trainings.end(id);
                self.fail(id, failure);
            }
        }
    }

    /// Ends a task without a result, or lets it be tried again.
    fn fail(&mut self, id: TaskId, failure: Failure) {
        if failure.stopped {
            let skipped = self.schedule.fail(id);
            self.skip([vec![id], skipped].concat(), |_| SkipReason::Stopped);
            return;
        }
        let attempt = self.attempts.get(&id).copied().unwrap_or_default();
        let retries = self.around.plan.task(id).retries;
        let again = attempt > 0 && attempt <= retries && !self.outcome.stopped;
        let pause = again.then(|| self.pause(attempt));
        self.teller.failed(id, (attempt.max(1), pause), &failure, self.logs.get(&id));
        if let Some(pause) = pause {
            self.pauses.insert(id, Instant::now() + pause);
            self.schedule.give_back(id);
            return;
        }
        self.outcome.tasks.insert(id, Ended::Failed(failure));
        self.forget(id);
        let skipped = self.schedule.fail(id);
        let fail_fast = self.around.options.fail_fast;
        self.skip(skipped, |_| {
            if fail_fast { SkipReason::FailFast(id) } else { SkipReason::NeedsFailed(id) }
        });
    }

    /// Forgets what is of use only until a task has ended: a study may have ten thousand.
    fn forget(&mut self, id: TaskId) {
        self.keys.remove(&id);
        self.logs.remove(&id);
        self.attempts.remove(&id);
        self.pauses.remove(&id);
        self.waiting.remove(&id);
    }

    fn is_pausing(&self, id: TaskId) -> bool {
        self.pauses.get(&id).is_some_and(|until| Instant::now() < *until)
    }

    /// Returns the time between a failed attempt and the next.
    fn pause(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.around.options.pause.saturating_mul(doubled).min(LONGEST_PAUSE)
    }

    fn skip(&mut self, tasks: Vec<TaskId>, because: impl Fn(TaskId) -> SkipReason) {
        for task in tasks {
            self.teller.skipped(task, because(task));
            self.outcome.tasks.insert(task, Ended::Skipped(because(task)));
        }
    }

    fn log(&mut self, id: TaskId) -> TaskLog {
        let around = self.around;
        let label = around.plan.task(id).to_string();
        let new = || TaskLog::new(around.store.log(&around.options.run, &label));
        self.logs.entry(id).or_insert_with(new).clone()
    }

    fn end(self) -> Outcome {
        let [ran, cached, failed, skipped] = self.outcome.counts();
        let seconds = self.around.clock.elapsed().as_secs_f64();
        self.teller.tell(&Event::RunFinished { ran, cached, failed, skipped, seconds });
        self.outcome
    }
}

/// Runs one attempt, beside the loop.
fn perform(id: TaskId, attempt: Attempt<'_>, sender: &Sender<(TaskId, Message)>) {
    // The loop that listens outlives every thread but after an error, when nobody cares.
    let tell = |signal| drop(sender.send((id, Message::Said(signal))));
    let ended = attempt.run(&tell).map(Box::new);
    let _ = sender.send((id, Message::Ended(ended)));
}

fn missing_source(task: &crate::plan::Task) -> Failure {
    let missing = task.sources.iter().find(|(_, source)| source.digest.is_none());
    let name = missing.map_or("", |(name, _)| name.as_str());
    Failure::new(format!("the file or folder `{name}` was not found"))
        .help("put it beside the manifest, or name its folder with `--data DIR`")
}
