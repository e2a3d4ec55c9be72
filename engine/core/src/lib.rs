//! leadhook-core: every decision about a lead, its webhooks and deliveries, and nothing else.
//!
//! Pure functions over plain data. There is no tokio, hyper, redb, clock, randomness or file here:
//! `now` and entropy are arguments. The modules stand in the order in which a lead passes them.

// How things are named, and what is wrong with them
pub mod fault;
pub mod id;
pub mod json;
pub mod read;
pub mod time;
// What comes in
pub mod catalogue;
pub mod event;
pub mod extra;
pub mod fact;
pub mod lead;
pub mod phone;
pub mod relay;
pub mod visit;
// What customers are and set
pub mod account;
pub mod address;
pub mod audit;
pub mod settings;
pub mod site;
pub mod webhook;
// What an accepted event changes, and which deliveries it makes owed
pub mod accept;
pub mod qualify;
pub mod rehearse;
// What is sent
pub mod attribution;
pub mod city;
pub mod delivery;
pub mod encode;
pub mod filter;
mod lead_json;
pub mod parameter;
pub mod preview;
pub mod render;
// What happened, and what follows
pub mod breaker;
pub mod erasure;
pub mod notification;
pub mod operations;
pub mod outcome;
pub mod plugin;
pub mod replay;
pub mod resend;
pub mod retention;
pub mod retry;
pub mod sign;
// What people read
pub mod reference;
