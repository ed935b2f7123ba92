//! The program `ablate`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the allocator's binding has no name for.
const PURGE_DELAY: i32 = 15;
/// Milliseconds after which memory that is free goes back to the system. After a second, as it is by itself, a large
/// study has both its manifest's and its tasks' memory.
const SOON: i64 = 10;

fn main() -> ExitCode {
    #[expect(
        unsafe_code,
        reason = "the allocator's settings have no safe door; no thread runs yet"
    )]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, SOON);
    }
    ablate::cli::main()
}
