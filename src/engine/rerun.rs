//! A rerun: a recorded task is computed once more, from its record alone, and what comes out is held
//! against what was recorded. Publishes nothing.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::artifact::Likeness;
use crate::artifact::Tree;
use crate::artifact::likeness;
use crate::digest::Digest;
use crate::engine::Failure;
use crate::engine::Job;
use crate::engine::Options;
use crate::engine::PROTOCOL;
use crate::engine::inline::execute;
use crate::engine::log::TaskLog;
use crate::engine::observer::Watch;
use crate::engine::workers::Workers;
use crate::plan::DataFolders;
use crate::plan::TaskKey;
use crate::plan::find_source;
use crate::seed::Seed;
use crate::stage::Device;
use crate::stage::DeviceRequest;
use crate::stage::Produced;
use crate::stage::Runner;
use crate::stage::StageKind;
use crate::store::Record;
use crate::store::Store;

/// How a rerun ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Bit for bit what was recorded.
    Same,
    /// The largest relative difference of two numbers is within what is tolerated.
    Near {
        /// That difference.
        apart: f64,
    },
    /// Something else came out.
    Different {
        /// The largest relative difference of two numbers, where only numbers differ.
        apart: Option<f64>,
        /// What differs.
        what: String,
    },
    /// It could not be run again.
    NotRun {
        /// Why not.
        problem: String,
        /// What to do about it, where that is known.
        help: Option<String>,
    },
}

/// A task that was run again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rerun {
    /// Its key.
    pub key: Digest,
    /// Its kind.
    pub kind: String,
    /// Device that the record names; absent for work inside the engine.
    pub recorded_on: Option<String>,
    /// Device that it ran on again.
    pub run_on: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Runs recorded tasks again.
pub struct Reruns<'a> {
    kinds: &'static [StageKind],
    store: &'a Store,
    folders: &'a DataFolders,
    options: &'a Options<'a>,
    /// Largest relative difference that is tolerated.
    tolerance: f64,
    workers: Workers,
}

/// Returns which of some records to run again: of each kind in turn, in an order that the seed decides.
pub fn sample(records: Vec<Record>, count: usize, seed: Seed) -> Vec<Record> {
    let mut kinds: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records {
        kinds.entry(record.kind().to_owned()).or_default().push(record);
    }
    for records in kinds.values_mut() {
        records.sort_by_cached_key(|record| {
            Digest::of_value(&(seed, record.key_digest())) // as good as shuffled
        });
    }
    let mut chosen = Vec::new();
    while chosen.len() < count && !kinds.is_empty() {
        for records in kinds.values_mut() {
            chosen.extend(records.pop().filter(|_| chosen.len() < count));
        }
        kinds.retain(|_, records| !records.is_empty());
    }
    chosen
}

impl<'a> Reruns<'a> {
    /// Prepares reruns. Sources are looked for in the folders; a device that the options name takes
    /// the place of the recorded one.
    pub fn new(
        kinds: &'static [StageKind],
        store: &'a Store,
        folders: &'a DataFolders,
        options: &'a Options<'a>,
        tolerance: f64,
    ) -> Self {
        let workers = Workers::new(options);
        Self { kinds, store, folders, options, tolerance, workers }
    }

    /// Runs a recorded task again and compares.
    pub fn run(&self, record: &Record) -> Rerun {
        let mut run_on = None;
        let verdict = self.judge(record, &mut run_on).unwrap_or_else(|failure| Verdict::NotRun {
            problem: failure.problem,
            help: failure.help,
        });
        Rerun {
            key: record.key_digest(),
            kind: record.kind().to_owned(),
            recorded_on: record.device.clone(),
            run_on: run_on.map(|device: Device| device.to_string()),
            verdict,
        }
    }

