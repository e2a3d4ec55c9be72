//! From a claimed delivery to the request that goes out: filters, parameters, encoding and the chain of plugins.

use std::sync::Arc;

use leadhook_core::{
    delivery::{Attempt, Delivery, State},
    id::DeliveryId,
    outcome::Outcome,
    plugin::{Broken, StateChange},
    render::{Kept, Rendered, Scene, Sketch, filtered_sketch, render, sketch},
    retry::{Verdict, after_failure},
    time::Timestamp,
    webhook::{Settings, Success, Webhook},
};
use leadhook_sandbox::chain::End;
use leadhook_store::{Claimed, Result};

use crate::{
    again::{Then, Unrepeatable},
    deliver::{ended, follow},
    engine::Shared,
    plugins::{ChainOf, Outcomes},
};

/// What preparing a delivery came to.
pub(crate) enum Prepared {
    /// Its last rendering is what goes out.
    Ready {
        delivery: Delivery,
        /// The lead as plugins read it, where one is to judge the answer.
        lead: Option<String>,
        state: Vec<StateChange>,
    },
    /// It ended, or is put off, without an exchange.
    Ended { delivery: Delivery, state: Vec<StateChange> },
}

/// The stored bytes while the settings stand as they were; else filters, parameters, encoding and the chain of
/// plugins anew, from the lead version of the first rendering.
pub(crate) async fn prepare(shared: &Arc<Shared>, claimed: Claimed, now: Timestamp) -> Result<Prepared> {
    if let Some(first) = claimed.delivery.resend_of.as_ref().map(|of| of.first) {
        return prepare_again(shared, claimed, first, now).await;
    }
    let Claimed { mut delivery, lead, site, webhook, previous, lease, lane_goes_on } = claimed;
    let is_rendered = delivery.renderings.last().is_some_and(|last| last.revision == webhook.revision);
    let is_judged = matches!(webhook.settings.success, Success::Plugin(_));
    if is_rendered && !is_judged {
        return Ok(Prepared::Ready { delivery, lead: None, state: Vec::new() });
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
    if is_rendered {
        let lead = Some(sketch(&scene).lead);
        return Ok(Prepared::Ready { delivery, lead, state: Vec::new() });
    }
    if !webhook.settings.transform.is_empty() || is_judged {
        return Ok(pass(shared, &webhook, delivery, &scene).await);
    }
    Ok(match render(&scene) {
        Rendered::Request(rendering) => {
            delivery.renderings.push(rendering);
            Prepared::Ready { delivery, lead: None, state: Vec::new() }
        }
        Rendered::Skipped(reason) => skipped(delivery, reason, now, Vec::new()),
    })
}

/// A delivery that a filter, a plugin or a script holds back.
fn skipped(delivery: Delivery, reason: String, at: Timestamp, state: Vec<StateChange>) -> Prepared {
    // Not the reason: it may quote the lead.
    tracing::info!(delivery = %delivery.id, webhook = %delivery.id.lane.webhook, "skipped");
    Prepared::Ended { delivery: ended(delivery, State::Skipped { at, reason }), state }
}

/// Filters, then the request passes the webhook's chain.
async fn pass(shared: &Arc<Shared>, webhook: &Webhook, delivery: Delivery, scene: &Scene<'_>) -> Prepared {
    let Sketch { request, lead, kept } = match filtered_sketch(scene) {
        Ok(sketch) => sketch,
        Err(reason) => return skipped(delivery, reason, scene.now, Vec::new()),
    };
    let (end, outcomes) = match &shared.plugins {
        Some(plugins) => {
            let chain = ChainOf::new(webhook, &delivery, lead.clone(), scene.now);
            plugins.pass(chain, request).await
        }
        None => (End::Skip { reason: "this engine runs no plugins".to_owned() }, Outcomes::default()),
    };
    after_chain(webhook, delivery, scene, (kept, lead), end, outcomes)
}

/// A delivery that sends another again: as that one was, whatever the settings are now (the contract, "Resend"). Once
/// rendered it stays so.
async fn prepare_again(
    shared: &Arc<Shared>,
    claimed: Claimed,
    first: DeliveryId,
    now: Timestamp,
) -> Result<Prepared> {
    let Claimed { delivery, site, webhook, lease, lane_goes_on, .. } = claimed;
    let is_rendered = !delivery.renderings.is_empty();
    if is_rendered && !matches!(webhook.settings.success, Success::Plugin(_)) {
        return Ok(Prepared::Ready { delivery, lead: None, state: Vec::new() });
    }
    let cannot = |delivery: Delivery, why: Unrepeatable| {
        let state = State::Failed { at: now, reason: format!("it cannot be sent again as it was: {why}") };
        Prepared::Ended { delivery: ended(delivery, state), state: Vec::new() }
    };
    let then = match Then::of_first(shared, lease.account, first).await? {
        Ok(then) => then.allowing(&site),
        Err(why) => return Ok(cannot(delivery, why)),
    };
    let scene = then.scene(&delivery, lane_goes_on, now);
    let sketch = then.sketch(&delivery, &scene);
    if is_rendered {
        return Ok(Prepared::Ready { delivery, lead: Some(sketch.lead), state: Vec::new() });
    }
    match then.pass(shared, &delivery, &sketch).await {
        Ok((end, runs)) => {
            let outcomes = Outcomes { runs, changes: Vec::new() };
            Ok(after_chain(&webhook, delivery, &scene, (sketch.kept, sketch.lead), end, outcomes))
        }
        Err(why) => Ok(cannot(delivery, why)),
    }
}

/// What the end of its chain makes of a delivery.
fn after_chain(
    webhook: &Webhook,
    mut delivery: Delivery,
    scene: &Scene<'_>,
    (kept, lead): (Kept, String),
    end: End,
    outcomes: Outcomes,
) -> Prepared {
    let now = scene.now;
    let Outcomes { runs, changes: state } = outcomes;
    delivery.note_runs(runs);
    match end {
        End::Send(request) => {
            delivery.renderings.push(kept.rendering(scene, request));
            Prepared::Ready { delivery, lead: Some(lead), state }
        }
        End::Skip { reason } => skipped(delivery, reason, now, state),
        End::Defer { until } => {
            // Not at once again, and not beyond what a webhook's own waits can be.
            let due = until.clamp(now.plus_ms(DEFER_MS_MIN), now.plus_ms(DEFER_MS_MAX));
            let state_then = match delivery.attempts.is_empty() {
                true => State::Scheduled { due },
                false => State::Retrying { due },
            };
            Prepared::Ended { delivery: ended(delivery, state_then), state }
        }
        End::Failed { plugin, broken } => {
            Prepared::Ended { delivery: withheld(delivery, &webhook.settings, plugin, broken, now), state }
        }
    }
}

/// The soonest and the latest that a plugin can put a delivery off: a second and seven days, in milliseconds.
const DEFER_MS_MIN: i64 = 1_000;
const DEFER_MS_MAX: i64 = 7 * 86_400_000;

/// A delivery that a failing plugin kept from going out: an attempt without an exchange, by the retry policy.
fn withheld(
    mut delivery: Delivery,
    settings: &Settings,
    plugin: String,
    broken: Broken,
    now: Timestamp,
) -> Delivery {
    let outcome = Outcome::Withheld { plugin, kind: broken.kind, detail: broken.detail };
    tracing::info!(delivery = %delivery.id, webhook = %delivery.id.lane.webhook, "a plugin failed");
    let failures = delivery.attempts.len();
    let verdict = match broken.retryable {
        Some(false) => Verdict::Failed { reason: outcome.summary() },
        _ => after_failure(settings, &outcome, failures, now, rand::random()),
    };
    let number = u32::try_from(failures + 1).unwrap_or(u32::MAX);
    delivery.attempts.push(Attempt { number, started_at: now, elapsed_ms: 0, rendering: None, outcome });
    follow(delivery, verdict, now).0
}
