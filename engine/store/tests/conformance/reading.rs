//! Lists: complete, newest first, without doubles.

use std::collections::BTreeSet;

use leadhook_core::{
    delivery::StateName,
    event::Trigger,
    id::{DeliveryId, SiteId},
    lead::LeadKind,
    qualify::Client,
    time::DAY_MS,
};
use leadhook_store::query::{DeliveryQuery, LeadQuery};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, call, ended, event_based, minute, reference},
};

/// 40 leads over four days, each owed to two webhooks; some deliveries delivered, some retrying, some open.
async fn four_days(world: &World) -> BTreeSet<DeliveryId> {
    let webhooks = [world.webhook(7, json!({})).await, world.webhook(3, json!({})).await];
    let mut all = BTreeSet::new();
    for number in 0..40_u32 {
        let now = START.plus_ms(i64::from(number) * DAY_MS / 10);
        all.extend(world.accept(ended(number), now).await.deliveries);
        if number % 4 != 0 {
            continue;
        }
        for webhook in webhooks {
            for claimed in world.claim(webhook, 2, now).await.claimed {
                if number % 8 == 0 {
                    world.retry(claimed, now.plus_ms(9 * DAY_MS), now).await;
                } else {
                    world.deliver(claimed, now).await;
                }
            }
        }
    }
    assert_eq!(all.len(), 80);
    all
}

async fn page_through(world: &World, query: DeliveryQuery) -> Vec<DeliveryId> {
    let mut query = query;
    let mut ids: Vec<DeliveryId> = Vec::new();
    loop {
        let page = world.deliveries(query.clone()).await;
        assert!(page.rows.len() <= query.limit);
        ids.extend(page.rows.iter().map(|shown| shown.delivery.id));
        let Some(next) = page.next else { return ids };
        query.before = Some(next);
    }
}

pub(crate) async fn deliveries_page_completely_without_doubles<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let all = four_days(&world).await;
    for limit in [1, 7, 80, 500] {
        let ids = page_through(&world, DeliveryQuery { limit, ..Default::default() }).await;
        assert!(ids.is_sorted_by(|a, b| a.serial > b.serial), "newest owed first");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), all, "limit {limit}");
    }
}

pub(crate) async fn deliveries_are_filtered<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let all = four_days(&world).await;
    let count = |query: DeliveryQuery| {
        let world = world.clone();
        async move { page_through(&world, DeliveryQuery { limit: 9, ..query }).await.len() }
    };
    let any = DeliveryQuery::default;
    let one = *all.iter().next().unwrap();
    assert_eq!(count(DeliveryQuery { webhook: Some(one.lane.webhook), ..any() }).await, 40);
    assert_eq!(count(DeliveryQuery { lead: Some(reference("c5")), ..any() }).await, 2);
    assert_eq!(count(DeliveryQuery { lead: Some(reference("nobody")), ..any() }).await, 0);
    assert_eq!(count(DeliveryQuery { trigger: Some(Trigger::CallEnded), ..any() }).await, 80);
    assert_eq!(count(DeliveryQuery { trigger: Some(Trigger::CallStarted), ..any() }).await, 0);
    assert_eq!(count(DeliveryQuery { site: SiteId::new("60001"), ..any() }).await, 80);
    assert_eq!(count(DeliveryQuery { site: SiteId::new("9"), ..any() }).await, 0);
    let (from, to) = (START.plus_ms(DAY_MS), START.plus_ms(2 * DAY_MS));
    assert_eq!(count(DeliveryQuery { from: Some(from), to: Some(to), ..any() }).await, 20);
    let mut by_state = 0;
    for (state, some) in [
        (StateName::Scheduled, true),
        (StateName::Retrying, true),
        (StateName::Delivered, true),
        (StateName::Failed, false),
    ] {
        let found = count(DeliveryQuery { state: Some(state), ..any() }).await;
        assert_eq!(found > 0, some, "{state}");
        by_state += found;
    }
    assert_eq!(by_state, 80);
}

