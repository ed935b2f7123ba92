//! The device that tensors live on, and how many there are.
//!
//! A program linked to libtorch does not load its CUDA half by itself, and libtorch, once asked
//! without it, answers "no CUDA" for good. So that half is loaded before the first question.

use crate::stage::Device;
use crate::stage::StageError;

const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// Returns how many CUDA devices can be used, or why none can.
pub fn cuda_devices() -> Result<usize, String> {
    load_cuda().map_err(|error| format!("`{CUDA_LIBRARY}` cannot be loaded: {error}"))?;
    match tch::Cuda::device_count() {
        count if count > 0 => Ok(count as usize),
        _ => Err("libtorch finds no CUDA device: no GPU, or no driver".to_owned()),
    }
}

/// Returns libtorch's name for a device; an error, never the CPU, where a GPU cannot be used.
pub(in crate::ml) fn resolve(device: Device) -> Result<tch::Device, StageError> {
    let Device::Cuda(index) = device else { return Ok(tch::Device::Cpu) };
    let unusable = |problem| StageError::Device { device: device.to_string(), problem };
    match cuda_devices().map_err(unusable)? {
        count if index < count => Ok(tch::Device::Cuda(index)),
        count => Err(unusable(format!("there are {count} CUDA devices, numbered from 0"))),
    }
}

fn load_cuda() -> Result<(), libloading::Error> {
    #[expect(unsafe_code, reason = "its initialisers register kernels: what a linker would run")]
    let library = unsafe { libloading::Library::new(CUDA_LIBRARY) }?;
    // The registered kernels are used until the process ends.
    std::mem::forget(library);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Device;
    use super::StageError;
    use super::resolve;

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_and_never_the_cpu() {
        let result = resolve(Device::Cuda(4096));
        assert!(matches!(result, Err(StageError::Device { .. })), "{result:?}");
        assert_eq!(resolve(Device::Cpu).unwrap(), tch::Device::Cpu);
    }
}
