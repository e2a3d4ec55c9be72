//! The harness of the tests over the real binary: an engine to start and kill, receivers that behave as scripted, and waiting on conditions.
//!
//! Nothing here sleeps for a time that a test hopes to be long enough: a test waits until something is
//! so, at most [`PATIENCE`], and a wait in vain panics with what was there instead. A receiver that has
//! to be slow is slow until its [`Gate`] opens.
#![allow(clippy::panic, reason = "it speaks to tests, which end by panicking")]

mod answer;
mod api;
mod binary;
mod engine;
mod process;
mod program;
mod received;
mod receiver;
mod wait;
mod wire;

pub use answer::{Answer, Gate};
pub use api::ApiAnswer;
pub use engine::{Engine, Setup};
pub use program::{Ended, Program};
pub use received::Received;
pub use receiver::Receiver;
pub use wait::{PATIENCE, wait_until};
