//! Lanes: the deliveries of one webhook for one lead (the contract, "Sending", Order).

use leadhook_core::{delivery::State, event::Trigger, id::WebhookId};
use serde_json::{Value, json};

use super::{
    Fixture,
    world::{ACCOUNT, START, World, call, ended, event_based, fingerprints, minute, settings},
};

const ON: [&str; 3] = ["call_ended", "lead_tags_changed", "lead_rating_changed"];

fn with_ordering(ordering: &str) -> Value {
    let mut settings = event_based(&ON);
    settings["ordering"] = ordering.into();
    settings
}

/// Three triggers of the lead `c{number}`, at once.
async fn three_triggers(world: &World, number: u32) {
    let lead = format!("c{number}");
    let tagged = call(&format!("t{number}"), "lead.tags_changed", &lead, json!({"tags_manual": ["a"]}));
    let rated = call(&format!("r{number}"), "lead.rating_changed", &lead, json!({"rating": 4}));
    world.try_accept(vec![ended(number), tagged, rated], START).await;
}

async fn triggers_claimed(world: &World, webhook: WebhookId) -> Vec<Trigger> {
    let claims = world.claim(webhook, 10, START).await;
    claims.claimed.iter().map(|claimed| claimed.delivery.trigger).collect()
}

pub(crate) async fn deliveries_of_a_lane_go_out_one_after_another<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&ON)).await;
    three_triggers(&world, 1).await;
    for (trigger, more) in
        [(Trigger::CallEnded, true), (Trigger::LeadTagsChanged, true), (Trigger::LeadRatingChanged, false)]
    {
        let claimed = world.claim_one(webhook, minute(5)).await;
        assert_eq!(claimed.delivery.trigger, trigger);
        // A failed attempt does not let the next one pass.
        world.retry(claimed, minute(6), minute(5)).await;
        assert!(world.claim(webhook, 10, minute(5)).await.claimed.is_empty());
        let claimed = world.claim_one(webhook, minute(6)).await;
        assert_eq!(claimed.delivery.trigger, trigger);
        assert_eq!(world.deliver(claimed, minute(6)).await, more.then_some(START));
    }
}

pub(crate) async fn lanes_do_not_wait_for_each_other<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&ON)).await;
    let other = world.webhook(8, event_based(&ON)).await;
    three_triggers(&world, 1).await;
    three_triggers(&world, 2).await;
    assert_eq!(triggers_claimed(&world, webhook).await, [Trigger::CallEnded; 2]);
    assert_eq!(triggers_claimed(&world, other).await, [Trigger::CallEnded; 2]);
}

pub(crate) async fn without_ordering_nothing_waits<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, with_ordering("none")).await;
    three_triggers(&world, 1).await;
    assert_eq!(triggers_claimed(&world, webhook).await.len(), 3);
}

pub(crate) async fn an_ordering_set_later_holds_for_what_is_owed<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, with_ordering("none")).await;
    three_triggers(&world, 1).await;
    let ordered = settings(&with_ordering("lead"));
    fixture.store().save_webhook(ACCOUNT, webhook, ordered, None, START).await.unwrap();
    for trigger in [Trigger::CallEnded, Trigger::LeadTagsChanged, Trigger::LeadRatingChanged] {
        let claimed = world.claim_one(webhook, START).await;
        assert_eq!(claimed.delivery.trigger, trigger);
        world.deliver(claimed, START).await;
    }
}

pub(crate) async fn an_ordering_lifted_later_holds_up_nothing<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, with_ordering("lead")).await;
    three_triggers(&world, 1).await;
    let lifted = settings(&with_ordering("none"));
    fixture.store().save_webhook(ACCOUNT, webhook, lifted, None, START).await.unwrap();
    let mut sent = 0;
    loop {
        let claims = world.claim(webhook, 10, START).await.claimed;
        if claims.is_empty() {
            break;
        }
        for claimed in claims {
            world.deliver(claimed, START).await;
            sent += 1;
        }
    }
    assert_eq!(sent, 3);
}

pub(crate) async fn rule_5_previous_fingerprints_are_those_last_delivered<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&ON)).await;
    three_triggers(&world, 1).await;
    let first = world.claim_one(webhook, START).await;
    assert_eq!(first.previous, None);
    world.deliver(first, START).await;
    let second = world.claim_one(webhook, START).await;
    assert_eq!(second.previous, Some(fingerprints(1)));
    // What was not delivered changes nothing.
    world.end(second, State::Failed { at: START, reason: "gone".to_owned() }, START).await;
    let third = world.claim_one(webhook, START).await;
    assert_eq!(third.previous, Some(fingerprints(1)));
}
