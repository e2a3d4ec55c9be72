//! Finding out what became of a command whose end nobody was told.

use leadhook_core::id::{AccountId, WebhookId};
use leadhook_store::{Resends as _, Settlement, Store as _, redb::RedbStore};

use super::{now, place_of_rules};
use crate::{
    history::What,
    world::{Doubt, World, locked},
};

/// Finds out what became of the commands that were under way, and notes it.
pub(crate) fn resolve(world: &World, store: &RedbStore) {
    for doubt in std::mem::take(&mut *locked(&world.doubts)) {
        resolve_one(world, store, doubt);
    }
}

fn resolve_one(world: &World, store: &RedbStore, doubt: Doubt) {
    match doubt {
        Doubt::Webhook { account, webhook: id } => webhook(world, store, account, id),
        Doubt::Accept { account, events } => {
            for event in events {
                let Some(id) = event.id else { continue };
                let Ok(Some((_, history))) = now(store.lead(account, &event.lead)) else { continue };
                if let Some(cause) = history.into_iter().find(|cause| cause.event_id == id) {
                    let (at, deliveries) = (cause.accepted_at, cause.deliveries);
                    world.note(What::Stored { event: id, at, deliveries });
                }
            }
        }
        Doubt::Settle { settlement } => {
            let (account, id) = (settlement.lease.account, settlement.lease.delivery);
            let found = now(store.delivery(account, id)).ok().flatten();
            let is_stored = found.is_some_and(|shown| {
                let (found, wanted) = (&shown.delivery, &settlement.delivery);
                found.state == wanted.state && found.attempts.len() == wanted.attempts.len()
            });
            note_settled(world, &settlement, is_stored);
        }
        Doubt::ByHand { account, delivery } => {
            world.note(What::ByHand { account, delivery, answer: None });
        }
        Doubt::Resend { account, wanted } => {
            let webhook = wanted.webhook;
            let kept = now(store.resends(account, 500, None)).map(|page| page.rows).unwrap_or_default();
            let noted = world.history();
            let is_noted = |id| {
                let is_it =
                    |what: &What| matches!(what, What::ResendBegun { id: Some(known), .. } if *known == id);
                noted.iter().any(|entry| is_it(&entry.what))
            };
            for resend in kept.into_iter().filter(|resend| resend.wanted == wanted && !is_noted(resend.id)) {
                let (wanted, id) = (wanted.clone(), Some(resend.id));
                world.note(What::ResendBegun { account, webhook, wanted, id });
            }
        }
    }
}

/// Notes a webhook as it is stored.
pub(crate) fn webhook(world: &World, store: &RedbStore, account: AccountId, id: WebhookId) {
    if let Ok(Some(webhook)) = now(store.webhook(account, id)) {
        let (is_on, revision, rules) = (webhook.is_on(), webhook.revision, place_of_rules(&webhook));
        world.note(What::WebhookIs { account, webhook: id, is_on, revision, rules });
    }
}

/// Notes that a turn was recorded, or was not.
pub(crate) fn note_settled(world: &World, settlement: &Settlement, is_stored: bool) {
    let delivery = &settlement.delivery;
    world.note(What::Settled {
        account: settlement.lease.account,
        delivery: settlement.lease.delivery,
        state: delivery.state.clone(),
        attempts: delivery.attempts.len(),
        is_stored,
    });
}
