//! Devices: which of them torch stages run on.

use std::str::FromStr;

use crate::engine::Failure;
use crate::stage::Device;
use crate::stage::DeviceRequest;

/// The devices that a user allows. Anything but `auto` overrules the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DevicePolicy {
    /// As each stage asks; those that do not care get GPUs where there are any.
    #[default]
    Auto,
    /// The CPU for all.
    Cpu,
    /// These CUDA devices for all; none listed means every one there is.
    Cuda(Vec<usize>),
}

impl FromStr for DevicePolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no device: `auto`, `cpu`, `cuda` or `cuda:0,1` expected");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(Vec::new())),
            _ => {
                let list = text.strip_prefix("cuda:").ok_or_else(wrong)?;
                let mut indices: Vec<usize> = Vec::new();
                for number in list.split(',') {
                    let is_plain = number.bytes().all(|digit| digit.is_ascii_digit());
                    let index = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
                    if indices.contains(&index) {
                        return Err(format!("`{text}` names the device {index} twice"));
                    }
                    indices.push(index);
                }
                Ok(Self::Cuda(indices))
            }
        }
    }
}

impl DevicePolicy {
    /// Returns what a stage is to run on, given what it asks for.
    fn request(&self, request: DeviceRequest) -> DeviceRequest {
        match self {
            Self::Auto => request,
            Self::Cpu => DeviceRequest::Cpu,
            Self::Cuda(_) => DeviceRequest::Cuda,
        }
    }

    /// Returns whether the number of CUDA devices decides anything.
    pub(super) fn needs_count(&self, request: DeviceRequest) -> bool {
        self.request(request) != DeviceRequest::Cpu
    }

    /// Returns the devices that a stage may run on, given how many CUDA devices there are.
    pub(super) fn choose(
        &self,
        request: DeviceRequest,
        count: usize,
    ) -> Result<Vec<Device>, Failure> {
        let all = || (0..count).map(Device::Cuda).collect::<Vec<_>>();
        match (self.request(request), self) {
            (DeviceRequest::Cpu, _) => Ok(vec![Device::Cpu]),
            (DeviceRequest::Auto, _) if count == 0 => Ok(vec![Device::Cpu]),
            (DeviceRequest::Cuda, _) if count == 0 => Err(Failure::new(
                "device `cuda` cannot be used: the worker found no CUDA device",
            )
            .help("ask for `--device cpu`, or install a driver and run `make libtorch CUDA=1`")),
            (_, Self::Cuda(indices)) if !indices.is_empty() => {
                if let Some(index) = indices.iter().find(|&&index| index >= count) {
                    let problem = format!(
                        "device `cuda:{index}` cannot be used: the worker found {count} CUDA devices"
                    );
                    return Err(Failure::new(problem).help("count CUDA devices from 0"));
                }
                Ok(indices.iter().copied().map(Device::Cuda).collect())
            }
            _ => Ok(all()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Device;
    use super::DevicePolicy;
    use super::DeviceRequest;

    fn choose(policy: &str, request: DeviceRequest, count: usize) -> Result<Vec<Device>, String> {
        let policy: DevicePolicy = policy.parse().unwrap();
        policy.choose(request, count).map_err(|failure| failure.problem)
    }

    #[test]
    fn auto_takes_every_gpu_and_else_the_cpu() {
        let gpus = vec![Device::Cuda(0), Device::Cuda(1)];
        assert_eq!(choose("auto", DeviceRequest::Auto, 2), Ok(gpus));
        assert_eq!(choose("auto", DeviceRequest::Auto, 0), Ok(vec![Device::Cpu]));
        assert_eq!(choose("auto", DeviceRequest::Cpu, 2), Ok(vec![Device::Cpu]));
    }

    #[test]
    fn cuda_without_a_gpu_is_an_error_and_never_a_fallback() {
        for (policy, request) in [
            ("auto", DeviceRequest::Cuda),
            ("cuda", DeviceRequest::Auto),
            ("cuda:0", DeviceRequest::Cpu),
        ] {
            let problem = choose(policy, request, 0).unwrap_err();
            assert_eq!(problem, "device `cuda` cannot be used: the worker found no CUDA device");
        }
    }

    #[test]
    fn the_command_line_overrules_the_manifest() {
        assert_eq!(choose("cpu", DeviceRequest::Cuda, 2), Ok(vec![Device::Cpu]));
        assert_eq!(choose("cuda:1", DeviceRequest::Auto, 2), Ok(vec![Device::Cuda(1)]));
        assert_eq!(
            choose("cuda:2", DeviceRequest::Auto, 2).unwrap_err(),
            "device `cuda:2` cannot be used: the worker found 2 CUDA devices"
        );
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for text in ["gpu", "cuda:", "cuda:x", "cuda:1,", "cuda:+1", "cuda:0,0", ""] {
            assert!(text.parse::<DevicePolicy>().is_err(), "{text}");
        }
    }
}
