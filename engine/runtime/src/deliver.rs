//! The way of one delivery: render, attempt, judge, settle.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook_core::{
    delivery::{Attempt, Delivery, Request, State},
    outcome::Outcome,
    plugin::StateChange,
    retry::{Verdict, after_failure_asked, verdict},
    sign,
    time::Timestamp,
    webhook::{Settings, SigningSecret, Success, Switch, Webhook},
};
use leadhook_sandbox::Judgement;
use leadhook_store::{Claimed, Lease, Result, Settled, Settlement};

use crate::{
    board::Turn,
    dispatch::Slot,
    engine::Shared,
    failing,
    plugins::{ChainOf, Judging},
    prepare::{Prepared, prepare},
    spans::{Begun, Trail},
};

/// Takes a claimed delivery to its end or its next due time, and records it.
pub(crate) async fn deliver(shared: Arc<Shared>, claimed: Claimed, mut slot: Slot) {
    let lease = claimed.lease;
    let webhook = Arc::clone(&claimed.webhook);
    let trail = shared.spans.trail(lease.account, &claimed.delivery);
    match go(&shared, claimed, trail.as_ref()).await {
        Ok(Gone { delivery, turn, off, state }) => {
            slot.sent(turn, shared.clock.now());
            if let Some(reason) = off {
                switch_off(&shared, &webhook, reason).await;
            }
            let settling = trail.as_ref().map(|trail| (trail, Begun::at(shared.clock.now())));
            let to = delivery.state.name();
            let Recorded { next_due, failing_since } = settle(&shared, lease, delivery, state).await;
            if let Some((trail, span)) = &settling {
                trail.settled(span, to.word());
            }
            slot.recorded(next_due);
            failing::switch_off_where_too_long(&shared, &webhook, failing_since).await;
            shared.resends.touch((lease.account, lease.delivery.lane.webhook));
        }
        Err(error) => {
            tracing::error!(%error, delivery = %lease.delivery, "a delivery could not be prepared; it is tried again");
            let _ = shared.store.release(vec![lease]).await;
            slot.recorded(Some(shared.clock.now().plus_ms(RELEASED_MS)));
        }
    }
}

/// How soon a delivery is taken up again that the engine itself could not prepare.
pub(crate) const RELEASED_MS: i64 = 1_000;

/// Where a delivery's way led.
struct Gone {
    /// The delivery as it is now.
    delivery: Delivery,
    /// How its turn with the handler went.
    turn: Turn,
    /// Why the webhook is to be switched off, if it is.
    off: Option<String>,
    /// What plugins changed of their state.
    state: Vec<StateChange>,
}

impl Gone {
    fn unsent(delivery: Delivery, state: Vec<StateChange>) -> Self {
        Self { delivery, turn: Turn::NotSent, off: None, state }
    }
}

/// The flow on one screen.
async fn go(shared: &Arc<Shared>, claimed: Claimed, trail: Option<&Trail<'_>>) -> Result<Gone> {
    let now = shared.clock.now();
    if let Some(reason) = off_reason(&claimed.webhook) {
        let state = State::Cancelled { at: now, reason };
        return Ok(Gone::unsent(Delivery { state, ..claimed.delivery }, Vec::new()));
    }
    let webhook = Arc::clone(&claimed.webhook);
    let preparing = trail.map(|trail| (trail, Begun::at(now)));
    let prepared = prepare(shared, claimed, now).await?;
    if let Some((trail, span)) = &preparing {
        trail.prepared(span, &prepared);
    }
    let (mut delivery, lead, mut state) = match prepared {
        Prepared::Ready { delivery, lead, state } => (delivery, lead, state),
        Prepared::Ended { delivery, state } => return Ok(Gone::unsent(delivery, state)),
    };
    let (attempt, answered_at) = attempt(shared, &delivery, &webhook.settings, trail).await;
    let judged = judge(shared, &webhook, &mut delivery, lead, &attempt, &mut state).await;
    let failures = delivery.attempts.len();
    let verdict = match judged {
        None => verdict(&webhook.settings, &attempt.outcome, failures, answered_at, shared.clock.jitter()),
        Some(Judgement::Delivered) => Verdict::Delivered,
        Some(Judgement::Refused(reason)) => Verdict::Failed { reason },
        Some(Judgement::RetryAfter(seconds)) => {
            let asked_ms = seconds.map(|seconds| i64::from(seconds) * 1_000);
            let (settings, outcome) = (&webhook.settings, &attempt.outcome);
            after_failure_asked(settings, outcome, asked_ms, failures, answered_at, shared.clock.jitter())
        }
    };
    note(&delivery, &attempt, matches!(verdict, Verdict::Delivered));
    delivery.attempts.push(attempt);
    let (delivery, turn, off) = follow(delivery, verdict, answered_at);
    Ok(Gone { delivery, turn, off, state })
}

/// What the verdict makes of a delivery.
pub(crate) fn follow(
    delivery: Delivery,
    verdict: Verdict,
    at: Timestamp,
) -> (Delivery, Turn, Option<String>) {
    match verdict {
        Verdict::Delivered => (ended(delivery, State::Delivered { at }), Turn::Succeeded, None),
        Verdict::Retry { due } => (ended(delivery, State::Retrying { due }), Turn::Failed, None),
        Verdict::Failed { reason } => (ended(delivery, State::Failed { at, reason }), Turn::Failed, None),
        Verdict::SwitchOff { reason } => {
            (ended(delivery, State::Failed { at, reason: reason.clone() }), Turn::Failed, Some(reason))
        }
    }
}

