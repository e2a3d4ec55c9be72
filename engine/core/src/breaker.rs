//! The circuit breaker of one webhook: when its handler keeps failing, attempts pause and one probe at a time asks again.
//!
//! Held in memory only: after a restart every handler is given the benefit of the doubt.

use crate::time::Timestamp;

/// This many failures in a row, over all leads of the webhook, open the circuit. One lead that its handler
/// always refuses does not: between its attempts other leads succeed.
pub const FAILURES_TO_OPEN: u32 = 5;
/// The first pause, in milliseconds: long enough for a restart of the handler.
pub const PAUSE_FIRST_MS: i64 = 10_000;
/// The longest pause, in milliseconds: five minutes, so that a handler which is back waits no longer.
/// Each probe that fails doubles the pause up to here.
pub const PAUSE_MAX_MS: i64 = 300_000;
/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Attempts go out as they fall due.
    Free,
    /// One attempt may go out if no other is under way; the oldest due delivery is it.
    Probe,
    /// Nothing is attempted or counted before this time, unless the circuit closes earlier.
    OpenUntil(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    Closed { failures: u32 },
    Open { until: Timestamp, pause_ms: i64 },
}

/// The circuit breaker of one webhook (the contract, "Fairness").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    circuit: Circuit,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// A closed circuit without failures.
    pub fn new() -> Self {
        Self { circuit: Circuit::Closed { failures: 0 } }
    }

    /// What may be done at `now`. After a [`Permit::Probe`] the caller lets no second attempt begin before the
    /// first ended; how many are under way is the caller's to know. A clock that was set back does not
    /// lengthen a pause.
    pub fn permits(&self, now: Timestamp) -> Permit {
        match self.circuit {
            Circuit::Closed { .. } => Permit::Free,
            Circuit::Open { until, pause_ms } if now < until && until <= now.plus_ms(pause_ms) => {
                Permit::OpenUntil(until)
            }
            Circuit::Open { .. } => Permit::Probe,
        }
    }

    /// An attempt succeeded: the circuit closes. `true`: it had been open, so the handler is back and its
    /// waiting retries should be brought forward. Single failures in between do not count as failing: the
    /// retries of a lead that its handler always refuses must keep their distance.
    pub fn succeeded(&mut self) -> bool {
        let was_open = !matches!(self.circuit, Circuit::Closed { .. });
        self.circuit = Circuit::Closed { failures: 0 };
        was_open
    }

    /// An attempt failed. During a pause this is one that began before it, and changes nothing. `true`: the
    /// circuit was closed and is open now.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        let permit = self.permits(now);
        match &mut self.circuit {
            Circuit::Closed { failures } => {
                *failures += 1;
                let opens = *failures >= FAILURES_TO_OPEN;
                if opens {
                    self.circuit =
                        Circuit::Open { until: now.plus_ms(PAUSE_FIRST_MS), pause_ms: PAUSE_FIRST_MS };
                }
                opens
            }
            Circuit::Open { until, pause_ms } => {
                if permit == Permit::Probe {
                    *pause_ms = (*pause_ms * 2).min(PAUSE_MAX_MS);
                    *until = now.plus_ms(*pause_ms);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened_at(now: Timestamp) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_in_between_begins_anew() {
        let now = Timestamp(1_000);
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES_TO_OPEN - 1 {
            breaker.failed(now);
            assert_eq!(breaker.permits(now), Permit::Free);
        }
        assert!(!breaker.succeeded(), "single failures are not a failing handler");
        for _ in 0..FAILURES_TO_OPEN - 1 {
            breaker.failed(now);
            assert_eq!(breaker.permits(now), Permit::Free);
        }
        assert!(breaker.failed(now), "the fifth opens it");
        assert_eq!(breaker.permits(now), Permit::OpenUntil(Timestamp(11_000)));
    }

    #[test]
    fn after_the_pause_a_probe_may_go_out_and_its_success_closes_the_circuit() {
        let mut breaker = opened_at(Timestamp(0));
        assert_eq!(breaker.permits(Timestamp(9_999)), Permit::OpenUntil(Timestamp(10_000)));
        assert_eq!(breaker.permits(Timestamp(10_000)), Permit::Probe);
        assert!(breaker.succeeded());
        assert_eq!(breaker.permits(Timestamp(10_002)), Permit::Free);
        assert!(!breaker.succeeded());
    }

    #[test]
    fn the_pause_doubles_with_each_failed_probe_up_to_five_minutes() {
        let mut breaker = opened_at(Timestamp(0));
        let mut now = Timestamp(0);
        let mut pauses_seconds = Vec::new();
        for _ in 0..8 {
            let Permit::OpenUntil(until) = breaker.permits(now) else { panic!("not open at {now:?}") };
            pauses_seconds.push((until.0 - now.0) / 1000);
            now = until;
            assert_eq!(breaker.permits(now), Permit::Probe);
            breaker.failed(now);
        }
        assert_eq!(pauses_seconds, [10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn failures_of_attempts_that_began_before_it_opened_do_not_lengthen_the_pause() {
        let mut breaker = opened_at(Timestamp(0));
        breaker.failed(Timestamp(5_000));
        assert_eq!(breaker.permits(Timestamp(10_000)), Permit::Probe);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lengthen_the_pause() {
        let breaker = opened_at(Timestamp(86_400_000));
        assert_eq!(breaker.permits(Timestamp(0)), Permit::Probe);
    }
}
