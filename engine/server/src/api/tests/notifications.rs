//! Notifications: paged, of one account, and of the form that clients are told.

use leadhook_core::{id::WebhookId, notification::News, plugin::Step};

use super::*;

#[tokio::test]
async fn notifications_are_told_newest_first_in_pages_to_their_account_alone() {
    let world = World::new().await;
    assert_eq!(world.get("/v1/notifications").await.body, json!({"notifications": []}));
    let webhook = WebhookId(7);
    let plugin = News::PluginFailing {
        webhook,
        plugin: "crm".to_owned(),
        step: Step::Transform,
        failure: "trap: it gave up".to_owned(),
    };
    for news in [News::HandlerFailing { webhook }, plugin] {
        world.engine.store().notify(AccountId::DEFAULT, news, world.engine.now()).await.unwrap();
        world.clock.advance(1_000);
    }
    let first = world.get("/v1/notifications?limit=1").await;
    let newest = &first.body["notifications"][0];
    assert_eq!(newest["kind"], json!("plugin_failing"));
    assert_eq!((&newest["plugin"], &newest["webhook"]), (&json!("crm"), &json!(webhook.to_string())));
    assert_eq!(newest["at"], json!("2026-03-02T10:00:01.000Z"));
    assert!(newest["detail"].as_str().unwrap().ends_with("trap: it gave up"), "{newest}");
    let second = world.get(&format!("/v1/notifications?cursor={}", first.text("next_cursor"))).await;
    assert_eq!(second.body["notifications"][0]["kind"], json!("handler_failing"));
    assert_eq!((&second.body["notifications"][1], &second.body["next_cursor"]), (&Value::Null, &Value::Null));
    let theirs = world.raw_as(OTHER_KEY, "GET", "/v1/notifications", &[], "").await;
    assert_eq!(theirs.body, json!({"notifications": []}));
    assert_eq!(world.get("/v1/notifications?kind=x").await.faults(), [("kind", "unknown_parameter")]);
}
