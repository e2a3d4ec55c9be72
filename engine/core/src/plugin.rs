//! Plugins and scripts as the engine remembers them: their versions, their state, and what each run came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{event::words, time::Timestamp};

/// The most runs that one delivery remembers; the oldest go first.
pub const RUNS_MAX: usize = 40;

words! {
    /// What an upload is.
    PluginKind {
        /// WebAssembly.
        Wasm "wasm",
        /// A rhai script.
        Script "script",
    }
}

words! {
    /// Which of a plugin's functions ran.
    Step {
        /// Asked before anything is sent whether the delivery passes.
        Filter "filter",
        /// Given the request to rewrite.
        Transform "transform",
        /// Asked what the handler's answer means.
        Receipt "receipt",
    }
}

words! {
    /// How much a line of a log matters.
    LogLevel {
        /// For the author.
        Debug "debug",
        /// What was done.
        Info "info",
        /// Odd, but it went on.
        Warn "warn",
        /// It did not go on.
        Error "error",
    }
}

/// What a plugin has functions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exports {
    /// It judges whether a delivery passes.
    pub filter: bool,
    /// It rewrites requests.
    pub transform: bool,
    /// It judges answers.
    pub receipt: bool,
}

/// One immutable version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// The plugin's name in its account.
    pub name: String,
    /// The SHA-256 of the upload, 64 lower-case hex digits.
    pub sha256: String,
    /// What was uploaded.
    pub kind: PluginKind,
    /// What it has functions for.
    pub exports: Exports,
    /// The size of the upload.
    pub bytes: u64,
    /// When this version was first uploaded.
    pub uploaded_at: Timestamp,
}

/// A value of a plugin's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The bytes; a number is its decimal text.
    pub value: Vec<u8>,
    /// From when on it is as if it were not there, in Unix milliseconds; never where there is none.
    pub expires_at_ms: Option<u64>,
}

impl Stored {
    /// Whether it is still there at that time.
    pub fn stands_at(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_none_or(|end| now_ms < end)
    }

    /// The number that the bytes are the decimal text of.
    pub fn number(&self) -> Option<i64> {
        std::str::from_utf8(&self.value).ok()?.parse().ok()
    }
}

/// What becomes of a key of a plugin's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It has this value now.
    Set(Stored),
    /// It is removed.
    Delete,
    /// A number is added to what stands there when the change is applied, so that calls side by side add up.
    Add {
        /// How much.
        by: i64,
        /// When the key ends if it begins with this, in Unix milliseconds.
        expires_at_ms: Option<u64>,
    },
}

impl Change {
    /// What stands under the key after this change. A sum that does not fit stays at the nearest number that does,
    /// and a value that is no number counts as 0: the call saw another, and was right by what it saw.
    pub fn apply(&self, before: Option<&Stored>, now_ms: u64) -> Option<Stored> {
        match self {
            Self::Set(stored) => Some(stored.clone()),
            Self::Delete => None,
            Self::Add { by, expires_at_ms } => {
                let before = before.filter(|stored| stored.stands_at(now_ms));
                let number = before.and_then(Stored::number).unwrap_or(0);
                let expires_at_ms = before.map_or(*expires_at_ms, |stored| stored.expires_at_ms);
                Some(Stored { value: number.saturating_add(*by).to_string().into_bytes(), expires_at_ms })
            }
        }
    }
}

/// A change of the state that a plugin keeps for one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// The plugin's name.
    pub plugin: String,
    /// The key, 1 to 256 bytes.
    pub key: String,
    /// What becomes of it.
    pub change: Change,
}

/// A line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub text: String,
}

/// Why a run came to nothing: the error record of the sandbox, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// `trap`, `fuel`, `deadline`, `memory`, `input`, `output`, `contract`, `failed` or `sandbox`.
    pub kind: String,
    /// What happened and what would help.
    pub detail: String,
    /// The plugin's own code for it, where it failed by its own word.
    pub code: Option<String>,
    /// Whether trying again may help, where the plugin said so.
    pub retryable: Option<bool>,
    /// The functions that were running, innermost first.
    pub frames: Vec<String>,
}

impl Broken {
    /// Whether the plugin itself is at fault, and not what it was given or the engine that runs it.
    pub fn is_plugins_fault(&self) -> bool {
        !matches!(self.kind.as_str(), "input" | "sandbox")
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decided {
    /// The filter lets the delivery pass.
    Passed,
    /// The request goes on as the plugin returned it.
    Sent,
    /// Nothing is sent.
    Skipped {
        /// Why, in the plugin's words.
        reason: String,
    },
    /// Later.
    Deferred {
        /// When it is tried again.
        until: Timestamp,
    },
    /// The answer means that the handler has it.
    Delivered,
    /// The answer means that it is to be tried again.
    Retry {
        /// How long the handler asked to wait.
        after_seconds: Option<u32>,
    },
    /// The answer means that the handler will never take it.
    Refused {
        /// Why, in the plugin's words.
        reason: String,
    },
    /// The run failed.
    Broken(Broken),
}

/// One run of a plugin for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The plugin's name.
    pub plugin: String,
    /// The SHA-256 of the version that ran.
    pub sha256: String,
    /// Which function.
    pub step: Step,
    /// The time that the plugin was told.
    pub at: Timestamp,
    /// What it came to.
    pub decided: Decided,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// Whether it logged more, which was dropped.
    pub log_cut: bool,
    /// About the number of instructions.
    pub fuel: u64,
    /// The most memory that it had.
    pub memory_bytes_peak: u64,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
    /// What it read of its state, as it stood before the run, so that the run can be repeated.
    pub reads: Vec<(String, Option<Stored>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: i64, expires_at_ms: Option<u64>) -> Stored {
        Stored { value: value.to_string().into_bytes(), expires_at_ms }
    }

    #[test]
    fn additions_side_by_side_add_up_and_begin_anew_after_the_end() {
        let add = Change::Add { by: 2, expires_at_ms: Some(900) };
        let first = add.apply(None, 0);
        assert_eq!(first, Some(number(2, Some(900))));
        let later = Change::Add { by: 3, expires_at_ms: Some(5_000) };
        assert_eq!(
            later.apply(first.as_ref(), 899),
            Some(number(5, Some(900))),
            "the end is that of the key"
        );
        assert_eq!(later.apply(first.as_ref(), 900), Some(number(3, Some(5_000))));
        let most = Some(number(i64::MAX, None));
        assert_eq!(later.apply(most.as_ref(), 0), most, "a sum that does not fit stays at the most");
    }
}
