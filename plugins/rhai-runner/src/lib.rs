//! Runs scripts inside the sandbox: rhai, compiled as a plugin.
//!
//! A script reads and decides through `lead`, `request`, `response`, `delivery`, `config` and `kv`. Its syntax tree
//! stays warm from one call to the next; nothing else does: each call has a fresh scope, and what is in sight is made
//! for it and dropped after it. Compiled natively, the crate meets a fake of the engine, so that all of it is tested
//! without wasm.

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod bindings;
#[cfg(target_family = "wasm")]
mod component;
mod ending;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
mod faults;
mod json;
mod kv;
mod lead;
mod names;
mod request;
mod response;
mod runner;
mod script;
mod sight;
mod words;
mod world;

pub use bindings::{
    exports::leadhook::script::parser::{Fault, Found},
    leadhook::plugin::types::{Body, Delivery, Failure, Judgement, Pair, Raw, Request, Response, Verdict},
};
pub use runner::Runner;
