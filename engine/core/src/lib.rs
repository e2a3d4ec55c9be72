//! leadhook-core: every decision about a lead, its webhooks and deliveries, and nothing else.
//!
//! Pure functions over plain data. There is no tokio, hyper, redb, clock, randomness or file here:
//! `now` and entropy are arguments. The modules stand in the order in which a lead passes them.

// What comes in
pub mod catalogue;
pub mod event;
pub mod fact;
pub mod fault;
pub mod id;
pub mod lead;
pub mod read;
pub mod time;
pub mod visit;
// What customers set
pub mod site;
pub mod webhook;
// What is owed, and what happened
pub mod delivery;
pub mod outcome;
