//! The one source of time: the system's clock in service, one moved by hand in tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use leadhook_core::time::Timestamp;
use tokio::sync::watch;

/// Tells the time and waits for it. Everything that is due by wall-clock time waits here.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Returns at or soon after `time`, at once when it has passed. May be dropped at any point.
    async fn sleep_until(&self, time: Timestamp);
    /// The share of the jitter that the next wait gets, from 0 to 1 (the contract, "Retry"): at random, unless a clock is
    /// to tell the same again.
    fn jitter(&self) -> f64 {
        rand::random()
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest wait without a look at the clock: it may have been set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, time: Timestamp) {
        loop {
            let left = time.0.saturating_sub(self.now().0);
            let Ok(left) = u64::try_from(left) else { return };
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
        }
    }
}

/// A clock that stands still until it is moved, so that a test passes a day in a moment.
#[derive(Debug)]
pub struct ManualClock {
    time: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// Stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { time: watch::Sender::new(start) }
    }

    /// Moves by this many milliseconds; back, when negative.
    pub fn advance(&self, milliseconds: i64) {
        self.time.send_modify(|time| *time = time.plus_ms(milliseconds));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.time.borrow()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let mut changes = self.time.subscribe();
        // The sender lives in `self`, so waiting cannot fail while this runs.
        let _ = changes.wait_for(|now| *now >= time).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_day_passes_when_the_clock_is_moved() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let waiter = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep_until(Timestamp(86_401_000)).await }
        });
        clock.advance(86_399_999);
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        clock.advance(1);
        waiter.await.unwrap();
    }

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        SystemClock.sleep_until(Timestamp(0)).await;
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
    }
}
