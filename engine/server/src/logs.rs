//! The log: to standard error, as text or JSON. Phones, keys and query strings are never in it; who logs sees to that.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// A line of words.
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads `text` or `json`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`".to_owned()),
        }
    }
}

/// The words for levels, the quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads what is to be logged: a level, or levels by part, separated by commas.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    // A word that is no level would name a part and turn everything else off.
    match text.split(',').map(str::trim).find(|part| !part.contains('=') && !is_level(part)) {
        Some(part) => Err(format!("`{part}` is not one of `{}`", LEVELS.join("`, `"))),
        None => EnvFilter::builder().parse(text).map_err(|error| error.to_string()),
    }
}

/// Changes what is logged while the process runs.
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// From now on what this filter says. Where the log is none of this process's, nothing changes.
    pub(crate) fn change(&self, filter: EnvFilter) {
        // Fails only where the log has ended.
        let _ = self.0.reload(filter);
    }
}

/// Begins logging what [`filter`] makes of `level`. Done once in a process; a second time changes nothing.
pub(crate) fn start(format: LogFormat, level: &str) -> LogLevel {
    let (filter, handle) = reload::Layer::new(filter(level).unwrap_or_default());
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only where a log was begun already.
    let _ = match format {
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
            registry.with(layer).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
        }
    };
    LogLevel(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_for_all_and_by_part() {
        for good in ["info", "WARN", "off", "info,leadhook_store=debug", "leadhook=trace, warn"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "infoo", "info,leadhook", "leadhook=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
