//! leadhook-sandbox: runs customers' own code, wasm plugins and scripts, behind one door and one set of limits.
//!
//! What holds here:
//! - A guest sees what its [`Call`] gives it and nothing else: no files, network, clock, randomness or environment.
//!   With the same call it decides the same, so a delivery can be replayed.
//! - Every call is bounded in fuel, time, memory, stack, input, output and log. Each limit, and every trap, ends in
//!   an [`ErrorRecord`] of its own kind. What a guest does wrong is never an `Err` and never stops the process.
//! - What comes out was checked like any input from outside: what is sent on can be put on the wire, and no header
//!   of the engine's own is among it. Whether its host may be reached is asked by whoever sends.
//! - A call that failed has written nothing; the writes of the others are handed out, not made.
//! - A plugin gets a fresh instance for each call. A script's instance may be kept for the next call with the same
//!   account, webhook and script, and for no other; a call that failed ends it.
//! - Compiled code from disk is run only under a sum over all of it, for this very engine and wasm.
//!
//! What is absent: WASI, threads, garbage collection, exceptions, 64-bit memories and async in guests; a queue, a
//! retry and a breaker in the host.

mod brief;
mod cache;
mod call;
pub mod chain;
mod compile;
mod contract;
mod exchange;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod host;
mod inspect;
mod kv;
mod limits;
mod machine;
mod places;
mod plugin;
mod record;
mod refusal;
mod sandbox;
mod script;
mod ticker;
mod warm;

use std::io;

pub use call::{Call, Keep};
pub use compile::{Compile, compile_as_child};
pub use exchange::{Body, Delivery, Draft, Judgement, Pair, Raw, Response, Verdict};
pub use inspect::{Exports, INTERFACE, Inspected};
pub use kv::{Kv, KvUse, NoState};
pub use leadhook_core::plugin::{Change, Stored};
pub use limits::{
    FRAMES_MAX, HAND_OVER_BYTES_MAX, HEADERS_MAX, KEY_BYTES_MAX, LOG_BYTES_MAX, LOG_LINES_MAX, Limits,
    READS_MAX, REASON_BYTES_MAX, SCRIPT_BYTES_MAX, STACK_BYTES, STATE_BYTES_MAX, VALUE_BYTES_MAX,
    WASM_BYTES_MAX, WRITES_MAX,
};
pub use plugin::{Plugin, Runner};
pub use record::{ErrorRecord, Kind, LOG_TAIL_LINES_MAX, Level, Log, LogLine, Ran, Usage};
pub use refusal::Refusal;
pub use sandbox::{Options, Sandbox};

/// Why the sandbox could not do its part, or would not take an upload.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The upload is at fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The wasm engine cannot be made.
    #[error("the wasm engine cannot be made")]
    MakeEngine(#[source] wasmtime::Error),
    /// The thread by which deadlines are counted cannot be started.
    #[error("the thread that counts deadlines cannot be started")]
    StartTicker(#[source] io::Error),
    /// The folder of compiled code cannot be made.
    #[error("the folder of compiled code cannot be made")]
    OpenCache(#[source] io::Error),
    /// The child that compiles cannot be started.
    #[error("the compiling child cannot be started")]
    StartCompiler(#[source] io::Error),
    /// The compiling child cannot bound itself.
    #[error("the compiling child cannot limit its memory and time")]
    LimitCompiler(#[source] io::Error),
    /// What parent and child say to each other does not arrive.
    #[error("the compiling child and its parent lost each other")]
    TalkToCompiler(#[source] io::Error),
}
