//! The machine's clock is set back or forward by a day: nothing is flooded, and nobody falls silent.

use leadhook_core::{delivery::StateName, time::DAY_MS};
use serde_json::json;

use crate::world::{World, status};

#[tokio::test]
async fn after_a_leap_back_fresh_leads_go_out_at_once_and_each_once() {
    let world = World::new().await;
    world.webhook(json!({"rate": {"per_second": 5}})).await;
    for call in ["1", "2", "3"] {
        let id = world.call(call).await;
        world.stands_as_time_passes(id, StateName::Delivered).await;
    }
    world.clock.advance(-DAY_MS);
    for call in ["4", "5", "6"] {
        let id = world.call(call).await;
        world.stands_as_time_passes(id, StateName::Delivered).await;
    }
    assert_eq!(world.handler.count(), 6);
    world.clock.advance(DAY_MS);
    let id = world.call("7").await;
    world.stands_as_time_passes(id, StateName::Delivered).await;
    assert_eq!(world.handler.count(), 7, "nothing is sent a second time");
}

#[tokio::test]
async fn a_handler_that_was_left_alone_when_the_clock_leapt_back_is_asked_again() {
    let world = World::new().await;
    world.webhook(json!({"retry": {"after_seconds": []}})).await;
    world.handler.always_answers(status(500));
    for call in ["1", "2", "3", "4", "5"] {
        let id = world.call(call).await;
        world.stands_as_time_passes(id, StateName::Failed).await;
    }
    world.clock.advance(-DAY_MS);
    world.handler.always_answers(status(200));
    let id = world.call("6").await;
    world.stands_as_time_passes(id, StateName::Delivered).await;
}

#[tokio::test]
async fn after_a_leap_forward_what_waited_goes_out_once_at_the_pace_that_is_set() {
    let world = World::new().await;
    world
        .webhook(json!({"sending": {"delay_minutes": {"call_ended": 60}}, "rate": {"per_second": 10, "concurrent": 2}}))
        .await;
    let mut ids = Vec::new();
    for call in 0..20 {
        ids.push(world.call(&call.to_string()).await);
    }
    world.clock.advance(DAY_MS);
    let leapt = world.handler.seen(1).await[0].at;
    for id in ids {
        world.stands_as_time_passes(id, StateName::Delivered).await;
    }
    let seen = world.handler.seen(20).await;
    assert_eq!(seen.len(), 20);
    let took_ms = seen[19].at.0 - leapt.0;
    assert!(took_ms >= 1_000, "20 requests came within {took_ms} ms at 10 a second");
}

#[tokio::test]
async fn what_is_on_its_way_when_the_clock_leaps_forward_is_not_sent_a_second_time() {
    let world = World::new().await;
    world.webhook(json!({})).await;
    world.handler.hold();
    let under_way = world.call("1").await;
    world.handler.seen(1).await;
    world.clock.advance(DAY_MS);
    let next = world.call("2").await;
    world.handler.seen(2).await;
    world.handler.let_go();
    for id in [under_way, next] {
        world.stands_as_time_passes(id, StateName::Delivered).await;
    }
    assert_eq!(world.handler.count(), 2);
}

#[tokio::test]
async fn a_turn_that_comes_to_a_bad_end_is_taken_again() {
    let world = World::new().await;
    world.webhook(json!({})).await;
    world.handler.panics_once();
    let id = world.call("1").await;
    world.stands_as_time_passes(id, StateName::Delivered).await;
    assert_eq!(world.handler.count(), 2);
}
