//! Fairness: bounded in flight, the breaker, the rate, and retries brought forward when a handler is back.

use leadhook_core::{
    account::Change,
    breaker::FAILURES_TO_OPEN,
    delivery::StateName,
    event::Event,
    id::{AccountId, SiteId, WebhookId},
    site::Site,
    webhook::{Settings, Switch},
};
use leadhook_runtime::{clock::Clock as _, limits::Limits};
use leadhook_store::Account;
use serde_json::json;

use crate::world::{Seen, World, status};

#[tokio::test]
async fn a_webhook_never_has_more_in_flight_than_it_may() {
    let world = World::new().await;
    world.webhook(json!({"rate": {"concurrent": 3}})).await;
    world.handler.hold();
    let mut last = None;
    for call in 0..10 {
        last = Some(world.call(&call.to_string()).await);
    }
    world.handler.seen(3).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.handler.count(), 3);
    world.handler.let_go();
    world.stands(last.unwrap(), StateName::Delivered).await;
    world.handler.seen(10).await;
}

#[tokio::test]
async fn an_account_never_has_more_in_flight_than_it_may() {
    let world = World::with(Limits { in_flight_per_account: 4, ..Limits::default() }).await;
    world.webhook(json!({})).await;
    world.webhook(json!({})).await;
    world.handler.hold();
    for call in 0..10 {
        world.call(&call.to_string()).await;
    }
    world.handler.seen(4).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.handler.count(), 4);
    world.handler.let_go();
    world.handler.seen(20).await;
}

#[tokio::test]
async fn the_rate_spreads_attempts_over_time() {
    let world = World::new().await;
    world.webhook(json!({"rate": {"per_second": 2}})).await;
    let first = world.call("first").await;
    world.stands(first, StateName::Delivered).await;
    for call in 0..4 {
        world.call(&call.to_string()).await;
    }
    world.handler.seen(2).await;
    for expected in 3..=5 {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(world.handler.count() < expected, "no more than two a second");
        world.clock.advance(500);
        world.handler.seen(expected).await;
    }
}

#[tokio::test]
async fn a_failing_handler_is_left_alone_and_its_retries_fall_due_when_it_is_back() {
    let world = World::new().await;
    let started = world.clock.now();
    world.webhook(json!({"retry": {"after_seconds": [3600, 3600]}})).await;
    world.handler.always_answers(status(503));
    let mut failed = Vec::new();
    for call in 0..FAILURES_TO_OPEN {
        let id = world.call(&call.to_string()).await;
        world.stands(id, StateName::Retrying).await;
        failed.push(id);
    }
    let waiting = world.call("while it is open").await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let attempts = world.handler.count();
    assert_eq!(attempts, FAILURES_TO_OPEN as usize, "nothing is attempted while the circuit is open");
    assert!(world.delivery(waiting).await.attempts.is_empty(), "and nothing is counted");

    world.handler.always_answers(status(200));
    world.clock.advance(10_000);
    world.stands(waiting, StateName::Delivered).await;
    for id in failed {
        assert_eq!(world.stands_as_time_passes(id, StateName::Delivered).await.attempts.len(), 2);
    }
    assert!(world.clock.now() < started.plus_ms(3_600_000), "long before the retries of their own");
}

#[tokio::test]
async fn a_dead_handler_holds_back_nobody_else() {
    let world = World::new().await;
    let dead = world.webhook(json!({"rate": {"concurrent": 1}})).await;
    world.handler.hold();
    let stuck = world.call("1").await;
    assert_eq!(stuck.lane.webhook, dead);
    world.handler.seen(1).await;
    let alive = world.webhook(json!({})).await;
    for call in 2..10 {
        world.call(&call.to_string()).await;
    }
    let seen = world.handler.seen(9).await;
    world.handler.let_go();
    assert_eq!(seen.len(), 9, "one of the stuck webhook, eight of {alive}");
}

/// Another account with a site and a webhook that is on.
async fn other_account(world: &World) -> AccountId {
    let id = AccountId(2);
    let account = Account { id, name: "other".to_owned(), client_id_key: [3; 32], recording_key: [4; 32] };
    let (store, now) = (world.store(), world.clock.now());
    store.put_account(account).await.unwrap();
    let site = Site::parse(SiteId::new("60001").unwrap(), 1, &json!({})).unwrap();
    store.put_site(id, site, now).await.unwrap();
    let settings = Settings::restore(&json!({"url": "https://few.example/hook"})).unwrap();
    store.create_webhook(id, WebhookId(900), settings, now).await.unwrap();
    world.engine.switch_webhook(id, WebhookId(900), Switch::On).await.unwrap().unwrap();
    id
}

async fn accept(world: &World, account: AccountId, call: &str) {
    let event = Event::parse(&json!({
        "type": "call.ended", "site": "60001", "lead": {"type": "call", "id": call},
        "time": world.clock.now().to_rfc3339(), "data": {"duration": 40, "callerphone": "79990000012"},
    }));
    world.engine.accept(account, vec![event.unwrap()]).await.unwrap().remove(0).unwrap();
}

#[tokio::test]
async fn a_few_of_one_account_go_out_beside_the_backlog_of_another() {
    let world = World::with(Limits { in_flight: 8, in_flight_per_account: 8, ..Limits::default() }).await;
    for _ in 0..3 {
        world.webhook(json!({})).await;
    }
    world.handler.hold();
    for call in 0..60 {
        world.call(&call.to_string()).await;
    }
    world.handler.seen(8).await;
    let few = other_account(&world).await;
    for call in 0..4 {
        accept(&world, few, &format!("few-{call}")).await;
    }
    world.handler.let_go();
    let seen = world.handler.seen(184).await;
    let of_few = |seen: &Seen| seen.request.url.contains("few.example");
    let last = seen.iter().rposition(of_few).expect("they went out");
    assert_eq!(seen.iter().filter(|seen| of_few(seen)).count(), 4);
    assert!(last < 8 * 6, "the last of the few was number {last} of 184");
}

#[tokio::test]
async fn nothing_is_sent_for_a_closed_account_until_it_is_open_again() {
    let world = World::new().await;
    let few = other_account(&world).await;
    let state = |state: &str| Change::parse(&json!({ "state": state })).unwrap();
    world.engine.change_account(few, state("closed")).await.unwrap();
    accept(&world, few, "waits").await;
    world.webhook(json!({})).await;
    let delivered = world.call("another account's").await;
    world.stands(delivered, StateName::Delivered).await;
    assert_eq!(world.handler.count(), 1);
    world.engine.change_account(few, state("active")).await.unwrap();
    world.handler.seen(2).await;
}
