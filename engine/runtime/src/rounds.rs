//! Rounds through what is open: at the start and a few times a day it is seen to that all of it falls due. What is found by
//! rows that a flipped bit changed would else wait for ever, and nobody would be told.
//!
//! A round takes its time: a million deliveries take an hour, and a few thousandths of a processor.

use std::{sync::Arc, time::Duration};

use leadhook_core::time::MINUTE_MS;
use leadhook_store::{Result, RoundPlace, RoundStep};
use tokio_util::sync::CancellationToken;

use crate::{dispatch::Signal, engine::Shared};

/// The pause between two steps.
const REST: Duration = Duration::from_secs(1);
/// How long after a round the next one begins, and how long after a failure of the store it goes on.
const NEXT_ROUND_MS: i64 = 6 * 60 * MINUTE_MS;
const GO_ON_MS: i64 = MINUTE_MS;

/// Goes round until stopped.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut place = RoundPlace::default();
    while !stop.is_cancelled() {
        let wait_ms = match step(&shared, place).await {
            Ok(Some(next)) => {
                place = next;
                None
            }
            Ok(None) => {
                place = RoundPlace::default();
                Some(NEXT_ROUND_MS)
            }
            Err(error) => {
                tracing::warn!(%error, "a round through what is open waits for the store");
                Some(GO_ON_MS)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = async {
                match wait_ms {
                    None => tokio::time::sleep(REST).await,
                    Some(ms) => shared.clock.sleep_until(shared.clock.now().plus_ms(ms)).await,
                }
            } => {}
        }
    }
}

/// A step from a place; from where to go on.
async fn step(shared: &Shared, place: RoundPlace) -> Result<Option<RoundPlace>> {
    let RoundStep { next, mended } = shared.store.step_round(place).await?;
    for key in mended {
        shared.signal(Signal::Wake { key, due: shared.clock.now() });
    }
    Ok(next)
}
