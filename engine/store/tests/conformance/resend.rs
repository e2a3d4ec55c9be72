//! Sending again what has ended (the contract, "Resend"), and what a rendering was made from.

use leadhook_core::{
    delivery::{Delivery, RESENDS_MAX, State, StateName},
    id::{DeliveryId, WebhookId},
    time::Timestamp,
    webhook::Switch,
};
use leadhook_store::{ByHand, query::DeliveryQuery};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, SITE, START, World, attempted, call, ended, event_based, minute, reference, settings},
};

async fn send(world: &World, id: DeliveryId, now: Timestamp) -> ByHand {
    world.store.send_now(ACCOUNT, id, now).await.unwrap()
}

/// Has another delivery send this one again.
async fn send_again(world: &World, id: DeliveryId, now: Timestamp) -> DeliveryId {
    match send(world, id, now).await {
        ByHand::SentAgain { by, due, .. } if due == now => by,
        other => panic!("{other:?}"),
    }
}

async fn delivery(world: &World, id: DeliveryId) -> Delivery {
    world.store.delivery(ACCOUNT, id).await.unwrap().unwrap().delivery
}

/// A delivery that ended so after one attempt.
async fn ended_as(world: &World, webhook: WebhookId, number: u32, state: State) -> DeliveryId {
    let id = world.accept(ended(number), START).await.deliveries[0];
    let claimed = world.claim_one(webhook, START).await;
    let after = attempted(&claimed, state, 500, START);
    world.settle(claimed, after, START).await;
    id
}

fn failed() -> State {
    State::Failed { at: START, reason: "the handler answered 500".to_owned() }
}

pub(crate) async fn what_ended_is_sent_again_by_a_delivery_of_its_own<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = ended_as(&world, webhook, 1, failed()).await;
    // The lead goes on; what is sent again is of the version that was sent.
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), START).await;
    let again = send_again(&world, first, minute(1)).await;
    assert!(again.serial > first.serial && again.lane == first.lane);
    assert_eq!(delivery(&world, first).await.resends, [again]);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    let claimed = world.claim_one(webhook, minute(1)).await;
    assert_eq!(claimed.delivery.id, again);
    assert_eq!(claimed.delivery.resend_of.as_ref().map(|of| of.first), Some(first));
    assert_eq!((claimed.lead.version, claimed.delivery.renderings.len()), (1, 0));
    assert_eq!(delivery(&world, first).await.state, failed(), "not before it was delivered");
}

pub(crate) async fn a_success_turns_failed_and_cancelled_into_delivered<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let cancelled = State::Cancelled { at: START, reason: "by hand".to_owned() };
    for (number, state) in [(1, failed()), (2, cancelled)] {
        let first = ended_as(&world, webhook, number, state.clone()).await;
        send_again(&world, first, minute(1)).await;
        let claimed = world.claim_one(webhook, minute(1)).await;
        let after = attempted(&claimed, failed(), 500, minute(1));
        world.settle(claimed, after, minute(1)).await;
        assert_eq!(delivery(&world, first).await.state, state, "a failure changes nothing");
        send_again(&world, first, minute(2)).await;
        world.deliver(world.claim_one(webhook, minute(2)).await, minute(2)).await;
        let delivered = delivery(&world, first).await;
        assert_eq!(delivered.state, State::Delivered { at: minute(2) });
        assert_eq!((delivered.attempts.len(), delivered.resends.len()), (1, 2));
    }
    let query = DeliveryQuery { state: Some(StateName::Delivered), limit: 10, ..Default::default() };
    assert_eq!(world.deliveries(query).await.rows.len(), 4);
}

