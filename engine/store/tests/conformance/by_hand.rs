//! Commands by hand (the contract, "Working with a webhook", By hand) and retries brought forward.

use leadhook_core::{
    delivery::{State, StateName},
    event::Trigger,
    id::{DeliveryId, Lane, WebhookId},
    time::{MINUTE_MS, Serial, Timestamp},
};
use leadhook_store::ByHand;
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, attempted, call, ended, event_based, minute},
};

fn delayed() -> serde_json::Value {
    json!({"sending": {"model": "simplified", "delay_minutes": {"call_ended": 60}}})
}

fn done(due: Timestamp) -> ByHand {
    ByHand::Done { due: Some(due) }
}

async fn cancel(world: &World, id: DeliveryId, now: Timestamp) -> ByHand {
    world.store.cancel(ACCOUNT, id, "by hand".to_owned(), now).await.unwrap()
}

async fn send(world: &World, id: DeliveryId, now: Timestamp) -> ByHand {
    world.store.send_now(ACCOUNT, id, now).await.unwrap()
}

pub(crate) async fn send_makes_a_waiting_delivery_due_now<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, delayed()).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    assert_eq!(send(&world, id, minute(1)).await, done(minute(1)));
    let claimed = world.claim_one(webhook, minute(1)).await;
    world.retry(claimed, minute(50), minute(1)).await;
    assert_eq!(send(&world, id, minute(2)).await, done(minute(2)));
    let claimed = world.claim_one(webhook, minute(2)).await;
    assert_eq!(claimed.delivery.state, State::Retrying { due: minute(2) });
    assert_eq!(world.deliver(claimed, minute(2)).await, None, "no row of its old time is left");
}

pub(crate) async fn send_takes_up_again_what_was_cancelled_before_any_attempt<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, delayed()).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    assert_eq!(cancel(&world, id, minute(1)).await, ByHand::Done { due: None });
    assert!(world.claim(webhook, 10, minute(90)).await.claimed.is_empty());
    let state = world.store.delivery(ACCOUNT, id).await.unwrap().unwrap().delivery.state;
    assert_eq!(state, State::Cancelled { at: minute(1), reason: "by hand".to_owned() });
    assert_eq!(send(&world, id, minute(2)).await, done(minute(2)));
    world.deliver(world.claim_one(webhook, minute(2)).await, minute(2)).await;
}

pub(crate) async fn send_takes_up_again_what_failed_before_any_request<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    let claimed = world.claim_one(webhook, START).await;
    let state = State::Failed { at: START, reason: "a plugin failed".to_owned() };
    let mut delivery = attempted(&claimed, state, 500, START);
    delivery.renderings.clear();
    delivery.attempts[0].rendering = None;
    world.settle(claimed, delivery, START).await;
    assert_eq!(send(&world, id, minute(1)).await, done(minute(1)));
    let claimed = world.claim_one(webhook, minute(1)).await;
    assert_eq!((claimed.delivery.id, claimed.delivery.attempts.len()), (id, 1));
    world.deliver(claimed, minute(1)).await;
}

pub(crate) async fn what_was_skipped_is_not_sent_and_what_ended_is_not_cancelled<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let reason = || "no tag".to_owned();
    for (number, state, attempted_once) in [
        (1, State::Delivered { at: START }, true),
        (2, State::Skipped { at: START, reason: reason() }, false),
        (3, State::Failed { at: START, reason: reason() }, true),
        (4, State::Cancelled { at: START, reason: reason() }, true),
    ] {
        let id = world.accept(ended(number), START).await.deliveries[0];
        let claimed = world.claim_one(webhook, START).await;
        let refused = ByHand::Ended { state: state.name(), reason: state.reason().map(str::to_owned) };
        if attempted_once {
            let delivery = attempted(&claimed, state.clone(), 500, START);
            world.settle(claimed, delivery, START).await;
        } else {
            world.end(claimed, state.clone(), START).await;
            assert_eq!(send(&world, id, START).await, refused);
        }
        assert_eq!(cancel(&world, id, START).await, refused);
    }
    assert!(world.claim(webhook, 10, minute(9)).await.claimed.is_empty());
}

