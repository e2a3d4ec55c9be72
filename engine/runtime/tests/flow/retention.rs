//! What has grown old goes by itself over months, and nothing that is still needed goes with it.

use std::time::Duration;

use leadhook_core::{
    delivery::StateName,
    id::{DeliveryId, LeadRef, SiteId},
    lead::LeadKind,
    retention::Retention,
    time::DAY_MS,
    webhook::Switch,
};
use leadhook_runtime::{Again, Unrepeatable, clock::Clock as _, limits::Limits};
use leadhook_store::{ByHand, query::LeadQuery, redb::verify};
use serde_json::json;

use crate::world::{ACCOUNT, World, status};

const KEEP: Retention = Retention { leads_days: 60, attempts_days: 31, bodies_days: 31 };

const WEEK_SECONDS: u32 = 7 * 86_400;

async fn world() -> World {
    world_that_keeps(KEEP).await
}

async fn world_that_keeps(retention: Retention) -> World {
    World::with(Limits { retention, switch_off_after_days: None, ..Limits::default() }).await
}

fn call(id: &str) -> LeadRef {
    LeadRef { site: SiteId::new("60001").unwrap(), kind: LeadKind::Call, id: id.to_owned() }
}

async fn is_kept(world: &World, lead: &str) -> bool {
    world.store().lead(ACCOUNT, &call(lead)).await.unwrap().is_some()
}

async fn has_attempts(world: &World, id: DeliveryId) -> bool {
    world.store().delivery(ACCOUNT, id).await.unwrap().is_some()
}

/// Lets days pass, a quarter of an hour at a time, so that what goes at a quiet pace has gone.
async fn days_pass(world: &World, days: i64) {
    for _ in 0..days * 24 {
        world.clock.advance(DAY_MS / 24);
        tokio::task::yield_now().await;
    }
}

/// Lets minutes pass until it is so.
async fn until(world: &World, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..20_000 {
        if holds().await {
            return;
        }
        world.clock.advance(60_000);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come to be so");
}

#[tokio::test]
async fn attempts_go_after_their_days_and_leads_after_theirs() {
    let world = world().await;
    world.webhook(json!({})).await;
    let old = world.call("old").await;
    world.stands(old, StateName::Delivered).await;
    days_pass(&world, 20).await;
    let young = world.call("young").await;
    world.stands(young, StateName::Delivered).await;
    days_pass(&world, 13).await;
    until(&world, async || !has_attempts(&world, old).await).await;
    assert!(has_attempts(&world, young).await && is_kept(&world, "old").await);
    assert!(matches!(world.engine.send_now(ACCOUNT, old).await.unwrap(), ByHand::Unknown));
    days_pass(&world, 28).await;
    until(&world, async || !is_kept(&world, "old").await).await;
    assert!(is_kept(&world, "young").await);

    let leads = world.store().leads(ACCOUNT, LeadQuery { limit: 9, ..LeadQuery::default() }).await.unwrap();
    assert_eq!(leads.rows.len(), 1);
    let again = world.call("old").await;
    world.stands(again, StateName::Delivered).await;
    world.engine.shutdown(Duration::from_secs(10)).await;
    let verified = verify(world.folder.path(), None, |_| {}).unwrap();
    assert_eq!(verified.told, [], "nothing that went is missed");
}

#[tokio::test]
async fn bodies_go_before_their_deliveries_which_can_still_be_sent_again() {
    let world = world_that_keeps(Retention { leads_days: 60, attempts_days: 60, bodies_days: 31 }).await;
    world.webhook(json!({"method": "GET"})).await;
    world.webhook(json!({})).await;
    let facts = || json!({"duration": 40, "callerphone": "79990000012"});
    let old = world.post("call.ended", "old", facts()).await;
    for id in &old {
        world.stands(*id, StateName::Delivered).await;
    }
    days_pass(&world, 20).await;
    let young = world.post("call.ended", "young", facts()).await;
    for id in &young {
        world.stands(*id, StateName::Delivered).await;
    }
    let sent = async |id| world.delivery(id).await.renderings[0].clone();
    let before = sent(old[1]).await;
    days_pass(&world, 13).await;
    for id in &old {
        until(&world, async || !sent(*id).await.has_body()).await;
        let left = sent(*id).await;
        assert!(left.request.body.is_empty() && !left.request.url.contains("callerphone"), "{left:?}");
        assert_eq!((left.lead_version, left.revision), (before.lead_version, before.revision));
        let replay = world.engine.replay(ACCOUNT, *id).await.unwrap().unwrap();
        let again = &replay.renderings[0].again;
        assert!(matches!(again, Again::Impossible(Unrepeatable::BodyGone)), "{again:?}");
        let ByHand::SentAgain { by, .. } = world.engine.send_now(ACCOUNT, *id).await.unwrap() else {
            panic!("it is not sent again")
        };
        world.stands(by, StateName::Delivered).await;
        assert!(sent(by).await.has_body());
    }
    for id in &young {
        assert!(sent(*id).await.has_body());
    }
}

#[tokio::test]
async fn a_lead_stays_while_something_of_it_is_owed_and_goes_then() {
    let world = world().await;
    let webhook = world.webhook(json!({"retry": {"after_seconds": []}})).await;
    world.handler.always_answers(status(500));
    let failed = world.call("1").await;
    world.stands(failed, StateName::Failed).await;
    let left_alone = world.call("2").await;
    world.stands(left_alone, StateName::Failed).await;
    days_pass(&world, 30).await;
    // Sent again, it is tried once a week, until long after the lead and the first delivery have grown old.
    world.save(webhook, json!({"retry": {"after_seconds": vec![WEEK_SECONDS; 8]}})).await;
    let again = world.engine.send_now(ACCOUNT, failed).await.unwrap();
    let ByHand::SentAgain { by, .. } = again else { panic!("{again:?}") };
    for attempts in 1..=5 {
        until(&world, async || world.delivery(by).await.attempts.len() >= attempts).await;
        days_pass(&world, 6).await;
    }
    until(&world, async || !is_kept(&world, "2").await).await;
    assert!(is_kept(&world, "1").await, "its delivery waits for another attempt");
    world.handler.always_answers(status(200));
    until(&world, async || world.delivery(by).await.state.name() == StateName::Delivered).await;
    until(&world, async || !is_kept(&world, "1").await).await;
    world.engine.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap().unwrap();
    world.engine.shutdown(Duration::from_secs(10)).await;
    assert_eq!(verify(world.folder.path(), None, |_| {}).unwrap().told, []);
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_costs_a_day_and_not_all() {
    let world = world().await;
    world.webhook(json!({})).await;
    let mut ids = Vec::new();
    for day in 0..5 {
        let id = world.call(&day.to_string()).await;
        world.stands(id, StateName::Delivered).await;
        ids.push(id);
        world.clock.advance(DAY_MS);
    }
    world.clock.advance(2_000 * DAY_MS);
    until_first_goes(&world, ids[0]).await;
    world.clock.advance(-2_000 * DAY_MS);
    assert!(has_attempts(&world, ids[4]).await);
    assert!(world.clock.now() < world.delivery(ids[4]).await.id.serial.time().plus_ms(40 * DAY_MS));
}

/// Waits without any time passing.
async fn until_first_goes(world: &World, id: DeliveryId) {
    for _ in 0..20_000 {
        if !has_attempts(world, id).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("nothing went");
}
