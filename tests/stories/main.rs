//! What the contract promises, told as stories over the real binary: one file for each promise.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod accounts;
mod again;
mod any_request;
mod apply;
mod bad_events;
mod bad_handlers;
mod bad_settings;
mod by_hand;
mod commands;
mod copied;
mod crash;
mod demo;
mod enrichment;
mod erasure;
mod fairness;
#[cfg(target_os = "linux")]
mod full_disk;
mod languages;
mod operate;
mod order;
mod oversize;
mod periods;
mod plugins;
mod preview;
mod recordings;
mod relay;
mod reload;
mod restart;
mod retry;
mod secrecy;
mod signatures;
#[cfg(target_os = "linux")]
mod torture;
mod tour;
mod tracing;
mod upkeep;
mod watching;
mod world;
