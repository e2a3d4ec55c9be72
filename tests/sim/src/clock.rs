//! The simulated clock: the time that tokio simulates, and how far the wall clock was set from it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::time::Timestamp;
use leadhook_runtime::clock::Clock;
use tokio::time::Instant;

use crate::dice::Dice;

/// The longest wait without a look at the wall clock, as with the system's clock.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The wall clock of one life of the engine. Time passes only while everybody waits.
#[derive(Debug)]
pub(crate) struct SimClock {
    began: Instant,
    /// How much time had passed in the lives before, in milliseconds.
    passed_before: i64,
    /// What the wall clock told at the very beginning, and how far it was set since, in milliseconds.
    set_to: AtomicI64,
    dice: std::sync::Mutex<Dice>,
    /// Whether it forgets to look again after it was set: a deliberate mistake.
    is_deaf: bool,
}

impl SimClock {
    pub(crate) fn new(passed_before: i64, set_to: i64, dice: Dice, is_deaf: bool) -> Self {
        let (set_to, dice) = (AtomicI64::new(set_to), std::sync::Mutex::new(dice));
        Self { began: Instant::now(), passed_before, set_to, dice, is_deaf }
    }

    /// How much time has passed in all lives, in milliseconds, however the wall clock was set.
    pub(crate) fn passed(&self) -> i64 {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.passed_before.saturating_add(passed)
    }

    /// Sets the wall clock by this many milliseconds; back, when negative.
    pub(crate) fn set_by(&self, milliseconds: i64) {
        self.set_to.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// How far the wall clock was set from the time that has passed.
    pub(crate) fn set_to(&self) -> i64 {
        self.set_to.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.set_to().saturating_add(self.passed()))
    }

    async fn sleep_until(&self, time: Timestamp) {
        loop {
            let left = time.0.saturating_sub(self.now().0);
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return };
            let left = Duration::from_millis(left);
            tokio::time::sleep(if self.is_deaf { left } else { left.min(LOOK_AGAIN) }).await;
        }
    }

    fn jitter(&self) -> f64 {
        let mut dice = self.dice.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        dice.below(1_000) as f64 / 1_000.0
    }
}
