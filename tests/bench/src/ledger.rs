//! The ledger of a run: for each lead when it was posted, acknowledged and received, all by one clock.

use std::{
    ops::Range,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::leads;

/// How long nothing may arrive until what is missing counts as lost. Longer than a first retry.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether all have arrived; arrivals carry their own times, so this measures nothing.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What became of one lead, in times since the ledger began.
#[derive(Default)]
pub(crate) struct Track {
    /// When its event was first posted.
    pub(crate) posted: OnceLock<Duration>,
    /// When the 202 was there.
    pub(crate) acknowledged: OnceLock<Duration>,
    /// When it first arrived at the receiver.
    pub(crate) arrived: OnceLock<Duration>,
}

/// What became of all leads of a run.
pub(crate) struct Ledger {
    began: Instant,
    tracks: Vec<Track>,
    arrived: AtomicUsize,
    doubled: AtomicUsize,
    unknown: AtomicUsize,
    bytes: AtomicU64,
}

impl Ledger {
    /// One for the leads with indices below `leads`.
    pub(crate) fn new(leads: usize) -> Self {
        Self {
            began: Instant::now(),
            tracks: std::iter::repeat_with(Track::default).take(leads).collect(),
            arrived: AtomicUsize::new(0),
            doubled: AtomicUsize::new(0),
            unknown: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Writes down that a lead's event is being posted; a repeat of it changes nothing.
    pub(crate) fn posted(&self, index: usize) {
        let _ = self.tracks[index].posted.set(self.began.elapsed());
    }

    /// Writes down that a lead's event was acknowledged.
    pub(crate) fn acknowledged(&self, index: usize) {
        let _ = self.tracks[index].acknowledged.set(self.began.elapsed());
    }

    /// Writes down what the receiver got.
    pub(crate) fn received(&self, body: &[u8]) {
        let at = self.began.elapsed();
        let track = leads::index_in(body).and_then(|index| self.tracks.get(index));
        let counter = match track.map(|track| track.arrived.set(at)) {
            None => &self.unknown,
            Some(Err(_)) => &self.doubled,
            Some(Ok(())) => {
                self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
                &self.arrived
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until `count` leads have arrived in all, or nothing has arrived for half a minute.
    pub(crate) async fn wait_for(&self, count: usize) {
        let (mut seen, mut since) = (self.arrived(), Instant::now());
        while seen < count && since.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.arrived();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }

    /// The tracks of some leads.
    pub(crate) fn tracks(&self, leads: Range<usize>) -> &[Track] {
        &self.tracks[leads]
    }

    /// How many leads have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }

    /// How many requests brought a lead that had arrived before.
    pub(crate) fn doubled(&self) -> usize {
        self.doubled.load(Ordering::Relaxed)
    }

    /// How many requests were about no lead of this run.
    pub(crate) fn unknown(&self) -> usize {
        self.unknown.load(Ordering::Relaxed)
    }

    /// The mean size of the bodies that arrived, in bytes.
    pub(crate) fn body_bytes_mean(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) / (self.arrived() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_arrivals_doubles_and_strangers_are_told_apart() {
        let ledger = Ledger::new(2);
        let bodies = ["id=1500000000000000000", "id=1500000000000000001", "id=1500000000000000001", "id=7"];
        for body in bodies {
            ledger.received(body.as_bytes());
        }
        ledger.received(b"id=1500000000000000002");
        assert_eq!((ledger.arrived(), ledger.doubled(), ledger.unknown()), (2, 1, 2));
        assert_eq!(ledger.body_bytes_mean(), bodies[0].len() as u64);
        ledger.wait_for(2).await;
    }
}
