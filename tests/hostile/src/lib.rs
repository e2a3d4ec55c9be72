//! Peers that do everything a peer can do, right and wrong: each case with what an attempt to send to it must come to.
//!
//! A [`Peer`] follows a script of [`Step`]s on each connection and remembers what it saw and how much it could say.
//! [`cases`] holds the scripts that are hostile, each under a name, and [`each_case!`] lists the names, so that
//! whoever sends requests can run them all.
#![allow(clippy::unwrap_used, reason = "it speaks to tests, which end by panicking")]

mod authority;
pub mod cases;
mod names;
mod peer;

pub use authority::{Authority, self_signed};
pub use names::{Answers, NameServer};
pub use peer::{Peer, Seen, Step};