/// What the plugin that judges answers says of this one; `None` where none does, or it cannot say: then the
/// status counts.
async fn judge(
    shared: &Arc<Shared>,
    webhook: &Webhook,
    delivery: &mut Delivery,
    lead: Option<String>,
    attempt: &Attempt,
    state: &mut Vec<StateChange>,
) -> Option<Judgement> {
    let (Success::Plugin(judge), Outcome::Answered(answer)) = (&webhook.settings.success, &attempt.outcome)
    else {
        return None;
    };
    let plugins = shared.plugins.as_ref()?;
    let chain = ChainOf::new(webhook, delivery, lead.unwrap_or_default(), attempt.started_at);
    let judging = Judging { chain, judge, answer, elapsed_ms: attempt.elapsed_ms };
    let (judgement, outcomes) = plugins.judge(judging).await;
    delivery.note_runs(outcomes.runs);
    state.extend(outcomes.changes);
    judgement
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

pub(crate) fn ended(delivery: Delivery, state: State) -> Delivery {
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

/// One signed exchange, with this attempt's time.
async fn attempt(
    shared: &Shared,
    delivery: &Delivery,
    settings: &Settings,
    trail: Option<&Trail<'_>>,
) -> (Attempt, Timestamp) {
    let started_at = shared.clock.now();
    let began = Instant::now();
    let traced = trail.map(|trail| (trail, Begun::at(started_at)));
    let rendering = delivery.renderings.last().expect("`prepare` leaves at least one rendering");
    let mut headers = identity(delivery.id.to_string(), &rendering.request, &settings.signing, started_at);
    // A receiver that drops ids which it knows must still get it, and can tell what it gets.
    let resend_of = delivery.resend_of.as_ref();
    headers.extend(resend_of.map(|of| ("webhook-resend-of".to_owned(), of.first.to_string())));
    headers.extend(traced.as_ref().and_then(|(trail, span)| trail.header(span, &rendering.request)));
    let timeout = Duration::from_secs(u64::from(settings.timeout_seconds));
    let outcome = shared.carrier.carry(&rendering.request, &headers, timeout).await;
    shared.metrics.attempted(&outcome, began.elapsed());
    let number = u32::try_from(delivery.attempts.len() + 1).unwrap_or(u32::MAX);
    if let Some((trail, span)) = &traced {
        trail.attempted(span, number, &rendering.request, &outcome);
    }
    let attempt = Attempt {
        number,
        started_at,
        elapsed_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        rendering: u32::try_from(delivery.renderings.len() - 1).ok(),
        outcome,
    };
    (attempt, shared.clock.now())
}

/// The headers by which a receiver knows what is sent and trusts it (Standard Webhooks 1.0).
pub(crate) fn identity(
    id: String,
    request: &Request,
    secrets: &[SigningSecret],
    at: Timestamp,
) -> Vec<(String, String)> {
    let seconds = at.unix_seconds();
    let signature = sign::signature(secrets, &id, seconds, request.signed_content());
    let mut headers =
        vec![("webhook-id".to_owned(), id), ("webhook-timestamp".to_owned(), seconds.to_string())];
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    headers
}

/// What recording a turn told.
#[derive(Default)]
struct Recorded {
    /// When the webhook's next delivery falls due.
    next_due: Option<Timestamp>,
    /// Since when the webhook has done nothing but fail, where it failed.
    failing_since: Option<Timestamp>,
}

/// Records the turn. While the store takes nothing this waits, so that what happened is not forgotten;
/// a process that dies meanwhile sends again under the same id.
async fn settle(shared: &Shared, lease: Lease, delivery: Delivery, state: Vec<StateChange>) -> Recorded {
    let delivery = Arc::new(delivery);
    let mut pause_ms = 50;
    loop {
        let settlement = Settlement { lease, delivery: Arc::clone(&delivery), state: state.clone() };
        match shared.store.settle(vec![settlement], shared.clock.now()).await {
            Ok(settled) => {
                if let Some(plugins) = shared.plugins.as_ref().filter(|_| !state.is_empty()) {
                    plugins.forget(lease.account, lease.delivery, &state);
                }
                return match settled.into_iter().next() {
                    Some(Settled::Stored { next_due, failing_since }) => Recorded { next_due, failing_since },
                    Some(Settled::Stale) | None => {
                        tracing::warn!(delivery = %lease.delivery, "the lease ran out before the outcome was recorded");
                        Recorded::default()
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

/// A handler that answered 410 wants nothing more (the contract, "Sending"), and one that fails for days gets nothing.
pub(crate) async fn switch_off(shared: &Shared, webhook: &Webhook, reason: String) {
    tracing::warn!(webhook = %webhook.id, reason, "the webhook is switched off");
    match shared.store.switch_webhook_off(webhook.account, webhook.id, reason, shared.clock.now()).await {
        Ok(Some(webhook)) => shared.changed(&webhook),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, webhook = %webhook.id, "the webhook could not be switched off"),
    }
}
