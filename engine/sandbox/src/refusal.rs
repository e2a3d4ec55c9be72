//! Why an uploaded module or script is not taken, in words for its author.

use crate::inspect::INTERFACE;

/// Why an uploaded module or script is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is larger than what is taken.
    #[error("it has {bytes} bytes; at most {bytes_max} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It is no valid wasm, or uses what this engine does not have.
    #[error("it is no valid wasm: {detail}")]
    NotWasm {
        /// What is wrong, and where.
        detail: String,
    },
    /// It is wasm, but no plugin.
    #[error("it is no plugin: {detail}")]
    NotAPlugin {
        /// What is wrong.
        detail: String,
    },
    /// It wants something of the host that plugins are not given.
    #[error(
        "it imports `{name}`, which no plugin is given; only leadhook:plugin/host and /kv are. \
         Build it for wasm32-unknown-unknown, without WASI"
    )]
    Import {
        /// The interface.
        name: String,
    },
    /// It is for another version of the interface.
    #[error(
        "it is built for leadhook:plugin@{built_for}; this engine supports 1.x up to {INTERFACE}, missing {}",
        in_words(missing)
    )]
    Version {
        /// The version that it is for.
        built_for: String,
        /// What of it this engine does not have, as `host.log`.
        missing: Vec<String>,
    },
    /// It exports none of the three interfaces.
    #[error(
        "it exports none of leadhook:plugin/filter, /transform and /receipt, so it could never be called"
    )]
    NoExports,
    /// A function has another type than in the interface.
    #[error("its interface is not leadhook:plugin@{INTERFACE}: {detail}")]
    Interface {
        /// Which, and how it differs.
        detail: String,
    },
    /// It begins with more memory than any plugin may have.
    #[error("it begins with {bytes} bytes of memory; at most {bytes_max} are given")]
    Memory {
        /// What it begins with.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// It cannot be compiled.
    #[error("it cannot be compiled: {detail}")]
    Compile {
        /// What the compiler says.
        detail: String,
    },
    /// Compiling it takes too long.
    #[error("compiling it took over {seconds} s; split its large functions, or leave out what is not needed")]
    CompileSlow {
        /// The limit.
        seconds: u64,
    },
    /// Compiling it takes too much memory.
    #[error("compiling it needs more than {bytes_max} bytes of memory; split its large functions")]
    CompileHungry {
        /// The limit.
        bytes_max: u64,
    },
    /// It cannot be instantiated even with the largest limits.
    #[error("it cannot be started: {detail}")]
    Start {
        /// Why.
        detail: String,
    },
    /// The script is wrong at this place.
    #[error("line {line}, column {column}: {detail}")]
    Script {
        /// Counted from 1; 0 where there is none.
        line: u32,
        /// Counted from 1; 0 where there is none.
        column: u32,
        /// What is wrong.
        detail: String,
    },
    /// The script could not be read within a plugin's largest limits.
    #[error("the script cannot be read: {detail}")]
    ScriptUnreadable {
        /// Why.
        detail: String,
    },
}

impl Refusal {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotWasm { .. } => "not_wasm",
            Self::NotAPlugin { .. } => "not_a_plugin",
            Self::Import { .. } => "unknown_import",
            Self::Version { .. } => "interface_version",
            Self::NoExports => "no_exports",
            Self::Interface { .. } => "interface_differs",
            Self::Memory { .. } => "memory",
            Self::Compile { .. } => "not_compiled",
            Self::CompileSlow { .. } => "compile_slow",
            Self::CompileHungry { .. } => "compile_hungry",
            Self::Start { .. } => "not_started",
            Self::Script { .. } => "bad_script",
            Self::ScriptUnreadable { .. } => "script_unreadable",
        }
    }

    /// Line and column, where a place in a script is meant.
    pub fn position(&self) -> Option<(u32, u32)> {
        match self {
            Self::Script { line, column, .. } => Some((*line, *column)),
            _ => None,
        }
    }
}

fn in_words(missing: &[String]) -> String {
    match missing {
        [] => "nothing that it uses by name: build it again for that version".to_owned(),
        names => names.join(", "),
    }
}
