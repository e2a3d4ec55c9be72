//! What the tracks of a phase's leads say: rates, latencies, losses.

use std::time::Duration;

use serde::Serialize;

use crate::ledger::Track;

/// One phase of a run, measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Phase {
    /// How many events were acknowledged.
    pub(crate) events: usize,
    /// How many of them never arrived.
    pub(crate) lost: usize,
    /// Events over the time from the first posting to the last 202.
    pub(crate) accepted_per_second: f64,
    /// Arrivals over the time from the first posting to the last first arrival.
    pub(crate) delivered_per_second: f64,
    /// From a posting to its 202.
    pub(crate) answer: Spread,
    /// From a 202 to the arrival; none where a lead arrived before its 202 did.
    pub(crate) arrival: Spread,
}

/// How a latency is spread, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Half are not above it.
    pub(crate) p50_ms: f64,
    /// 99 of 100 are not above it.
    pub(crate) p99_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
}

impl Phase {
    /// What these tracks say.
    pub(crate) fn of(tracks: &[Track]) -> Self {
        let times = |pick: fn(&Track) -> Option<Duration>| -> Vec<Duration> {
            tracks.iter().filter_map(pick).collect()
        };
        let posted = times(|track| track.posted.get().copied());
        let acknowledged = times(|track| track.acknowledged.get().copied());
        let arrived = times(|track| track.arrived.get().copied());
        let first = posted.iter().min().copied().unwrap_or_default();
        let rate = |ends: &[Duration]| {
            let seconds = ends.iter().max().map_or(0.0, |last| last.saturating_sub(first).as_secs_f64());
            if seconds > 0.0 { ends.len() as f64 / seconds } else { 0.0 }
        };
        let is_lost = |track: &&Track| track.acknowledged.get().is_some() && track.arrived.get().is_none();
        Self {
            events: acknowledged.len(),
            lost: tracks.iter().filter(is_lost).count(),
            accepted_per_second: rate(&acknowledged),
            delivered_per_second: rate(&arrived),
            answer: Spread::of(times(|track| {
                Some(track.acknowledged.get()?.saturating_sub(*track.posted.get()?))
            })),
            arrival: Spread::of(times(|track| {
                Some(track.arrived.get()?.saturating_sub(*track.acknowledged.get()?))
            })),
        }
    }
}

impl Spread {
    /// The spread of these, by nearest rank.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            latencies.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
        };
        Self { p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(posted: u64, acknowledged: Option<u64>, arrived: Option<u64>) -> Track {
        let cell = |ms: Option<u64>| ms.map(Duration::from_millis).map(Into::into).unwrap_or_default();
        Track { posted: cell(Some(posted)), acknowledged: cell(acknowledged), arrived: cell(arrived) }
    }

    #[test]
    fn rates_count_from_the_first_posting() {
        let phase = Phase::of(&[
            track(1_000, Some(1_100), Some(1_150)),
            track(1_000, Some(1_200), Some(1_190)),
            track(1_100, Some(1_500), Some(3_000)),
            track(1_200, Some(1_400), None),
            track(1_200, None, None),
        ]);
        assert_eq!((phase.events, phase.lost), (4, 1));
        assert!((phase.accepted_per_second - 8.0).abs() < 1e-9, "{phase:?}");
        assert!((phase.delivered_per_second - 1.5).abs() < 1e-9, "{phase:?}");
        assert_eq!(phase.arrival, Spread { p50_ms: 50.0, p99_ms: 1_500.0, max_ms: 1_500.0 });
        assert_eq!(phase.answer, Spread { p50_ms: 200.0, p99_ms: 400.0, max_ms: 400.0 });
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(Spread::of(hundred), Spread { p50_ms: 100.0, p99_ms: 198.0, max_ms: 200.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
