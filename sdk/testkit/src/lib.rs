//! leadhook-testkit: tries plugins and scripts as the engine runs them, without a server and without a network.
//!
//! The plugin runs in the engine's own sandbox, under its limits; requests are rendered and encoded by the engine's
//! own code. What differs: the time is that of the events or the fixture, nothing is sent, every sending counts as
//! delivered, and a call has a second instead of 50 ms, so that a busy machine changes no result. Fuel, the measure
//! that is the same everywhere, is limited as in the engine.
//!
//! A whole webhook, in a test of a crate that builds a plugin:
//!
//! ```no_run
//! use leadhook_testkit::Kit;
//! use serde_json::json;
//!
//! let wasm = std::fs::read("target/wasm32-unknown-unknown/release/add_city.wasm")?;
//! let kit = Kit::new()?.plugin("add-city", &wasm)?;
//! let settings = json!({"url": "https://crm.example/hook", "transform": [{"plugin": "add-city"}]});
//! let event = json!({"type": "call.ended", "site": "60001", "lead": {"type": "call", "id": "1"},
//!     "time": "2026-03-02T09:45:03Z", "data": {"callerphone": "79990000001", "duration": 60, "city": "Тула"}});
//! let came = kit.deliver(&settings, &[event])?;
//! assert_eq!(came[0].sent().expect("it is sent").field("town").as_deref(), Some("Тула"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`check_folder`] runs folders of fixtures, [`Sample::play`] one link over one delivery. Scripts need the runner,
//! which comes with the engine; a crate that tests scripts gives it to [`Kit::runner`], and `leadhook plugin test`
//! brings it along.

mod difference;
mod fixture;
mod kit;
mod pipeline;
mod sample;
mod sight;
mod written;

use std::{io, path::PathBuf};

use leadhook_core::fault::Faults;
use leadhook_sandbox::SandboxError;

pub use {
    difference::{Difference, differences},
    fixture::{Checked, Fate, Fixture, check_folder},
    kit::{Kit, is_wasm},
    pipeline::{Came, End, Sent},
    sample::{Given, Played, Sample},
    written::{read_request, read_response, write_request},
};

/// Why something could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// The sandbox would not take the plugin, or cannot run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A script was given, and nothing to run it.
    #[error("a script needs the script runner; give its wasm to `Kit::runner`")]
    NoRunner,
    /// A script is no text.
    #[error("neither wasm nor a script: it does not begin with \\0asm, and is not UTF-8")]
    NotText,
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder has no fixture in it.
    #[error("{0} has no fixtures: make a folder in it with lead.json and expected.json")]
    NoFixtures(PathBuf),
    /// A file of a fixture does not hold what it should.
    #[error("{file}: {detail}")]
    Format {
        /// The file's name.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// The webhook's settings cannot be used.
    #[error("the settings cannot be used: {0}")]
    Settings(Faults),
    /// An event, or all of them, cannot be used.
    #[error("the events cannot be used: {0}")]
    Events(Faults),
    /// The settings name a plugin that the kit does not have.
    #[error("the settings name the plugin `{0}`, which the kit does not have; add it with `Kit::plugin`")]
    UnknownPlugin(String),
    /// The settings name a secret that the kit does not have.
    #[error("the settings name the secret `{0}`, which the kit does not have; add it with `Kit::secret`")]
    UnknownSecret(String),
}

impl TestkitError {
    pub(crate) fn format(file: &str, detail: impl Into<String>) -> Self {
        Self::Format { file: file.to_owned(), detail: detail.into() }
    }
}