pub(crate) async fn what_is_being_sent_is_neither_sent_nor_cancelled_by_hand<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    let claimed = world.claim_one(webhook, START).await;
    assert_eq!(send(&world, id, START).await, ByHand::Sending);
    assert_eq!(cancel(&world, id, START).await, ByHand::Sending);
    world.deliver(claimed, START).await;
    let state = StateName::Delivered;
    assert_eq!(cancel(&world, id, START).await, ByHand::Ended { state, reason: None });
}

pub(crate) async fn a_cancelled_delivery_frees_its_lane<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let first = world.accept(ended(1), START).await.deliveries[0];
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), minute(1)).await;
    assert_eq!(cancel(&world, first, minute(2)).await, done(minute(1)), "the next of the lane is due");
    assert_eq!(world.claim_one(webhook, minute(2)).await.delivery.trigger, Trigger::LeadTagsChanged);
}

pub(crate) async fn one_taken_up_again_goes_before_its_lane<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let first = world.accept(ended(1), START).await.deliveries[0];
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), minute(1)).await;
    cancel(&world, first, minute(2)).await;
    let held = world.claim_one(webhook, minute(2)).await;
    send(&world, first, minute(2)).await;
    assert!(world.claim(webhook, 10, minute(2)).await.claimed.is_empty(), "the lane is being sent to");
    world.retry(held, minute(2), minute(2)).await;
    for trigger in [Trigger::CallEnded, Trigger::LeadTagsChanged] {
        let claimed = world.claim_one(webhook, minute(2)).await;
        assert_eq!(claimed.delivery.trigger, trigger);
        world.deliver(claimed, minute(2)).await;
    }
}

pub(crate) async fn a_delivery_that_does_not_exist_is_unknown<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let real = world.accept(ended(1), START).await.deliveries[0];
    let other_lead = DeliveryId { lane: Lane { lead: Serial(1), ..real.lane }, ..real };
    let other_webhook = DeliveryId { lane: Lane { webhook: WebhookId(8), ..real.lane }, ..real };
    for id in [other_lead, other_webhook, DeliveryId { serial: Serial(5), ..real }] {
        assert_eq!(send(&world, id, START).await, ByHand::Unknown);
        assert_eq!(cancel(&world, id, START).await, ByHand::Unknown);
        assert_eq!(world.store.delivery(ACCOUNT, id).await.unwrap(), None);
    }
}

pub(crate) async fn only_waiting_retries_are_brought_forward_and_paced<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, delayed()).await;
    world.try_accept((1..=4).map(ended).collect(), START).await;
    let claims = world.claim(webhook, 10, minute(60)).await.claimed;
    for (claimed, due) in claims.into_iter().zip([70, 80, 90, 61]) {
        world.retry(claimed, minute(due), minute(60)).await;
    }
    world.accept(ended(5), minute(1)).await;
    let spacing_ms = u32::try_from(3 * MINUTE_MS).unwrap();
    let brought =
        world.store.bring_retries_forward(ACCOUNT, webhook, minute(60), 3, spacing_ms).await.unwrap();
    assert_eq!(brought, 3);
    let mut dues = Vec::new();
    for shown in
        world.deliveries(leadhook_store::query::DeliveryQuery { limit: 10, ..Default::default() }).await.rows
    {
        dues.push((shown.delivery.lead.id.clone(), shown.delivery.state.due().unwrap()));
    }
    let expected = [("c5", 61), ("c4", 60), ("c3", 90), ("c2", 66), ("c1", 63)];
    assert_eq!(dues, expected.map(|(lead, due)| (lead.to_owned(), minute(due))));
    assert_eq!(world.claim_one(webhook, minute(60)).await.lead.reference.id, "c4");
}
