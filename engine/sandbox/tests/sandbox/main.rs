//! The sandbox from outside: what guests can do, what they cannot, and what is left after they tried.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod brief;
mod contract;
mod guest;
mod replay;
mod smith;
mod state;
mod torture;
mod upload;
mod warm;
