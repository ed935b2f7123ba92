//! The program `ablate`.

use std::ffi::c_long;
use std::process::ExitCode;

use libmimalloc_sys::mi_option_set;
use libmimalloc_sys::mi_option_t;
use libmimalloc_sys::mi_option_use_numa_nodes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, for which the binding has no name: the one before this.
const PURGE_DELAY: mi_option_t = mi_option_use_numa_nodes - 1;
/// Milliseconds after which memory that is free goes back to the system. After a second, as it is by itself, a large
/// study has both its manifest's and its tasks' memory.
const SOON: c_long = 10;

fn main() -> ExitCode {
    #[expect(
        unsafe_code,
        reason = "the allocator's settings have no safe door; no thread runs yet"
    )]
    unsafe {
        mi_option_set(PURGE_DELAY, SOON);
    }
    ablate::cli::main()
}
