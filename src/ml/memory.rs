//! The process's memory: kept from one training step to the next, given back at the end.
//!
//! Each step frees and asks for the same hundreds of MiB. glibc hands large blocks back to the
//! system at once and gets them page by page again, which took a fifth of a WGAN's step on a CPU.

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
