//! The workplace: the scratch folder that a program runs in, with all that it is handed.
//!
//! ```text
//! job.json           seed, threads, device, params, folders of inputs and outputs
//! FILE ...           the stage's files
//! inputs/PORT/       the artifact's files; inputs/PORT/0/, inputs/PORT/1/, ... where it takes a list
//! outputs/PORT/      empty: what the program leaves here is its output
//! ```
//!
//! It is the program's home and its place for temporary files as well.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use crate::files;
use crate::stage::Context;
use crate::stage::Device;
use crate::stage::StageError;
use crate::stage::Trees;
use crate::stages::exec::Argument;
use crate::stages::exec::Params;
use crate::stages::exec::argument::Names;
use crate::stages::exec::argument::Values;
use crate::stages::exec::program::Program;

/// Where outputs are written again.
const READ_BACK: &str = ".read-back";

/// Names that the stage's files cannot have.
pub(super) const OWN: [&str; 4] = ["job.json", "inputs", "outputs", READ_BACK];

/// What tells that a stored file was written to: size, when, by change of what.
type Seal = (u64, i64, i64);

/// A scratch folder that a program can run in.
pub(super) struct Workplace {
    folder: PathBuf,
    /// The stored files that enter, each as it was before.
    sealed: BTreeMap<PathBuf, Seal>,
}

impl Workplace {
    /// Lays out all that the program is handed, in the task's folder.
    pub(super) fn lay_out(
        cx: &Context<'_>,
        params: &Params,
        inputs: &Trees,
    ) -> Result<Self, StageError> {
        let mut place = Self { folder: cx.folder.clone(), sealed: BTreeMap::new() };
        for own in ["inputs", "outputs"] {
            files::create_folder(&place.folder.join(own))?;
        }
        for port in params.outputs.keys() {
            files::create_folder(&place.output(port))?;
        }
        for name in &params.files {
            files::copy_executable(cx.source(name)?, &place.folder.join(name))?;
        }
        let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (port, entrance) in &params.inputs {
            let trees = inputs.get(port).map_or(&[][..], Vec::as_slice);
            files::create_folder(&place.folder.join("inputs").join(port))?;
            let told = folders.entry(port).or_default();
            for (index, tree) in trees.iter().enumerate() {
                let mut within = format!("inputs/{port}");
                if entrance.many {
                    within = format!("{within}/{index}");
                    files::create_folder(&place.folder.join(&within))?;
                }
                for (name, stored) in &tree.0 {
                    place.sealed.insert(stored.clone(), seal(stored)?);
                    files::point(stored, &place.folder.join(&within).join(name))?;
                }
                told.push(within);
            }
        }
        let folder_of = |port: &String| (port.clone(), format!("outputs/{port}"));
        let outputs: BTreeMap<String, String> = params.outputs.keys().map(folder_of).collect();
        let job = json!({
            "seed": cx.seed.0, "threads": cx.threads, "device": cx.device.to_string(),
            "params": params.params, "inputs": folders, "outputs": outputs,
        });
        let job = serde_json::to_vec_pretty(&job).expect("a job has string keys");
        files::write_scratch(&place.folder.join("job.json"), &job)?;
        Ok(place)
    }

    /// Returns the folder of an output.
    pub(super) fn output(&self, port: &str) -> PathBuf {
        self.folder.join("outputs").join(port)
    }

    /// Returns the folder where outputs are written again, without what the program may have put there.
    pub(super) fn read_back(&self) -> Result<PathBuf, StageError> {
        let folder = self.folder.join(READ_BACK);
        files::remove(&folder)?;
        Ok(folder)
    }

    /// Returns the program, ready to start, with all of its environment; `inherited` is what may come
    /// from the user's own.
    pub(super) fn program(
        &self,
        cx: &Context<'_>,
        params: &Params,
        inherited: &BTreeMap<String, OsString>,
    ) -> Result<Program, StageError> {
        let (seed, threads, device) = (cx.seed.0, cx.threads, cx.device.to_string());
        let values = Values { seed, threads, device };
        let fill = |Argument(text): &Argument| Names { params }.fill(text, &values);
        let words = params.command.iter().map(fill).collect::<Result<Vec<_>, _>>();
        let mut words = words.map_err(StageError::data)?.into_iter();
        let program = words.next().ok_or_else(|| StageError::data("there is no program"))?;
        let mut environment = BTreeMap::new();
        let mut set = |name: &str, value: OsString| environment.insert(name.to_owned(), value);
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = inherited.get(name) {
                set(name, value.clone());
            }
        }
        set("ABLATE_JOB", self.folder.join("job.json").into());
        set("HOME", self.folder.clone().into());
        set("TMPDIR", self.folder.clone().into());
        set("LANG", "C.UTF-8".into());
        set("LC_ALL", "C.UTF-8".into());
        set("TZ", "UTC".into());
        set("OMP_NUM_THREADS", cx.threads.to_string().into());
        let seen = inherited.get("CUDA_VISIBLE_DEVICES").map(|list| list.to_string_lossy());
        set("CUDA_VISIBLE_DEVICES", visible(cx.device, seen.as_deref()).into());
        // A path is meant within the folder; a bare name is looked for in PATH.
        let is_path = program.contains('/');
        let path = if is_path { self.folder.join(program) } else { program.into() };
        Ok(Program { path, arguments: words.collect(), environment, folder: self.folder.clone() })
    }

    /// Returns an error where the program wrote to what entered it: that belongs to the cache.
    pub(super) fn refuse_changed_inputs(&self) -> Result<(), StageError> {
        for (stored, before) in &self.sealed {
            if seal(stored)? != *before {
                let problem = format!(
                    "the program changed `{}`, which entered it and belongs to the cache",
                    stored.display()
                );
                return Err(StageError::data(problem)
                    .help("let it copy what it changes; then run `ablate cache verify --repair`"));
            }
        }
        Ok(())
    }
}

/// Returns how CUDA is told of the one device that the program was given; none on the CPU. `seen` are
/// the devices that the engine itself was given.
fn visible(device: Device, seen: Option<&str>) -> String {
    match (device, seen) {
        (Device::Cpu, _) => String::new(),
        (Device::Cuda(index), Some(list)) => list
            .split(',')
            .nth(index)
            .map_or_else(|| index.to_string(), |one| one.trim().to_owned()),
        (Device::Cuda(index), None) => index.to_string(),
    }
}

fn seal(path: &Path) -> Result<Seal, StageError> {
    let about = std::fs::metadata(path).map_err(|source| files::Error {
        action: "look at",
        path: path.to_owned(),
        source,
    })?;
    Ok((about.len(), about.mtime(), about.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::Device;
    use super::visible;

    #[test]
    fn a_program_sees_the_device_that_it_was_given_and_no_other() {
        assert_eq!(visible(Device::Cpu, Some("0,1")), "");
        assert_eq!(visible(Device::Cuda(1), None), "1");
        assert_eq!(visible(Device::Cuda(1), Some("3, 5")), "5");
    }
}
