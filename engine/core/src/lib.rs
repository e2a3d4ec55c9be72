//! leadhook-core: every decision about a lead, its webhooks and deliveries, and nothing else.
//!
//! Pure functions over plain data. There is no tokio, hyper, redb, clock, randomness or file here:
//! `now` and entropy are arguments. The modules stand in the order in which a lead passes them.

// How things are named, and what is wrong with them
pub mod time;
pub mod id;
pub mod fault;
pub mod read;
// What comes in
pub mod catalogue;
pub mod fact;
pub mod visit;
pub mod event;
pub mod lead;
pub mod phone;
// What customers set
pub mod address;
pub mod site;
pub mod webhook;
pub mod settings;
// What an accepted event changes, and which deliveries it makes owed
pub mod qualify;
pub mod accept;
// What is sent
pub mod delivery;
pub mod attribution;
pub mod parameter;
pub mod filter;
pub mod encode;
pub mod render;
pub mod preview;
// What happened, and what follows
pub mod sign;
pub mod outcome;
pub mod retry;
pub mod breaker;
// What people read
pub mod reference;
