//! What goes wrong inside libtorch, as an error of the stage.
//!
//! Knows nothing of networks; every entry point of `ml` passes through [`guarded`].

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use tch::TchError;

use crate::ml::Exactness;
use crate::ml::device;
use crate::ml::libtorch;
use crate::ml::memory;
use crate::ml::memory::Kept;
use crate::ml::precision;
use crate::stage::Context;
use crate::stage::StageError;

impl From<TchError> for StageError {
    /// Keeps the first line: below it libtorch prints its own C++ frames.
    fn from(error: TchError) -> Self {
        let text = match error {
            TchError::Torch(text) => text,
            other => other.to_string(),
        };
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown error");
        Self::Torch(first.trim().trim_end_matches('.').to_owned())
    }
}

/// Runs work on the context's device with its threads; what panics inside becomes an error.
pub(in crate::ml) fn guarded<T>(
    cx: &Context<'_>,
    work: impl FnOnce(tch::Device) -> Result<T, StageError>,
) -> Result<T, StageError> {
    let device = device::resolve(cx.device)?;
    tch::set_num_threads(i32::try_from(cx.threads.max(1)).unwrap_or(i32::MAX));
    libtorch::choose_functions()?;
    precision::keep_to(Exactness::default())?;
    let _kept = Kept::new();
    memory::forget_peak(device)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(device)));
    if let Some(bytes) = memory::peak(device)? {
        cx.observer.took(bytes);
    }
    match outcome {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(StageError::Torch(text.unwrap_or("a panic without a message").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::TchError;

    use super::StageError;

    #[test]
    fn an_error_of_libtorch_is_one_line() {
        let error = TchError::Torch("\nout of memory.\nException raised from ...".to_owned());
        assert_eq!(StageError::from(error).to_string(), "libtorch: out of memory");
    }
}
