//! Switching on and off, and copying.

use super::*;

async fn webhook(world: &World, settings: Value) -> String {
    let made = world.post("/v1/webhooks", settings).await;
    format!("/v1/webhooks/{}", made.text("id"))
}

#[tokio::test]
async fn a_handler_that_answers_with_success_is_switched_on() {
    let world = World::new().await;
    let path = webhook(&world, json!({"url": "https://crm.example/hook"})).await;
    let on = world.press(&format!("{path}/activate")).await;
    assert_eq!((on.status, &on.body["active"]), (StatusCode::OK, &json!(true)), "{}", on.body);
    assert_eq!(
        on.body["probe"],
        json!({"status": 200, "body": "noted", "summary": "the handler answered 200"})
    );
    assert_eq!(world.get(&path).await.body["active"], json!(true));
    let off = world.press(&format!("{path}/deactivate")).await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)));
    assert_eq!(off.body.get("inactive_reason"), None);
}

#[tokio::test]
async fn one_that_does_not_is_refused_with_what_came_back_unless_forced() {
    let world = World::new().await;
    let path = webhook(&world, json!({"url": "https://crm.example/hook"})).await;
    let activate = format!("{path}/activate");
    world.handler.status.store(500, Ordering::Relaxed);
    let refused = world.press(&activate).await;
    refused.is_problem(409, "handler_not_ok");
    assert_eq!(
        refused.body["answer"],
        json!({"status": 500, "body": "noted", "summary": "the handler answered 500"})
    );
    assert!(refused.text("detail").contains("force"));
    world.handler.status.store(0, Ordering::Relaxed);
    let refused = world.post(&activate, json!({"force": false})).await;
    assert_eq!(
        refused.is_problem(409, "handler_not_ok").body["answer"]["broken"],
        json!("connection_refused")
    );
    assert_eq!(world.get(&path).await.body["active"], json!(false));
    let forced = world.post(&activate, json!({"force": true})).await;
    assert_eq!((forced.status, &forced.body["active"]), (StatusCode::OK, &json!(true)));
}

#[tokio::test]
async fn how_to_activate_is_read_strictly() {
    let world = World::new().await;
    let activate = format!("{}/activate", webhook(&world, json!({"url": "https://crm.example/hook"})).await);
    let reply = world.post(&activate, json!({"force": 1, "forced": true})).await;
    let faults = [("force", "wrong_type"), ("forced", "unknown_field")];
    assert_eq!(reply.is_problem(422, "invalid").faults(), faults);
    world.raw("POST", &activate, &[], "{").await.is_problem(400, "bad_json");
    world
        .raw("POST", &activate, &[("content-type", "text/plain")], "yes")
        .await
        .is_problem(415, "media_type_not_supported");
    let empty = world.raw("POST", &activate, &[("content-type", "text/plain")], "").await;
    assert_eq!(empty.status, StatusCode::OK, "a type without a body means nothing");
}

#[tokio::test]
async fn a_copy_has_all_settings_and_is_inactive() {
    let world = World::new().await;
    let settings = json!({"url": "https://crm.example/hook", "name": "я".repeat(200), "tags": ["VIP"]});
    let path = webhook(&world, settings).await;
    world.press(&format!("{path}/activate")).await;
    let copy = world.press(&format!("{path}/copy")).await;
    assert_eq!((copy.status, &copy.body["active"]), (StatusCode::CREATED, &json!(false)), "{}", copy.body);
    assert_eq!((&copy.body["revision"], &copy.body["settings"]["tags"]), (&json!(1), &json!(["VIP"])));
    assert_eq!(copy.text("name"), format!("{} (copy)", "я".repeat(193)));
    assert_eq!(copy.header(header::LOCATION), Some(format!("/v1/webhooks/{}", copy.text("id")).as_str()));
    assert_ne!(format!("/v1/webhooks/{}", copy.text("id")), path);
    let unnamed = webhook(&world, json!({"url": "https://crm.example/hook"})).await;
    assert_eq!(world.press(&format!("{unnamed}/copy")).await.text("name"), "crm.example (copy)");
}
