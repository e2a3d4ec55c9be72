//! The way of deliveries through the running engine: what the contract says of "Sending", on a clock moved by hand.

mod fairness;
mod order;
mod retry;
mod rules;
mod world;
