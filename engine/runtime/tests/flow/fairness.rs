//! Fairness: bounded in flight, the breaker, the rate, and retries brought forward when a handler is back.

use leadhook_core::{breaker::FAILURES_TO_OPEN, delivery::StateName};
use leadhook_runtime::{clock::Clock as _, limits::Limits};
use serde_json::json;

use crate::world::{World, status};

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
