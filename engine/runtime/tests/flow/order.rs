//! Order: a lane's deliveries go out one after another, lanes do not wait for each other; restarts lose nothing.

use leadhook_core::delivery::StateName;
use serde_json::json;

use crate::world::{ACCOUNT, World, status};

fn all_triggers() -> serde_json::Value {
    json!({"model": "event_based", "on": ["call_started", "call_ended", "lead_tags_changed"]})
}

#[tokio::test]
async fn the_next_of_a_lane_waits_until_the_one_before_has_ended() {
    let world = World::new().await;
    world.webhook(json!({"sending": all_triggers()})).await;
    world.handler.answers([status(500)]);
    let started = world.post("call.started", "1", json!({})).await[0];
    world.stands(started, StateName::Retrying).await;
    let ended = world.post("call.ended", "1", json!({"duration": 7})).await[0];
    let other = world.post("call.started", "2", json!({})).await[0];
    world.stands(other, StateName::Delivered).await;
    assert_eq!(world.delivery(ended).await.state.name(), StateName::Scheduled);
    assert_eq!(world.handler.count(), 2);
    world.advance_to_due(started).await;
    world.stands(ended, StateName::Delivered).await;
    let seen = world.handler.seen(4).await;
    let phases: Vec<_> = seen[2..].iter().map(|seen| seen.pair("callphase").unwrap()).collect();
    assert_eq!(phases, ["callconnected", "calldisconnected"]);
}

#[tokio::test]
async fn ordering_none_lifts_it() {
    let world = World::new().await;
    world.webhook(json!({"sending": all_triggers(), "ordering": "none"})).await;
    world.handler.answers([status(500)]);
    let started = world.post("call.started", "1", json!({})).await[0];
    world.stands(started, StateName::Retrying).await;
    let ended = world.post("call.ended", "1", json!({})).await[0];
    world.stands(ended, StateName::Delivered).await;
    assert_eq!(world.delivery(started).await.state.name(), StateName::Retrying);
}

#[tokio::test]
async fn a_cancelled_head_lets_the_next_of_its_lane_go() {
    let world = World::new().await;
    world.webhook(json!({"sending": all_triggers()})).await;
    world.handler.answers([status(500)]);
    let started = world.post("call.started", "1", json!({})).await[0];
    world.stands(started, StateName::Retrying).await;
    let ended = world.post("call.ended", "1", json!({})).await[0];
    world.engine.cancel(ACCOUNT, started).await.unwrap();
    world.stands(ended, StateName::Delivered).await;
    world.stands(started, StateName::Cancelled).await;
}

#[tokio::test]
async fn a_restart_takes_up_what_was_owed_under_the_same_id() {
    let mut world = World::new().await;
    world.webhook(json!({"sending": {"delay_minutes": {"call_ended": 60}}})).await;
    let id = world.call("1").await;
    world.restart().await;
    assert_eq!(world.handler.count(), 0);
    world.advance_to_due(id).await;
    world.stands(id, StateName::Delivered).await;
    assert_eq!(world.handler.seen(1).await[0].header("webhook-id"), Some(id.to_string().as_str()));
}

#[tokio::test]
async fn shutdown_lets_what_is_under_way_end_and_records_it() {
    let mut world = World::new().await;
    world.webhook(json!({})).await;
    world.handler.hold();
    let id = world.call("1").await;
    world.handler.seen(1).await;
    let engine = world.engine.clone();
    let stopping = tokio::spawn(async move { engine.shutdown(std::time::Duration::from_secs(20)).await });
    tokio::task::yield_now().await;
    world.handler.let_go();
    stopping.await.unwrap();
    world.restart().await;
    assert_eq!(world.stands(id, StateName::Delivered).await.attempts.len(), 1);
    assert_eq!(world.handler.count(), 1, "what was recorded is not sent again");
}

#[tokio::test]
async fn what_was_accepted_goes_out_though_its_source_went_away_meanwhile() {
    let world = World::new().await;
    world.webhook(json!({})).await;
    {
        let call = world.call("1");
        tokio::pin!(call);
        // The request begins, and its client is gone before the answer.
        assert!(futures::poll!(call.as_mut()).is_pending());
    }
    world.handler.seen(1).await;
}
