//! What the engine gives to a plugin besides its arguments: configuration, secrets, the time, numbers and a log.

use serde::de::DeserializeOwned;

use crate::verdict::Failure;

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever develops the plugin.
    Debug,
    /// What happened.
    Info,
    /// What somebody may want to look at.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes a line to the delivery's log; the macros [`crate::info!`] and its like format one. Beyond 100 lines or
/// 16 KiB lines are dropped and the cut is marked.
pub fn log(level: Level, line: &str) {
    crate::wire::log(level, line);
}

/// The link's configuration. With `#[serde(deny_unknown_fields)]` on the type, a wrong key is refused by name;
/// with `#[serde(default)]`, a link without configuration gives the defaults.
///
/// # Errors
/// `bad_config` when it does not fit the type.
pub fn config<T: DeserializeOwned>() -> Result<T, Failure> {
    serde_json::from_str(&crate::wire::config())
        .map_err(|error| Failure::lasting("bad_config", error.to_string()))
}

/// A secret that the link's settings name in `secrets`.
///
/// # Errors
/// `no_secret` when they do not, or the account has none of this name.
pub fn secret(name: &str) -> Result<String, Failure> {
    crate::wire::secret(name).ok_or_else(|| {
        let detail = ["the secret `", name, "` is not given: name it in the link's `secrets`"];
        Failure::lasting("no_secret", detail.concat())
    })
}

/// The time of the rendering in Unix milliseconds. It stands still during a call, so that a delivery can be replayed.
pub fn now_ms() -> u64 {
    crate::wire::now_ms()
}

/// A number seeded by the delivery's id: the same in each replay. Not for keys or secrets.
pub fn random() -> u64 {
    crate::wire::random()
}

/// Writes a formatted line to the delivery's log, for whoever develops the plugin.
#[macro_export]
macro_rules! debug {
    ($($part:tt)*) => { $crate::host::log($crate::host::Level::Debug, &::std::format!($($part)*)) };
}

/// Writes a formatted line about what happened to the delivery's log.
#[macro_export]
macro_rules! info {
    ($($part:tt)*) => { $crate::host::log($crate::host::Level::Info, &::std::format!($($part)*)) };
}

/// Writes a formatted line to the delivery's log that somebody may want to look at.
#[macro_export]
macro_rules! warn {
    ($($part:tt)*) => { $crate::host::log($crate::host::Level::Warn, &::std::format!($($part)*)) };
}

/// Writes a formatted line about what went wrong to the delivery's log.
#[macro_export]
macro_rules! error {
    ($($part:tt)*) => { $crate::host::log($crate::host::Level::Error, &::std::format!($($part)*)) };
}
