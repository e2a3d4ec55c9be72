//! The way of one delivery: render, attempt, judge, settle.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook_core::{
    delivery::{Attempt, Delivery, Rendering, State},
    id::DeliveryId,
    render::{Rendered, Scene, render},
    retry::{Verdict, verdict},
    sign,
    time::Timestamp,
    webhook::{Settings, Switch, Webhook},
};
use leadhook_store::{Claimed, Lease, Result, Settled, Settlement};

use crate::{board::Turn, dispatch::Slot, engine::Shared};

/// Takes a claimed delivery to its end or its next due time, and records it.
pub(crate) async fn deliver(shared: Arc<Shared>, claimed: Claimed, mut slot: Slot) {
    let lease = claimed.lease;
    let webhook = Arc::clone(&claimed.webhook);
    match go(&shared, claimed).await {
        Ok((delivery, turn, gone)) => {
            slot.sent(turn, shared.clock.now());
            if let Some(reason) = gone {
                switch_off(&shared, &webhook, reason).await;
            }
            slot.recorded(settle(&shared, lease, delivery).await);
        }
        Err(error) => {
            tracing::error!(%error, delivery = %lease.delivery, "a delivery could not be prepared; it is tried again");
            let _ = shared.store.release(vec![lease]).await;
            slot.recorded(Some(shared.clock.now().plus_ms(RELEASED_MS)));
        }
    }
}

/// How soon a delivery is taken up again that the engine itself could not prepare.
const RELEASED_MS: i64 = 1_000;

/// The flow: what it is now, how its turn went, and the reason to switch the webhook off if there is one.
async fn go(shared: &Shared, claimed: Claimed) -> Result<(Delivery, Turn, Option<String>)> {
    let now = shared.clock.now();
    if let Some(reason) = off_reason(&claimed.webhook) {
        let state = State::Cancelled { at: now, reason };
        return Ok((Delivery { state, ..claimed.delivery }, Turn::NotSent, None));
    }
    let webhook = Arc::clone(&claimed.webhook);
    let mut delivery = match prepare(shared, claimed, now).await? {
        Prepared::Ready(delivery) => delivery,
        Prepared::Skipped(delivery) => return Ok((delivery, Turn::NotSent, None)),
    };
    let (attempt, answered_at) = attempt(shared, &delivery, &webhook.settings).await;
    let failures = delivery.attempts.len();
    let verdict = verdict(&webhook.settings, &attempt.outcome, failures, answered_at, rand::random());
    note(&delivery, &attempt, matches!(verdict, Verdict::Delivered));
    delivery.attempts.push(attempt);
    Ok(match verdict {
        Verdict::Delivered => (ended(delivery, State::Delivered { at: answered_at }), Turn::Succeeded, None),
        Verdict::Retry { due } => (ended(delivery, State::Retrying { due }), Turn::Failed, None),
        Verdict::Failed { reason } => {
            (ended(delivery, State::Failed { at: answered_at, reason }), Turn::Failed, None)
        }
        Verdict::SwitchOff { reason } => {
            let state = State::Failed { at: answered_at, reason: reason.clone() };
            (ended(delivery, state), Turn::Failed, Some(reason))
        }
    })
}

/// What went well is in the store; the log is for what did not.
fn note(delivery: &Delivery, attempt: &Attempt, delivered: bool) {
    let (id, webhook, number) = (delivery.id, delivery.id.lane.webhook, attempt.number);
    let elapsed_ms = attempt.elapsed_ms;
    if delivered {
        tracing::debug!(delivery = %id, %webhook, attempt = number, elapsed_ms, "delivered");
    } else {
        let outcome = attempt.outcome.summary();
        tracing::info!(delivery = %id, %webhook, attempt = number, elapsed_ms, outcome, "not delivered");
    }
}

fn ended(delivery: Delivery, state: State) -> Delivery {
    Delivery { state, ..delivery }
}

/// Why a webhook that is not on sends nothing (rule 4).
fn off_reason(webhook: &Webhook) -> Option<String> {
    match &webhook.switch {
        Switch::On => None,
        Switch::Off(None) => Some("the webhook was off when the delivery fell due".to_owned()),
        Switch::Off(Some(reason)) => {
            Some(format!("the webhook was off when the delivery fell due: {reason}"))
        }
        Switch::Deleted => Some("the webhook was deleted before the delivery fell due".to_owned()),
    }
}