pub(crate) async fn what_was_delivered_never_turns_back<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = ended_as(&world, webhook, 1, State::Delivered { at: START }).await;
    let again = send_again(&world, first, minute(1)).await;
    let claimed = world.claim_one(webhook, minute(1)).await;
    let after = attempted(&claimed, failed(), 500, minute(1));
    world.settle(claimed, after, minute(1)).await;
    assert_eq!(delivery(&world, again).await.state, failed());
    assert_eq!(delivery(&world, first).await.state, State::Delivered { at: START });
    send_again(&world, first, minute(2)).await;
    world.deliver(world.claim_one(webhook, minute(2)).await, minute(2)).await;
    assert_eq!(delivery(&world, first).await.state, State::Delivered { at: START }, "nor to a later time");
}

pub(crate) async fn what_sends_again_is_itself_sent_again_in_the_name_of_the_first<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = ended_as(&world, webhook, 1, failed()).await;
    let second = send_again(&world, first, minute(1)).await;
    world.deliver(world.claim_one(webhook, minute(1)).await, minute(1)).await;
    let third = send_again(&world, second, minute(2)).await;
    assert_eq!(delivery(&world, third).await.resend_of.map(|of| of.first), Some(first));
    assert_eq!(delivery(&world, first).await.resends, [second, third]);
}

pub(crate) async fn nothing_is_sent_again_while_the_webhook_is_off_or_too_often<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = ended_as(&world, webhook, 1, failed()).await;
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    assert_eq!(send(&world, first, minute(1)).await, ByHand::WebhookOff);
    world.store.switch_webhook(ACCOUNT, webhook, Switch::On).await.unwrap();
    for _ in 0..RESENDS_MAX {
        send_again(&world, first, minute(1)).await;
    }
    assert_eq!(send(&world, first, minute(1)).await, ByHand::SentTooOften);
    assert_eq!(delivery(&world, first).await.resends.len(), RESENDS_MAX);
}

pub(crate) async fn what_is_sent_again_waits_its_turn_in_the_lane<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let first = ended_as(&world, webhook, 1, failed()).await;
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), START).await;
    let again = send_again(&world, first, minute(1)).await;
    let claimed = world.claim_one(webhook, minute(1)).await;
    assert_ne!(claimed.delivery.id, again);
    world.deliver(claimed, minute(1)).await;
    assert_eq!(world.claim_one(webhook, minute(1)).await.delivery.id, again);
}

pub(crate) async fn a_leads_deliveries_have_those_that_send_them_again_among_them<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = ended_as(&world, webhook, 1, failed()).await;
    ended_as(&world, webhook, 2, failed()).await;
    let again = send_again(&world, first, minute(1)).await;
    let of_lead = DeliveryQuery { lead: Some(reference("c1")), limit: 10, ..Default::default() };
    let rows = world.deliveries(of_lead).await.rows;
    assert_eq!(rows.iter().map(|shown| shown.delivery.id).collect::<Vec<_>>(), [again, first]);
}

pub(crate) async fn a_rendering_is_read_with_what_it_was_made_from<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({"name": "first"})).await;
    let id = ended_as(&world, webhook, 1, failed()).await;
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), START).await;
    world.site(SITE, json!({"name": "Renamed"})).await;
    let saved = settings(&json!({"name": "second"}));
    world.store.save_webhook(ACCOUNT, webhook, saved, None, minute(1)).await.unwrap();
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap();
    let then = delivery(&world, id).await;
    let rendering = &then.renderings[0];
    let from = world.store.rendered_from(ACCOUNT, id, &then.lead.site, rendering).await.unwrap();
    assert_eq!(from.lead.unwrap().version, 1);
    assert_eq!(from.site.unwrap().name, "Shop");
    assert_eq!(from.settings.unwrap().source["name"], "first");
    let mut unknown = rendering.clone();
    (unknown.revision, unknown.site_revision, unknown.lead_version) = (9, 9, 9);
    let from = world.store.rendered_from(ACCOUNT, id, &then.lead.site, &unknown).await.unwrap();
    assert!(from.lead.is_none() && from.site.is_none() && from.settings.is_none());
}
