//! What has grown old goes by itself, at a quiet pace: a few rows at a time, and after each day a minute of rest.
//!
//! The rest is by the engine's clock. A clock that was set far ahead by mistake thus costs a few days and not all.

use std::{sync::Arc, time::Duration};

use leadhook_core::time::{MINUTE_MS, Timestamp};
use leadhook_store::{Result, RetentionPlace, RetentionStep};
use tokio_util::sync::CancellationToken;

use crate::engine::Shared;

/// The pause between two steps, so that events are not held up.
const REST: Duration = Duration::from_millis(20);
/// The rest after a day, and after a failure of the store.
const DAY_REST_MS: i64 = MINUTE_MS;
/// How long until it is looked again whether something has grown old.
const LOOK_AGAIN_MS: i64 = 60 * MINUTE_MS;

/// Removes what has grown old, until stopped.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut place = RetentionPlace::default();
    while !stop.is_cancelled() {
        let pause = match step(&shared, place).await {
            Ok(Some(RetentionStep { next, day_ended, .. })) => {
                place = next;
                if day_ended { Pause::Until(DAY_REST_MS) } else { Pause::Short }
            }
            Ok(None) => {
                place = RetentionPlace::default();
                Pause::Until(LOOK_AGAIN_MS)
            }
            Err(error) => {
                tracing::warn!(%error, "what has grown old waits for the store");
                Pause::Until(DAY_REST_MS)
            }
        };
        let until = |ms| Timestamp(shared.clock.now().0.saturating_add(ms));
        tokio::select! {
            () = stop.cancelled() => return,
            () = async {
                match pause {
                    Pause::Short => tokio::time::sleep(REST).await,
                    Pause::Until(ms) => shared.clock.sleep_until(until(ms)).await,
                }
            } => {}
        }
    }
}

enum Pause {
    /// Whatever the clock says.
    Short,
    /// So many milliseconds by the clock.
    Until(i64),
}

async fn step(shared: &Shared, place: RetentionPlace) -> Result<Option<RetentionStep>> {
    let keep = shared.limits().retention;
    let step = shared.store.step_retention(keep, place, shared.clock.now()).await?;
    if let Some(RetentionStep { rows, day_ended: true, .. }) = step {
        tracing::info!(what = ?place.what, rows, "a day has grown old");
    }
    Ok(step)
}
