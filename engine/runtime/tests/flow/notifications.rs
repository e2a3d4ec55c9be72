//! What an account's people are told of: plugins and handlers that keep failing, webhooks that were switched off.

use leadhook_core::{
    breaker::FAILURES_TO_OPEN,
    delivery::StateName,
    notification::{News, Notification},
    plugin::Step,
};
use serde_json::json;

use crate::world::{ACCOUNT, World, refused, status};

/// The account's notifications, once there are so many, newest first.
async fn told(world: &World, count: usize) -> Vec<Notification> {
    loop {
        let page = world.store().notifications(ACCOUNT, 100, None).await.unwrap();
        if page.rows.len() >= count {
            return page.rows;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_plugin_that_is_left_alone_is_told_of_once_with_its_last_failure() {
    let world = World::new().await;
    world.script("broken", r#"throw "no";"#).await;
    let webhook =
        world.webhook(json!({"transform": [{"plugin": "broken", "on_error": "send_original"}]})).await;
    for call in 0..FAILURES_TO_OPEN + 3 {
        let id = world.call(&call.to_string()).await;
        let delivery = world.stands(id, StateName::Delivered).await;
        assert_eq!(delivery.runs.len(), usize::from(call < FAILURES_TO_OPEN), "then it is left alone");
    }
    let told = told(&world, 1).await;
    let [Notification { news: News::PluginFailing { webhook: of, plugin, step, failure }, .. }] =
        told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((*of, plugin.as_str(), *step), (webhook, "broken", Step::Transform));
    assert!(failure.starts_with("failed: ") && failure.contains("line 1"), "{failure}");
}

#[tokio::test]
async fn a_judge_that_keeps_failing_is_left_alone_and_the_status_counts() {
    let world = World::new().await;
    world.script("judge", r#"fn receipt(lead, response) { throw "no"; }"#).await;
    let webhook = world.webhook(json!({"success": {"plugin": "judge"}})).await;
    for call in 0..FAILURES_TO_OPEN + 1 {
        let id = world.call(&call.to_string()).await;
        let delivery = world.stands(id, StateName::Delivered).await;
        assert_eq!(delivery.runs.len(), usize::from(call < FAILURES_TO_OPEN));
    }
    let told = told(&world, 1).await;
    assert_eq!((told.len(), told[0].news.webhook(), told[0].news.plugin()), (1, webhook, Some("judge")));
}

#[tokio::test]
async fn a_handler_that_is_left_alone_and_a_webhook_switched_off_are_told_of() {
    let world = World::new().await;
    let off = world.webhook(json!({})).await;
    world.handler.always_answers(status(410));
    let id = world.call("1").await;
    world.stands(id, StateName::Failed).await;
    world.handler.always_answers(refused());
    let dead = world.webhook(json!({"retry": {"after_seconds": [3600]}})).await;
    for call in 0..FAILURES_TO_OPEN {
        let id = world.call(&format!("more {call}")).await;
        world.stands(id, StateName::Retrying).await;
    }
    let told = told(&world, 2).await;
    let news: Vec<_> = told.iter().map(|one| (one.news.kind().word(), one.news.webhook())).collect();
    assert_eq!(news, [("handler_failing", dead), ("webhook_switched_off", off)]);
    assert!(told[1].news.detail().contains("410"), "{}", told[1].news.detail());
}
