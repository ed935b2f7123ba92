//! A failure: why a task ended without a result, and what to do about it.

use crate::stage::StageError;
use crate::store;

/// Why a task ended without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was found where, and what was expected, as a lower-case fragment.
    pub problem: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Whether the user stopped it.
    pub stopped: bool,
}

impl Failure {
    /// Returns a failure without a remedy.
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: None, stopped: false }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the failure of a task that the user stopped.
    pub(super) fn stopped() -> Self {
        Self { problem: "stopped".to_owned(), help: None, stopped: true }
    }

    /// Returns the failure of code that panicked.
    pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::new(format!("the stage panicked: {text}"))
            .help("this is a bug in the stage; please report it with its log")
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        let stopped = matches!(error, StageError::Cancelled);
        Self { problem: error.to_string(), help: error.remedy(), stopped }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self { problem: error.to_string(), help: error.remedy(), stopped: false }
    }
}
