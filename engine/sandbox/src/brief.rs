//! Calls in place: made on a thread that serves others, within limits so tight that nobody there waits for long.
//!
//! What does not fit is thrown away and made again with the call's own limits, where it may block. A plugin for which
//! that happened, or whose calls show that it would, is not tried in place again for a while.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    kv::{Kv, KvUse},
    limits::Limits,
    record::{Kind, Usage},
};

use leadhook_core::plugin::Stored;

/// How much a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What its limits say. It may wait, for a place and for its state.
    Whole,
    /// No more than fits in place, and without waiting.
    Brief,
}

/// The fuel of a brief call: a fraction of a millisecond.
const FUEL_MAX: u64 = 1_000_000;
/// The deadline of a brief call, in milliseconds, for what takes long without using fuel.
const DEADLINE_MS_MAX: u64 = 5;
/// The memory of a brief call, in bytes: to make more of it ready, and to clean it, takes long without using fuel.
const MEMORY_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most links of a chain that passes in place.
pub(crate) const LINKS_MAX: usize = 3;
/// How many calls of a plugin are made whole, after one that was too much, before it is tried in place again.
const REST_CALLS: u32 = 64;

impl Reach {
    /// What a call with these limits may use.
    pub(crate) fn within(self, limits: Limits) -> Limits {
        match self {
            Self::Whole => limits,
            Self::Brief => Limits {
                fuel: limits.fuel.min(FUEL_MAX),
                deadline_ms: limits.deadline_ms.min(DEADLINE_MS_MAX),
                memory_bytes: limits.memory_bytes.min(MEMORY_BYTES_MAX),
                ..limits
            },
        }
    }

    /// Whether a failure says only that the call was brief: with all that its limits allow it may end otherwise.
    pub(crate) fn cut_short(self, limits: &Limits, kind: Kind) -> bool {
        let within = self.within(*limits);
        self == Self::Brief
            && match kind {
                Kind::Fuel => within.fuel < limits.fuel,
                Kind::Memory => within.memory_bytes < limits.memory_bytes,
                Kind::Deadline | Kind::Sandbox => true,
                Kind::Trap | Kind::Input | Kind::Output | Kind::Contract | Kind::Failed => false,
            }
    }
}

/// State that a brief call does not wait for.
pub(crate) struct Elsewhere;

impl Kv for Elsewhere {
    fn read(&self, _: &str) -> Result<Option<Stored>, String> {
        Err("it is not read in place".to_owned())
    }
}

/// What a version's last calls say about the next: how many are to be made whole before one is tried in place.
pub(crate) struct Pace {
    rest_calls: AtomicU32,
}

impl Pace {
    /// Of a plugin that was not called yet: its first call, which touches all for the first time, is made whole.
    pub(crate) fn new() -> Self {
        Self { rest_calls: AtomicU32::new(1) }
    }

    /// Whether the next call may be tried in place.
    pub(crate) fn is_quick(&self) -> bool {
        self.rest_calls.load(Ordering::Relaxed) == 0
    }

    /// Learns from a call. Calls side by side may be counted as one, which only lets the plugin rest longer.
    pub(crate) fn note(&self, usage: &Usage, used: &KvUse, is_cut_short: bool) {
        let fits =
            usage.fuel <= FUEL_MAX && usage.memory_bytes_peak <= MEMORY_BYTES_MAX && used.reads.is_empty();
        let rest_calls = match fits && !is_cut_short {
            true => self.rest_calls.load(Ordering::Relaxed).saturating_sub(1),
            false => REST_CALLS,
        };
        self.rest_calls.store(rest_calls, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(pace: &Pace, fuel: u64) {
        pace.note(&Usage { fuel, ..Usage::default() }, &KvUse::default(), false);
    }

    #[test]
    fn a_plugin_is_tried_in_place_once_its_calls_were_seen_to_fit() {
        let pace = Pace::new();
        assert!(!pace.is_quick());
        noted(&pace, FUEL_MAX);
        assert!(pace.is_quick());
        noted(&pace, FUEL_MAX + 1);
        for _ in 0..REST_CALLS {
            assert!(!pace.is_quick());
            noted(&pace, 1);
        }
        assert!(pace.is_quick());
    }

    #[test]
    fn one_that_reads_state_or_was_cut_short_rests() {
        let reads = KvUse { reads: vec![("a".to_owned(), None)], writes: Vec::new() };
        for (used, is_cut_short) in [(reads, false), (KvUse::default(), true)] {
            let pace = Pace::new();
            noted(&pace, 1);
            pace.note(&Usage::default(), &used, is_cut_short);
            assert!(!pace.is_quick());
        }
    }

    #[test]
    fn limits_that_are_tighter_than_brief_ones_are_the_calls_own() {
        let tight = Limits { fuel: 1_000, memory_bytes: 1_000, ..Limits::DEFAULT };
        for (kind, of_default, of_tight) in [
            (Kind::Fuel, true, false),
            (Kind::Memory, true, false),
            (Kind::Deadline, true, true),
            (Kind::Sandbox, true, true),
            (Kind::Trap, false, false),
            (Kind::Contract, false, false),
        ] {
            assert_eq!(Reach::Brief.cut_short(&Limits::DEFAULT, kind), of_default, "{kind}");
            assert_eq!(Reach::Brief.cut_short(&tight, kind), of_tight, "{kind}");
            assert!(!Reach::Whole.cut_short(&Limits::DEFAULT, kind), "{kind}");
        }
    }
}
