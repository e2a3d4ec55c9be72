//! What a call leaves behind: its result or an error record, what it used, its log and its dealings with state.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

use crate::{
    kv::KvUse,
    limits::{LOG_BYTES_MAX, LOG_LINES_MAX},
};

/// How a call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran<T> {
    /// What the plugin decided, or why it did not.
    pub result: Result<T, ErrorRecord>,
    /// What it used.
    pub usage: Usage,
    /// What it logged, also where it failed.
    pub log: Log,
    /// What it read and wrote of its state. Where the call failed, nothing is to be written, and no write is here.
    pub kv: KvUse,
    /// Whether it was made briefly and that was not enough: nothing of it counts, and it is to be made whole.
    pub(crate) is_cut_short: bool,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// About the number of wasm instructions.
    pub fuel: u64,
    /// The most bytes that linear memories and tables had together.
    pub memory_bytes_peak: u64,
    /// On the wall, from the call to its checked result.
    pub elapsed: Duration,
}

/// The ways in which a call can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The guest trapped: a panic, an abort, an unreachable instruction, a stack overflow, a bad access.
    Trap,
    /// It used up its fuel.
    Fuel,
    /// It was still running at its deadline.
    Deadline,
    /// It wanted more memory, or larger tables, than it may have.
    Memory,
    /// The delivery is larger than what may be handed in. No fault of the plugin.
    Input,
    /// It handed over more than it may.
    Output,
    /// What it returned, or asked of the host, is not legal.
    Contract,
    /// It says itself that it could not do its work.
    Failed,
    /// The sandbox could not run it. No fault of the plugin.
    Sandbox,
}

impl Kind {
    /// The word for it in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Input => "input",
            Self::Output => "output",
            Self::Contract => "contract",
            Self::Failed => "failed",
            Self::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call failed. Whoever records it adds plugin, version and delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// In which way.
    pub kind: Kind,
    /// What happened and what would help, for the webhook's owner. At most
    /// [`REASON_BYTES_MAX`](crate::REASON_BYTES_MAX) bytes.
    pub detail: String,
    /// The plugin's own code for it, where the kind is [`Kind::Failed`].
    pub code: Option<String>,
    /// What the plugin says about trying again, where the kind is [`Kind::Failed`].
    pub retryable: Option<bool>,
    /// The functions that were running, innermost first, as the wasm names them. At most
    /// [`FRAMES_MAX`](crate::FRAMES_MAX).
    pub frames: Vec<String>,
    /// The fuel used.
    pub fuel_used: u64,
    /// The most memory that it had.
    pub memory_bytes_peak: u64,
    /// The last lines of its log, at most [`LOG_TAIL_LINES_MAX`].
    pub log_tail: Vec<LogLine>,
}

impl fmt::Display for ErrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

/// The most lines of a log that an error record keeps.
pub const LOG_TAIL_LINES_MAX: usize = 10;

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "snake_case")]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For the author.
    #[component(name = "debug")]
    Debug,
    /// What was done.
    #[component(name = "info")]
    Info,
    /// Odd, but it went on.
    #[component(name = "warn")]
    Warn,
    /// It did not go on.
    #[component(name = "error")]
    Error,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What the plugin said.
    pub text: String,
}

/// What a call logged: at most [`LOG_LINES_MAX`] lines and [`LOG_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Log {
    /// The first lines, in order.
    pub lines: Vec<LogLine>,
    /// Whether there was more, which was dropped.
    pub cut: bool,
    bytes: usize,
}

impl Log {
    /// Adds a line, or the part of it that still fits.
    pub(crate) fn push(&mut self, level: Level, text: &str) {
        let left = LOG_BYTES_MAX - self.bytes;
        if self.lines.len() == LOG_LINES_MAX || (left == 0 && !text.is_empty()) {
            self.cut = true;
            return;
        }
        let kept = cut(text, left);
        self.cut |= kept.len() < text.len();
        self.bytes += kept.len();
        self.lines.push(LogLine { level, text: kept.to_owned() });
    }

    /// The last lines, for an error record.
    pub(crate) fn tail(&self) -> Vec<LogLine> {
        self.lines[self.lines.len().saturating_sub(LOG_TAIL_LINES_MAX)..].to_vec()
    }
}

/// The longest beginning of a text that has at most so many bytes and ends between two characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_ends_at_its_last_line_and_says_so() {
        let mut log = Log::default();
        for _ in 0..LOG_LINES_MAX {
            log.push(Level::Info, "");
        }
        assert!(!log.cut);
        log.push(Level::Info, "one more");
        assert_eq!((log.lines.len(), log.cut), (LOG_LINES_MAX, true));
        assert_eq!(log.tail().len(), LOG_TAIL_LINES_MAX);
    }

    #[test]
    fn a_log_ends_at_its_last_byte_and_between_two_characters() {
        let mut log = Log::default();
        log.push(Level::Info, &"a".repeat(LOG_BYTES_MAX - 1));
        log.push(Level::Info, "ж");
        assert_eq!(log.lines[1].text, "");
        assert!(log.cut);
    }
}