enum Prepared {
    /// Its last rendering is what goes out.
    Ready(Delivery),
    /// It ended without an attempt.
    Skipped(Delivery),
}

/// The stored bytes while the settings stand as they were; else filters, parameters and encoding anew,
/// from the lead version of the first rendering. The chain of plugins and scripts in
/// `settings.transform` takes the rendered request here, before it is stored and signed.
async fn prepare(shared: &Shared, claimed: Claimed, now: Timestamp) -> Result<Prepared> {
    let Claimed { mut delivery, lead, site, webhook, previous, lease, lane_goes_on } = claimed;
    if delivery.renderings.last().is_some_and(|last| last.revision == webhook.revision) {
        return Ok(Prepared::Ready(delivery));
    }
    let keys = shared.keys.of(lease.account).await?;
    let scene = Scene {
        delivery: delivery.id,
        trigger: delivery.trigger,
        lead: &lead,
        site: &site,
        settings: &webhook.settings,
        revision: webhook.revision,
        previous: previous.as_ref(),
        lane_goes_on,
        keys: &keys,
        now,
    };
    Ok(match render(&scene) {
        Rendered::Request(rendering) => {
            delivery.renderings.push(rendering);
            Prepared::Ready(delivery)
        }
        Rendered::Skipped(reason) => {
            // Not the reason: it may quote the lead.
            tracing::info!(delivery = %delivery.id, webhook = %webhook.id, "skipped");
            Prepared::Skipped(ended(delivery, State::Skipped { at: now, reason }))
        }
    })
}

/// One signed exchange, with this attempt's time.
async fn attempt(shared: &Shared, delivery: &Delivery, settings: &Settings) -> (Attempt, Timestamp) {
    let started_at = shared.clock.now();
    let began = Instant::now();
    let rendering = delivery.renderings.last().expect("`prepare` leaves at least one rendering");
    let headers = identity(delivery.id, rendering, settings, started_at);
    let timeout = Duration::from_secs(u64::from(settings.timeout_seconds));
    let outcome = shared.carrier.carry(&rendering.request, &headers, timeout).await;
    let attempt = Attempt {
        number: u32::try_from(delivery.attempts.len() + 1).unwrap_or(u32::MAX),
        started_at,
        elapsed_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        rendering: u32::try_from(delivery.renderings.len() - 1).ok(),
        outcome,
    };
    (attempt, shared.clock.now())
}

/// The headers by which a receiver knows the delivery and trusts it (Standard Webhooks 1.0).
pub(crate) fn identity(
    id: DeliveryId,
    rendering: &Rendering,
    settings: &Settings,
    at: Timestamp,
) -> Vec<(String, String)> {
    let id = id.to_string();
    let seconds = at.unix_seconds();
    let signature = sign::signature(&settings.signing, &id, seconds, rendering.request.signed_content());
    let mut headers =
        vec![("webhook-id".to_owned(), id), ("webhook-timestamp".to_owned(), seconds.to_string())];
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    headers
}

/// Records the turn. While the store takes nothing this waits, so that what happened is not forgotten;
/// a process that dies meanwhile sends again under the same id.
async fn settle(shared: &Shared, lease: Lease, delivery: Delivery) -> Option<Timestamp> {
    let delivery = Arc::new(delivery);
    let mut pause_ms = 50;
    loop {
        let settlement = Settlement { lease, delivery: Arc::clone(&delivery), state: Vec::new() };
        match shared.store.settle(vec![settlement], shared.clock.now()).await {
            Ok(settled) => {
                return match settled.first() {
                    Some(Settled::Stored { next_due }) => *next_due,
                    Some(Settled::Stale) | None => {
                        tracing::warn!(delivery = %lease.delivery, "the lease ran out before the outcome was recorded");
                        None
                    }
                };
            }
            Err(error) => {
                tracing::warn!(%error, delivery = %lease.delivery, "an outcome waits to be recorded");
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                pause_ms = (pause_ms * 2).min(5_000);
            }
        }
    }
}

/// A handler that answered 410 wants nothing more (the contract, "Sending").
async fn switch_off(shared: &Shared, webhook: &Webhook, reason: String) {
    tracing::warn!(webhook = %webhook.id, reason, "the webhook is switched off");
    match shared.store.switch_webhook(webhook.account, webhook.id, Switch::Off(Some(reason))).await {
        Ok(Some(webhook)) => shared.changed(&webhook),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, webhook = %webhook.id, "the webhook could not be switched off"),
    }
}