pub(crate) async fn a_delivery_under_lease_is_shown_as_sending<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.try_accept(vec![ended(1), ended(2)], START).await;
    let claimed = world.claim(webhook, 1, START).await.claimed.remove(0);
    let state = |state| DeliveryQuery { state: Some(state), limit: 9, ..Default::default() };
    let sending = world.deliveries(state(StateName::Sending)).await.rows;
    assert_eq!(sending.len(), 1);
    assert!(sending[0].sending && sending[0].delivery.id == claimed.delivery.id);
    assert_eq!(world.deliveries(state(StateName::Scheduled)).await.rows.len(), 1);
    world.deliver(claimed.clone(), START).await;
    assert!(world.deliveries(state(StateName::Sending)).await.rows.is_empty());
    let shown = world.store.delivery(ACCOUNT, claimed.delivery.id).await.unwrap().unwrap();
    assert!(!shown.sending);
}

pub(crate) async fn leads_page_completely_without_doubles<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    for number in 0..25_u32 {
        world.accept(ended(number), START.plus_ms(i64::from(number) * DAY_MS / 10)).await;
    }
    let later = minute(9_000);
    world.accept(call("t3", "lead.tags_changed", "c3", json!({"tags_manual": ["a"]})), later).await;
    for limit in [1, 7, 25, 100] {
        let mut query = LeadQuery { limit, ..Default::default() };
        let mut ids = Vec::new();
        loop {
            let page = world.store.leads(ACCOUNT, query.clone()).await.unwrap();
            for lead in page.rows {
                assert_eq!(lead.version, if lead.reference.id == "c3" { 2 } else { 1 });
                ids.push(lead.reference.id);
            }
            let Some(next) = page.next else { break };
            query.before = Some(next);
        }
        assert_eq!(ids, (0..25).rev().map(|number| format!("c{number}")).collect::<Vec<_>>());
    }
    let requests = LeadQuery { kind: Some(LeadKind::Request), limit: 9, ..Default::default() };
    assert!(world.store.leads(ACCOUNT, requests).await.unwrap().rows.is_empty());
}

pub(crate) async fn a_clients_leads_are_found_on_every_site<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.site("60002", json!({"name": "Other"})).await;
    for number in 0..6 {
        let mut event = call(
            &format!("e{number}"),
            "call.ended",
            &format!("c{number}"),
            json!({"callerphone": "79160000001"}),
        );
        event["site"] = if number % 2 == 0 { "60001" } else { "60002" }.into();
        event["time"] = minute(number).to_rfc3339().into();
        world.accept(event, minute(number)).await;
    }
    world.accept(ended(77), minute(9)).await;
    let client = Client::by_phone("79160000001");
    let of_client = LeadQuery { client, limit: 4, ..Default::default() };
    let ids = |query: LeadQuery| {
        let store = world.store.clone();
        async move {
            let page = store.leads(ACCOUNT, query).await.unwrap();
            (page.rows.into_iter().map(|lead| lead.reference.id).collect::<Vec<_>>(), page.next)
        }
    };
    let (first, next) = ids(of_client.clone()).await;
    assert_eq!(first, ["c5", "c4", "c3", "c2"]);
    assert_eq!(
        ids(LeadQuery { before: next, ..of_client.clone() }).await,
        (vec!["c1".into(), "c0".into()], None)
    );
    let narrowed = LeadQuery {
        site: SiteId::new("60001"),
        from: Some(minute(1)),
        to: Some(minute(4)),
        kind: Some(LeadKind::Call),
        ..of_client
    };
    assert_eq!(ids(narrowed).await, (vec!["c2".to_owned()], None));
}

pub(crate) async fn a_lead_is_shown_with_its_history<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let first = world.accept(ended(1), START).await;
    let second =
        world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), minute(1)).await;
    let (lead, history) = world.store.lead(ACCOUNT, &reference("c1")).await.unwrap().unwrap();
    assert_eq!((lead.version, lead.reference), (2, reference("c1")));
    let told: Vec<_> = history.iter().map(|cause| (cause.event_id.as_str(), &cause.deliveries)).collect();
    assert_eq!(told, [("e1", &first.deliveries), ("t1", &second.deliveries)]);
    let query = DeliveryQuery { lead: Some(reference("c1")), limit: 9, ..Default::default() };
    let ids: Vec<_> = world.deliveries(query).await.rows.iter().map(|shown| shown.delivery.id).collect();
    assert_eq!(ids, [second.deliveries[0], first.deliveries[0]]);
}
