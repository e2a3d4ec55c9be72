//! The deliberate mistakes of a store; without one every command passes as it is.

use leadhook_core::{
    delivery::State,
    event::Event,
    id::{AccountId, ResendId},
    outcome::Outcome,
    time::{MINUTE_MS, Timestamp},
    webhook::{Ordering, Settings, Switch},
};
use leadhook_store::{
    ByHand, Claims, NextStep, Receipt, Resends as _, Result, Settled, Settlement, Stepped, Store as _,
    StoreError, Want, query::DeliveryQuery,
};

use super::{Accepted, SimStore};
use crate::{
    mutation::Mutation,
    script::QUIET_ACCOUNT,
    world::{World, locked},
};

/// Settings on their way to the store.
pub(super) fn settings(world: &World, mut settings: Settings) -> Settings {
    if world.makes(Mutation::ForgetLane) {
        settings.ordering = Ordering::None;
        if let Some(fields) = settings.source.as_object_mut() {
            fields.insert("ordering".to_owned(), "none".into());
        }
    }
    settings
}

/// Events on their way to the store, and their answers.
pub(super) async fn accept(
    store: &SimStore,
    account: AccountId,
    mut events: Vec<Event>,
    now: Timestamp,
) -> Result<Accepted> {
    let world = &store.world;
    if world.makes(Mutation::LoseNeighbours) && store.together.is_spoiled() {
        return Ok(events.iter().map(|event| Ok(made_up(event))).collect());
    }
    if world.makes(Mutation::DropEventId) {
        events.iter_mut().for_each(|event| event.id = None);
    }
    let dropped = if world.makes(Mutation::DropEvent) && events.len() > 1 { events.pop() } else { None };
    let mut answer = store.inner.accept(account, events, now).await?;
    answer.extend(dropped.map(|event| Ok(made_up(&event))));
    Ok(answer)
}

/// What is answered to whoever posted them, of a batch of so many commands.
pub(super) fn acknowledge(
    world: &World,
    events: &[Event],
    answer: Result<Accepted>,
    of: usize,
) -> Result<Accepted> {
    match answer {
        Err(StoreError::Unavailable(_)) if world.makes(Mutation::AckOneOfBatch) && of > 1 => {
            Ok(events.iter().map(|event| Ok(made_up(event))).collect())
        }
        Err(StoreError::Unavailable(_)) if world.makes(Mutation::AckBeforeCommit) => {
            Ok(events.iter().map(|event| Ok(made_up(event))).collect())
        }
        other => other,
    }
}

fn made_up(event: &Event) -> Receipt {
    let event_id = event.id.clone().unwrap_or_default();
    Receipt { event_id, kind: event.kind, time: event.time, deliveries: Vec::new(), wake: Vec::new() }
}

/// A claim.
pub(super) async fn claim(
    store: &SimStore,
    mut wants: Vec<Want>,
    mut now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Claims>> {
    let world = &store.world;
    match world.mutation {
        Some(Mutation::SendBeforeDue) => now = now.plus_ms(60 * MINUTE_MS),
        Some(Mutation::Flood) => wants.iter_mut().for_each(|want| want.most = 1_000),
        _ => {}
    }
    let is_starved = |want: &mut Want| world.makes(Mutation::Starve) && want.account == QUIET_ACCOUNT;
    let starved: Vec<Want> = wants.extract_if(.., is_starved).collect();
    let mut claims = store.inner.claim(wants, now, until).await?;
    claims.extend(starved.into_iter().map(|Want { account, webhook, .. }| {
        let next_due = Some(now.plus_ms(10 * MINUTE_MS));
        Claims { account, webhook, claimed: Vec::new(), next_due }
    }));
    for claimed in &mut claims {
        match world.mutation {
            Some(Mutation::ClaimTwice) => claimed.claimed.extend(claimed.claimed.clone()),
            Some(Mutation::SendThoughOff) => claimed.claimed.iter_mut().for_each(|one| {
                let webhook = std::sync::Arc::make_mut(&mut one.webhook);
                webhook.switch = Switch::On;
            }),
            Some(Mutation::StaleLead) => {
                for one in &mut claimed.claimed {
                    std::sync::Arc::make_mut(&mut one.lead).facts.clear();
                }
            }
            _ => {}
        }
    }
    Ok(claims)
}

/// How turns ended, on their way to the store.
pub(super) fn settlements(world: &World, settlements: Vec<Settlement>, now: Timestamp) -> Vec<Settlement> {
    let change = |mut settlement: Settlement| {
        let mut delivery = (*settlement.delivery).clone();
        let failed = delivery.attempts.last().is_some_and(|attempt| !is_taken(&attempt.outcome));
        match (world.mutation, &delivery.state) {
            (Some(Mutation::SkipWithoutReason), State::Retrying { .. }) if failed => {
                delivery.state = State::Skipped { at: now, reason: String::new() };
            }
            (Some(Mutation::RetryAtOnce), State::Retrying { .. }) => {
                delivery.state = State::Retrying { due: now }
            }
            (Some(Mutation::ForgetAttemptLimit), State::Failed { .. }) if delivery.attempts.len() < 12 => {
                delivery.state = State::Retrying { due: now.plus_ms(MINUTE_MS) };
            }
            (Some(Mutation::ForgetSuccess), State::Delivered { .. }) if delivery.attempts.len() == 1 => {
                delivery.state = State::Retrying { due: now.plus_ms(MINUTE_MS) };
            }
            _ => return settlement,
        }
        settlement.delivery = delivery.into();
        settlement
    };
    settlements.into_iter().map(change).collect()
}

fn is_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(answer) if (200..300).contains(&answer.status))
}

/// Recording turns.
pub(super) async fn settle(
    store: &SimStore,
    settlements: Vec<Settlement>,
    now: Timestamp,
) -> Result<Vec<Settled>> {
    let is_fresh = |one: &Settlement| locked(&store.world.skipped).insert(one.lease.delivery);
    if store.world.makes(Mutation::SkipSettle) && settlements.iter().any(is_fresh) {
        let leases = settlements.iter().map(|settlement| settlement.lease).collect();
        store.inner.release(leases).await?;
        let told = Settled::Stored { next_due: Some(now), failing_since: None };
        return Ok(vec![told; settlements.len()]);
    }
    store.inner.settle(settlements, now).await
}

/// A step of a resend.
pub(super) async fn step_resend(
    store: &SimStore,
    account: AccountId,
    id: ResendId,
    now: Timestamp,
) -> Result<Stepped> {
    if store.world.makes(Mutation::ResendCutShort) {
        let cancelled = store.inner.cancel_resend(account, id, now).await?;
        debug_assert!(cancelled.is_some(), "it was begun");
        return Ok(Stepped { made: 0, next: NextStep::Never });
    }
    let stepped = store.inner.step_resend(account, id, now).await?;
    if store.world.makes(Mutation::ResendTwice) && stepped.made > 0 {
        let newest = DeliveryQuery { limit: 1, ..DeliveryQuery::default() };
        for shown in store.inner.deliveries(account, newest).await?.rows {
            if let Some(of) = &shown.delivery.resend_of {
                let again = store.inner.send_now(account, of.first, now).await?;
                debug_assert!(!matches!(again, ByHand::Unknown), "it is there");
            }
        }
    }
    Ok(stepped)
}
