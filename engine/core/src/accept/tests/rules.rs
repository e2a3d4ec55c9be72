//! Rules 2 to 4: delays, subscription by the lead's arrival, and webhooks that are off.

use super::*;
use crate::time::MINUTE_MS;

#[test]
fn rule_2_the_delay_counts_from_the_acceptance_and_the_lead_is_taken_as_it_then_stands() {
    let delayed = json!({"url": "https://crm.example/hook", "sending": {"on": ["call_started", "call_ended"], "delay_minutes": {"call_ended": 1440}}});
    let mut world = World::new(&[delayed]);
    let started = world.accept("call.started", "09:00:00", json!({}));
    assert_eq!(started.deliveries[0].state, State::Scheduled { due: world.now });
    assert_eq!(started.deliveries[0].source, Source::Version(1), "call_started is sent as it was");
    let ended = world.accept("call.ended", "09:01:00", json!({}));
    assert_eq!(ended.deliveries[0].state, State::Scheduled { due: world.now.plus_ms(1440 * MINUTE_MS) });
    assert_eq!(ended.deliveries[0].source, Source::Latest);
}

#[test]
fn rule_2_the_event_based_model_sends_the_lead_as_the_event_left_it() {
    let mut world = World::new(&[event_based()]);
    world.accept("call.ended", "09:51:00", json!({}));
    let tagged = world.accept("lead.tags_changed", "09:52:00", json!({"tags_api": ["A"]}));
    assert_eq!(tagged.deliveries[0].source, Source::Version(2));
    assert_eq!(tagged.deliveries[0].state, State::Scheduled { due: world.now });
}

#[test]
fn rule_3_a_lead_keeps_the_subscription_in_force_when_it_arrived() {
    let mut world = World::new(&[simplified()]);
    world.accept("call.started", "09:50:00", json!({}));
    let later = parse(&event_based());
    let saved = world.last.next(world.now);
    world.last = saved;
    world.change(0, |webhook| {
        webhook.subscriptions.push(Subscription { saved, sending: later.sending.clone() });
        webhook.settings = Arc::new(later);
        webhook.revision = 2;
    });
    assert_eq!(triggers(&world.accept("call.ended", "09:51:00", json!({}))), [Trigger::CallEnded]);
    let tags = json!({"tags_api": ["A"]});
    assert_eq!(triggers(&world.accept("lead.tags_changed", "09:52:00", tags.clone())), []);
    world.next_lead().accept("call.ended", "09:53:00", json!({}));
    assert_eq!(triggers(&world.accept("lead.tags_changed", "09:54:00", tags)), [Trigger::LeadTagsChanged]);
}

#[test]
fn rule_3_a_webhook_owes_nothing_for_leads_that_arrived_before_it_was_made() {
    let mut world = World::new(&[]);
    world.accept("call.started", "09:50:00", json!({}));
    world.add_webhook(9, &simplified());
    assert_eq!(triggers(&world.accept("call.ended", "09:51:00", json!({}))), []);
    assert_eq!(
        triggers(&world.next_lead().accept("call.ended", "09:51:00", json!({}))),
        [Trigger::CallEnded]
    );
}

#[test]
fn rule_4_a_trigger_while_the_webhook_is_off_owes_nothing_and_later_ones_are_sent() {
    let mut world = World::new(&[simplified()]);
    world.change(0, |webhook| webhook.switch = Switch::Off(None));
    assert_eq!(triggers(&world.accept("call.started", "09:50:00", json!({}))), []);
    world.change(0, |webhook| webhook.switch = Switch::On);
    assert_eq!(triggers(&world.accept("call.ended", "09:51:00", json!({}))), [Trigger::CallEnded]);
}

#[test]
fn a_webhook_of_other_sites_owes_nothing_and_each_webhook_is_owed_its_own() {
    let elsewhere = json!({"url": "https://crm.example/hook", "sites": ["60002"]});
    let mut world = World::new(&[elsewhere, simplified(), event_based()]);
    let ended = world.accept("call.ended", "09:51:00", json!({}));
    let webhooks: Vec<_> = ended.deliveries.iter().map(|delivery| delivery.id.lane.webhook.0).collect();
    assert_eq!(webhooks, [2, 3]);
    assert!(ended.deliveries[0].id.serial < ended.deliveries[1].id.serial);
}

#[test]
fn the_simplified_model_sends_only_its_three_triggers() {
    let mut world = World::new(&[simplified()]);
    world.accept("call.ended", "09:51:00", json!({}));
    for (kind, facts) in [
        ("lead.tags_changed", json!({"tags_api": ["A"]})),
        ("call.spam_changed", json!({"spam": true})),
        ("lead.rating_changed", json!({"rating": 3})),
    ] {
        assert_eq!(triggers(&world.accept(kind, "09:52:00", facts)), []);
    }
}
