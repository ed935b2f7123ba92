//! Where a task may run, and how much of the machine it takes: slots, threads, cores.
//!
//! Where the number of GPUs matters, a worker is asked for it beside the loop; until it has answered,
//! tasks that depend on it wait and all else goes on.

use std::sync::mpsc::Sender;

use crate::engine::Event;
use crate::engine::Failure;
use crate::engine::run::Message;
use crate::engine::run::Run;
use crate::engine::run::hands::Hands;
use crate::engine::schedule::Load;
use crate::engine::schedule::Slot;
use crate::engine::schedule::WHOLE;
use crate::plan::TaskId;
use crate::stage::Device;
use crate::stage::DeviceRequest;
use crate::stage::Runner;

/// What is known of CUDA devices.
pub(super) enum Cuda {
    /// Nobody has asked yet.
    Unknown,
    /// A worker is asked, for the first of the tasks that want to know.
    Asked,
    /// Their number, or why there is no worker that tells it.
    Counted(Result<usize, Failure>),
}

impl<'a> Run<'a> {
    /// Returns the slots that a task may run in; nothing while a worker is asked for GPUs, where that matters.
    pub(super) fn slots<'scope>(
        &mut self,
        id: TaskId,
        hands: &mut Hands<'scope, '_>,
        sender: &Sender<(TaskId, Message)>,
    ) -> Result<Option<Vec<Slot>>, Failure>
    where
        'a: 'scope,
    {
        let task = self.around.plan.task(id);
        let is_program = task.kind.runner == Runner::Program;
        let wants_gpu = task.resources.device == DeviceRequest::Cuda;
        if task.kind.runner == Runner::Inline || is_program && !wants_gpu {
            return Ok(Some(vec![Slot::Inline]));
        }
        let policy = &self.around.options.devices;
        let request = task.resources.device;
        let is_needed = policy.needs_count(request);
        let counted = match &self.cuda {
            _ if !is_needed => 0,
            Cuda::Counted(counted) => counted.clone()?,
            Cuda::Asked => return Ok(None),
            Cuda::Unknown => {
                self.cuda = Cuda::Asked;
                let (around, log, sender) = (self.around, self.log(id), sender.clone());
                hands.start(move || {
                    let counted = around.workers.count_cuda_devices(&log, &|| around.is_stopped());
                    let _ = sender.send((id, Message::Counted(counted)));
                });
                return Ok(None);
            }
        };
        let devices = policy.choose(request, counted)?;
        if is_needed && !self.devices_told {
            self.devices_told = true;
            self.teller.tell(&Event::DevicesChosen {
                cuda_devices: counted,
                chosen: devices.clone(),
                fell_back: devices == [Device::Cpu],
            });
        }
        let jobs = self.around.options.jobs.max(1);
        for &device in &devices {
            if self.schedule.open(Slot::Device(device), jobs) {
                self.torch_slots += jobs;
            }
        }
        Ok(Some(devices.into_iter().map(Slot::Device).collect()))
    }

    /// Returns the threads that a task may keep busy: its share of the cores, or what it asks for.
    pub(super) fn threads(&self, id: TaskId) -> usize {
        let task = self.around.plan.task(id);
        let cores = self.around.options.cores.max(1);
        let share = match task.kind.runner {
            Runner::Inline | Runner::Program => cores,
            Runner::Torch => (cores / self.torch_slots.max(1)).max(1),
        };
        match task.resources.cpus {
            0 => share,
            cpus => cpus.min(share),
        }
    }

    /// Returns what a task takes of the machine. A training on a GPU leaves most of its threads idle.
    pub(super) fn load(&self, id: TaskId, slots: &[Slot]) -> Load {
        let wanted = &self.around.plan.task(id).resources;
        let on_gpu = slots.iter().any(|slot| matches!(slot, Slot::Device(Device::Cuda(_))));
        let cores = match wanted.cpus {
            0 if on_gpu => 1,
            _ => self.threads(id) as u64,
        };
        let share = if on_gpu { (wanted.gpus * WHOLE as f64).round() as u64 } else { WHOLE };
        Load { cores, memory: wanted.memory, share }
    }
}