    fn judge(&self, record: &Record, run_on: &mut Option<Device>) -> Result<Verdict, Failure> {
        let key: TaskKey =
            record.key.read().ok_or_else(|| Failure::new("its key has another layout"))?;
        let kind = self.kind(&key)?;
        let id = Digest::of_value(&("rerun", record.key_digest()));
        let busy = || Failure::new("another process runs it again just now");
        let claim = self.store.claim(id)?.ok_or_else(busy)?;
        let folder = claim.folder()?;
        let log = TaskLog::new(folder.join("log"));
        *run_on = self.device(kind, record, &log)?;
        let job = Job {
            protocol: PROTOCOL,
            label: format!("{} again", kind.name),
            kind: kind.name.to_owned(),
            version: kind.version,
            params: params_of(kind, &key)?,
            inputs: key
                .inputs
                .iter()
                .map(|(port, digests)| {
                    let tree = |&digest| self.store.checked_tree(digest).map(Tree);
                    Ok((port.clone(), digests.iter().map(tree).collect::<Result<_, _>>()?))
                })
                .collect::<Result<_, crate::store::Error>>()?,
            sources: self.sources(kind, &key)?,
            seed: Seed(key.seed),
            device: run_on.unwrap_or(Device::Cpu),
            threads: record.threads.unwrap_or(self.options.cores).max(1),
            folder: folder.join("made"),
            checkpoints: None,
        };
        let stop = || self.options.cancel.load(Ordering::SeqCst);
        let watch = Watch::new(&|_| (), &stop);
        let produced = execute((kind, &job), (&watch, &log), self.options, &self.workers)?;
        self.compare(record, &produced)
    }

    fn kind(&self, key: &TaskKey) -> Result<&'static StageKind, Failure> {
        let kind = self.kinds.iter().find(|kind| kind.name == key.kind);
        let kind = kind.ok_or_else(|| Failure::new(format!("there is no kind `{}`", key.kind)))?;
        if kind.version == key.version {
            return Ok(kind);
        }
        let (made, known) = (key.version, kind.version);
        let problem = format!("version {made} of the kind made it; this program has {known}");
        Err(Failure::new(problem))
    }

    /// Returns where the sources lie, if their contents are those that were recorded.
    fn sources(
        &self,
        kind: &StageKind,
        key: &TaskKey,
    ) -> Result<BTreeMap<String, std::path::PathBuf>, Failure> {
        let mut found = BTreeMap::new();
        for source in (kind.sources)(&params_of(kind, key)?) {
            let recorded = key.sources.get(&source.name).copied();
            let lost = || {
                let problem = format!("its source `{}` was not found as it was", source.name);
                Failure::new(problem).help("name its folder with `--data DIR`")
            };
            let path = find_source(self.folders, &source, recorded).ok_or_else(lost)?;
            found.insert(source.name, path);
        }
        Ok(found)
    }

    /// Returns the device to run on: that which the options ask for, else the recorded one.
    fn device(
        &self,
        kind: &StageKind,
        record: &Record,
        log: &TaskLog,
    ) -> Result<Option<Device>, Failure> {
        // A program that ran without a GPU runs without one.
        let is_bound = kind.runner == Runner::Torch || record.device.is_some();
        if !is_bound {
            return Ok(None);
        }
        let request = match record.device.as_deref() {
            Some(device) if device.starts_with("cuda") => DeviceRequest::Cuda,
            _ => DeviceRequest::Cpu,
        };
        let policy = &self.options.devices;
        let count = if policy.needs_count(request) {
            self.workers.count_cuda_devices(log, &|| self.options.cancel.load(Ordering::SeqCst))?
        } else {
            0
        };
        Ok(policy.choose(request, count)?.into_iter().next())
    }

    fn compare(
        &self,
        record: &Record,
        produced: &BTreeMap<String, Produced>,
    ) -> Result<Verdict, Failure> {
        let (mut apart, mut is_same) = (0.0_f64, true);
        for (port, output) in &record.outputs {
            let Some(made) = produced.get(port) else {
                return Ok(Verdict::Different { apart: None, what: format!("no `{port}`") });
            };
            let unreadable = |error: crate::artifact::Error| Failure::new(error.to_string());
            let recorded = Tree(self.store.checked_tree(output.digest)?);
            let again = Tree::of_folder(&made.folder).map_err(unreadable)?;
            match likeness(&recorded, &again).map_err(unreadable)? {
                Likeness::Same => {}
                Likeness::Apart(difference) => {
                    is_same = false;
                    apart = apart.max(difference);
                }
                Likeness::Unlike(what) => {
                    let what = format!("`{port}`: {what}");
                    return Ok(Verdict::Different { apart: None, what });
                }
            }
        }
        Ok(if is_same {
            Verdict::Same
        } else if apart <= self.tolerance {
            Verdict::Near { apart }
        } else {
            Verdict::Different { apart: Some(apart), what: "numbers".to_owned() }
        })
    }
}

/// Returns params complete with those that enter no key.
fn params_of(kind: &StageKind, key: &TaskKey) -> Result<serde_json::Value, Failure> {
    kind.resolve(&key.params).map_err(|problems| {
        let first = problems.into_iter().next().map(|problem| problem.problem);
        Failure::new(format!("its params are wrong: {}", first.unwrap_or_default()))
    })
}
