//! Rules 2, 4, 5 and 6 of "Webhook settings", through the running engine.

use leadhook_core::{delivery::StateName, webhook::Switch};
use serde_json::json;

use crate::world::{ACCOUNT, World, status};

#[tokio::test]
async fn rule_2_a_delayed_delivery_is_rendered_when_it_falls_due_from_the_lead_as_it_then_stands() {
    let world = World::new().await;
    world.webhook(json!({"sending": {"delay_minutes": {"call_ended": 1440}}, "tags": ["VIP"]})).await;
    let id = world.call("1").await;
    world.clock.advance(1_439 * 60_000);
    world.post("lead.tags_changed", "1", json!({"tags_auto_pr": ["VIP"], "manager": "Ann"})).await;
    assert_eq!(world.handler.count(), 0, "a day is not over");
    world.clock.advance(60_000);
    world.stands(id, StateName::Delivered).await;
    let seen = world.handler.seen(1).await;
    assert_eq!(seen[0].pair("tags_auto_pr").as_deref(), Some("VIP"));
    assert_eq!(seen[0].pair("manager").as_deref(), Some("Ann"));
}

#[tokio::test]
async fn rule_4_a_delivery_that_falls_due_while_the_webhook_is_off_is_cancelled() {
    let world = World::new().await;
    for switch in [Switch::Off(None), Switch::Deleted] {
        let webhook = world.webhook(json!({"sending": {"delay_minutes": {"call_ended": 1}}})).await;
        let deliveries = world.post("call.ended", &format!("{switch:?}"), json!({})).await;
        let id = *deliveries.iter().find(|id| id.lane.webhook == webhook).unwrap();
        world.engine.switch_webhook(ACCOUNT, webhook, switch.clone()).await.unwrap();
        world.clock.advance(60_000);
        let cancelled = world.stands(id, StateName::Cancelled).await;
        assert!(cancelled.attempts.is_empty());
        assert!(cancelled.state.reason().is_some());
    }
    assert_eq!(world.handler.count(), 0);
}

#[tokio::test]
async fn rule_5_changed_fields_compare_with_the_last_delivered_delivery_of_the_lane() {
    let world = World::new().await;
    let sending =
        json!({"model": "event_based", "on": ["call_ended", "lead_tags_changed", "lead_manager_changed"]});
    let parameters = json!({"rename": {"tags_manual": "labels"}});
    world
        .webhook(json!({"sending": sending, "parameters": parameters, "retry": {"after_seconds": []}}))
        .await;
    let first = world.call("1").await;
    world.stands(first, StateName::Delivered).await;
    world.handler.answers([status(500)]);
    let lost = world.post("lead.tags_changed", "1", json!({"tags_manual": ["A"]})).await[0];
    world.stands(lost, StateName::Failed).await;
    let third = world.post("lead.manager_changed", "1", json!({"manager": "Ann"})).await[0];
    world.stands(third, StateName::Delivered).await;
    let seen = world.handler.seen(3).await;
    assert_eq!(seen[0].pair("changedFields").as_deref(), Some("null"));
    assert_eq!(seen[1].pair("changedFields").as_deref(), Some("labels"));
    let mut names: Vec<_> = seen[2].pair("changedFields").unwrap().split(',').map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["labels", "manager"], "what was not delivered still counts as changed");
}

#[tokio::test]
async fn rule_6_what_a_filter_holds_back_ends_skipped_with_its_reason() {
    let world = World::new().await;
    world.webhook(json!({"tags": ["Sales"]})).await;
    let skipped = world.call("1").await;
    let skipped = world.stands(skipped, StateName::Skipped).await;
    assert!(skipped.state.reason().unwrap().contains("Sales"));
    assert!(skipped.attempts.is_empty() && skipped.renderings.is_empty());
    assert_eq!(world.handler.count(), 0);
}
