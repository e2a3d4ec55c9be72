//! The courier against handlers on this machine that do everything a handler can do, right and wrong.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod addresses;
mod answers;
mod breaks;
mod fetches;
mod fixture;
mod hostile;
mod reuse;
mod tls;
