//! Memory: the process's is kept from one training step to the next and given back at the end; of it and of a
//! GPU's it is known how much was taken at most.
//!
//! Each step frees and asks for the same hundreds of MiB. glibc hands large blocks back to the
//! system at once and gets them page by page again, which took a fifth of a WGAN's step on a CPU.

use tch::Device;

use crate::ml::libtorch;
use crate::stage::StageError;

/// Forgets how much memory was taken until now.
pub(in crate::ml) fn forget_peak(device: Device) -> Result<(), StageError> {
    if let Device::Cuda(index) = device {
        return Ok(libtorch::forget_peak(index)?);
    }
    #[cfg(target_os = "linux")]
    linux::forget_peak();
    Ok(())
}

/// Returns the most memory that was taken since, bytes: what libtorch asked a GPU for, or what the process had of the
/// machine's; nothing where the system does not tell.
pub(in crate::ml) fn peak(device: Device) -> Result<Option<u64>, StageError> {
    if let Device::Cuda(index) = device {
        return Ok(Some(libtorch::peak(index)?));
    }
    #[cfg(target_os = "linux")]
    return Ok(linux::peak());
    #[cfg(not(target_os = "linux"))]
    Ok(None)
}

#[cfg(target_os = "linux")]
mod linux {
    #[expect(clippy::disallowed_methods, reason = "a wish to the kernel is no file to lose")]
    /// Where a system forbids it, the peak is that of the process's whole life.
    pub(super) fn forget_peak() {
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }

    pub(super) fn peak() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes << 10)
    }
}

/// Keeps freed memory while it lives, and then gives back what is free.
#[derive(Debug)]
pub(in crate::ml) struct Kept(());

impl Kept {
    /// Starts to keep freed memory; elsewhere than on glibc nothing happens.
    pub(in crate::ml) fn new() -> Self {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        glibc::keep();
        Self(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        glibc::give_back();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    // Of <malloc.h>.
    const M_TRIM_THRESHOLD: i32 = -1;
    const M_MMAP_MAX: i32 = -4;
    const M_ARENA_MAX: i32 = -8;

    #[expect(unsafe_code, reason = "glibc's settings have no safe door")]
    unsafe extern "C" {
        safe fn mallopt(parameter: i32, value: i32) -> i32;
        safe fn malloc_trim(pad: usize) -> i32;
    }

    /// No block gets pages of its own, the heap never shrinks by itself, and all threads share it.
    pub(super) fn keep() {
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TRIM_THRESHOLD, -1);
        mallopt(M_ARENA_MAX, 1);
    }

    pub(super) fn give_back() {
        malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_that_since_it_was_forgotten() {
        let size = 256 << 20;
        let peak = || super::peak(Device::Cpu).unwrap().unwrap();
        super::forget_peak(Device::Cpu).unwrap();
        let before = peak();
        drop(std::hint::black_box(vec![1_u8; size]));
        let after = peak();
        assert!(after >= before + size as u64 * 9 / 10, "{before} {after}");
        super::forget_peak(Device::Cpu).unwrap();
        assert!(peak() < after - size as u64 / 2, "{after} {}", peak());
    }
}
