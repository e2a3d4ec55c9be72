//! Events in: what is accepted is stored once, with all that it owes (the contract, "Events in").

use leadhook_core::{accept::Refusal, time::DAY_MS};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, call, ended, event_based, minute, reference, settings},
};

pub(crate) async fn a_repeated_event_is_answered_as_the_first_was<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let first = world.accept(ended(1), START).await;
    assert_eq!(first.event_id, "e1");
    assert_eq!((first.deliveries.len(), first.wake.clone()), (1, vec![(webhook, START)]));
    // Whatever the repeat says.
    let repeat = call("e1", "lead.tags_changed", "another", json!({}));
    let again = world.accept(repeat, minute(5)).await;
    assert_eq!((again.event_id.as_str(), &again.deliveries), ("e1", &first.deliveries));
    assert!(again.wake.is_empty());
    assert_eq!(world.claim(webhook, 10, minute(6)).await.claimed.len(), 1);
}

pub(crate) async fn the_second_of_two_same_ids_in_one_batch_is_a_repeat<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let answers = world.try_accept(vec![ended(1), ended(1)], START).await;
    let [first, second] = <[_; 2]>::try_from(answers).unwrap().map(Result::unwrap);
    assert_eq!(first.deliveries, second.deliveries);
    assert!(second.wake.is_empty() && !first.wake.is_empty());
}

pub(crate) async fn the_same_id_on_another_site_is_another_event<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.site("60002", json!({"name": "Other"})).await;
    world.webhook(7, json!({})).await;
    let first = world.accept(ended(1), START).await;
    let mut elsewhere = ended(1);
    elsewhere["site"] = "60002".into();
    let second = world.accept(elsewhere, START).await;
    assert_ne!(first.deliveries, second.deliveries);
}

pub(crate) async fn a_refused_event_uses_up_no_id<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let early = call("e1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]}));
    let refused = world.try_accept(vec![early], START).await.remove(0).unwrap_err();
    assert_eq!(refused.code(), "unknown_lead");
    assert!(fixture.store().lead(ACCOUNT, &reference("c1")).await.unwrap().is_none());
    assert_eq!(world.accept(ended(1), START).await.deliveries.len(), 1);
}

pub(crate) async fn unknown_sites_and_leads_are_refused_without_spoiling_the_others<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let mut elsewhere = ended(2);
    elsewhere["site"] = "99".into();
    let orphan = call("e3", "lead.rating_changed", "c3", json!({"rating": 5}));
    let answers = world.try_accept(vec![ended(1), elsewhere, orphan, ended(4)], START).await;
    assert!(answers[0].is_ok() && answers[3].is_ok());
    assert_eq!(answers[1], Err(Refusal::UnknownSite("99".to_owned())));
    assert!(matches!(answers[2], Err(Refusal::UnknownLead { .. })));
    for lead in ["c1", "c4"] {
        assert!(fixture.store().lead(ACCOUNT, &reference(lead)).await.unwrap().is_some(), "{lead}");
    }
}

pub(crate) async fn an_event_without_an_id_gets_one<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let nameless = |lead: &str| {
        let mut event = call("", "call.ended", lead, json!({}));
        event.as_object_mut().unwrap().remove("id");
        event
    };
    let first = world.accept(nameless("c1"), START).await;
    let second = world.accept(nameless("c1"), START).await;
    assert!(first.event_id.starts_with("evt_") && second.event_id.starts_with("evt_"));
    assert_ne!(first.event_id, second.event_id);
    let (_, history) = fixture.store().lead(ACCOUNT, &reference("c1")).await.unwrap().unwrap();
    let ids: Vec<_> = history.iter().map(|cause| cause.event_id.as_str()).collect();
    assert_eq!(ids, [first.event_id.as_str(), second.event_id.as_str()]);
    let repeat = call(&first.event_id, "call.ended", "c9", json!({}));
    assert_eq!(world.accept(repeat, START).await.event_id, first.event_id);
    assert!(fixture.store().lead(ACCOUNT, &reference("c9")).await.unwrap().is_none());
}

pub(crate) async fn events_of_one_batch_see_each_other<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let tagged = call("e2", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]}));
    let answers = world.try_accept(vec![ended(1), tagged], START).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let (lead, _) = fixture.store().lead(ACCOUNT, &reference("c1")).await.unwrap().unwrap();
    assert_eq!(lead.version, 2);
}

