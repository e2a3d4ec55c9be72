//! What a plugin answers, and why it could not.

use std::fmt;

/// What a filter says before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The delivery passes.
    Pass,
    /// It ends as skipped, for this reason.
    Skip(String),
}

/// What becomes of a delivery after a transform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on with the request as the plugin left it.
    Send,
    /// It ends as skipped, for this reason.
    Skip(String),
    /// It is tried again at that time, without an attempt being spent.
    Defer {
        /// Unix milliseconds.
        until_ms: u64,
    },
}

/// What a handler's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The handler has it.
    Delivered,
    /// Failed; tried again by the retry policy.
    Retry {
        /// The wait that the handler asked for, in seconds.
        after_seconds: Option<u32>,
    },
    /// Failed for good, without a retry, for this reason.
    Refused(String),
}

/// Why a plugin could not do its work; the link's `on_error` says what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A short stable word, such as `bad_config`.
    pub code: String,
    /// Words for the webhook's owner.
    pub detail: String,
    /// Whether it may pass by itself, so that the retry policy tries again.
    pub is_retryable: bool,
}

impl Failure {
    /// A failure that stays until somebody changes something.
    pub fn lasting(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), is_retryable: false }
    }

    /// What a receipt's failure means for the answer that it could not judge: a retry when that may help, else a
    /// refusal.
    pub fn as_judgement(&self) -> Judgement {
        if self.is_retryable {
            Judgement::Retry { after_seconds: None }
        } else {
            Judgement::Refused(self.to_string())
        }
    }

    /// A failure that may pass by itself.
    pub fn passing(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { is_retryable: true, ..Self::lasting(code, detail) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Failure {}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::lasting("bad_json", error.to_string())
    }
}
