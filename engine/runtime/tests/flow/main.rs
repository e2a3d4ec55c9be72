//! The way of deliveries through the running engine: what the contract says of "Sending", on a clock moved by hand.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking, and settings read best where they are used"
)]

mod again;
mod doubt;
mod erasures;
mod failing;
mod fairness;
mod golden;
mod leaps;
mod notifications;
mod operations;
mod order;
mod periods;
mod plugins;
mod retention;
mod retry;
mod rounds;
mod rules;
mod tracing;
mod world;