/// A call from one number that began so many days after the start; and whether it is unique.
async fn is_unique(world: &World, site: &str, kind: &str, lead: &str, days: i64) -> bool {
    let at = START.plus_ms(days * DAY_MS);
    let event = if kind == "call" { "call.ended" } else { "request.created" };
    let event = json!({
        "type": event, "site": site, "lead": {"type": kind, "id": lead}, "time": at.to_rfc3339(),
        "data": {"callerphone": "79161234567", "started_at": at.to_rfc3339()},
    });
    world.accept(event, at).await;
    let mut reference = reference(lead);
    reference.site = leadhook_core::id::SiteId::new(site).unwrap();
    reference.kind = leadhook_core::lead::LeadKind::by_word(kind).unwrap();
    world.store.lead(ACCOUNT, &reference).await.unwrap().unwrap().0.decided.unique
}

pub(crate) async fn unique_is_the_first_call_within_the_depth_on_its_site<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.site("60002", json!({"name": "Other"})).await;
    assert!(is_unique(&world, "60001", "call", "a", 0).await);
    assert!(!is_unique(&world, "60001", "call", "b", 30).await, "at the depth's edge");
    assert!(is_unique(&world, "60002", "call", "c", 30).await, "on another site");
    assert!(is_unique(&world, "60001", "request", "d", 30).await, "of another kind");
    assert!(is_unique(&world, "60001", "call", "e", 61).await, "beyond the depth");
}

pub(crate) async fn with_cross_uniqueness_calls_and_requests_count_together<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.site("60001", json!({"name": "Shop", "cross_uniqueness": true})).await;
    assert!(is_unique(&world, "60001", "request", "a", 0).await);
    assert!(!is_unique(&world, "60001", "call", "b", 1).await);
}

pub(crate) async fn rule_3_triggers_in_force_are_those_saved_when_the_lead_arrived<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    world.accept(ended(1), START).await;
    let fewer = settings(&event_based(&["call_ended"]));
    fixture.store().save_webhook(ACCOUNT, webhook, fewer, None, minute(1)).await.unwrap();
    world.accept(ended(2), minute(2)).await;
    let tagged = |lead| call(&format!("t-{lead}"), "lead.tags_changed", lead, json!({"tags_manual": ["a"]}));
    assert_eq!(world.accept(tagged("c1"), minute(3)).await.deliveries.len(), 1, "arrived before the save");
    assert_eq!(world.accept(tagged("c2"), minute(3)).await.deliveries.len(), 0, "arrived after it");
}

pub(crate) async fn rule_3_a_webhook_owes_nothing_for_leads_that_arrived_before_it<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let start = call("e1", "call.started", "c1", json!({}));
    world.accept(start, START).await;
    world.webhook(7, json!({})).await;
    assert!(world.accept(call("e2", "call.ended", "c1", json!({})), minute(1)).await.deliveries.is_empty());
    assert_eq!(world.accept(ended(3), minute(1)).await.deliveries.len(), 1);
}

pub(crate) async fn rule_2_a_delayed_delivery_is_not_claimed_before_it_is_due<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let delayed = json!({"sending": {"model": "simplified", "delay_minutes": {"call_ended": 20}}});
    let webhook = world.webhook(7, delayed).await;
    let receipt = world.accept(ended(1), START).await;
    assert_eq!(receipt.wake, vec![(webhook, minute(20))]);
    let claims = world.claim(webhook, 10, minute(20).plus_ms(-1)).await;
    assert!(claims.claimed.is_empty());
    assert_eq!(claims.next_due, Some(minute(20)));
    assert_eq!(world.claim_one(webhook, minute(20)).await.delivery.id, receipt.deliveries[0]);
}

pub(crate) async fn many_at_once_are_all_stored<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let accepting: Vec<_> = (0..300)
        .map(|number| {
            let world = world.clone();
            tokio::spawn(async move { world.accept(ended(number), START).await })
        })
        .collect();
    for accepted in accepting {
        assert_eq!(accepted.await.unwrap().deliveries.len(), 1);
    }
    assert_eq!(world.claim(webhook, 1_000, START).await.claimed.len(), 300);
}
