//! What has ended is sent again, and replayed.

use super::*;

impl World {
    /// The path of the newest delivery, once it is in this state.
    async fn newest(&self, state: &str) -> String {
        let listed = self.until("/v1/deliveries", |body| body["deliveries"][0]["state"] == state).await;
        format!("/v1/deliveries/{}", listed.body["deliveries"][0]["id"].as_str().unwrap())
    }
}

#[tokio::test]
async fn what_ended_is_sent_again_by_a_delivery_of_its_own_and_both_say_so() {
    let world = World::with_site().await;
    world.active_webhook(json!({"retry": {"after_seconds": []}})).await;
    world.handler.status.store(500, Ordering::Relaxed);
    world.post("/v1/events", event("call.ended", json!({"duration": 5}))).await;
    let first = world.newest("failed").await;
    world.handler.status.store(200, Ordering::Relaxed);
    let sent = world.press(&format!("{first}/send")).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.body);
    let first_id = first.rsplit('/').next().unwrap();
    let expected = json!({"id": sent.text("id"), "resend_of": first_id, "due": "2026-03-02T10:00:00.000Z"});
    assert_eq!(sent.body, expected);
    assert_ne!(sent.text("id"), first_id);

    let again = format!("/v1/deliveries/{}", sent.text("id"));
    let again = world.until(&again, |body| body["state"] == "delivered").await;
    assert_eq!((again.text("resend_of"), &again.body["resends"]), (first_id, &json!([])));
    let headers = again.body["attempts"][0]["request"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["webhook-resend-of", first_id])), "{headers:?}");
    let shown = world.get(&first).await.body;
    assert_eq!((&shown["state"], &shown["resends"]), (&json!("delivered"), &json!([sent.text("id")])));
    assert_eq!((shown.get("resend_of"), &shown["attempt_count"]), (None, &json!(1)));
}

#[tokio::test]
async fn nothing_is_sent_again_while_the_webhook_is_off() {
    let world = World::with_site().await;
    let webhook = world.active_webhook(json!({})).await;
    world.post("/v1/events", event("call.ended", json!({}))).await;
    let path = world.newest("delivered").await;
    world.press(&format!("/v1/webhooks/{webhook}/deactivate")).await;
    world.press(&format!("{path}/send")).await.is_problem(409, "webhook_off");
}

#[tokio::test]
async fn a_replay_tells_that_the_bytes_are_the_same_and_what_ran() {
    let world = World::with_site().await;
    world.upload("plus", plugins::PLUS).await;
    let webhook = world.active_webhook(json!({"transform": [{"plugin": "plus"}]})).await;
    world.post("/v1/events", event("call.ended", json!({"callerphone": "89990000001"}))).await;
    let path = world.newest("delivered").await;
    let one = world.get(&path).await.body;
    world.upload("plus", r#"request.set("phone", "another");"#).await;
    let settings = json!({"url": "https://other.example/hook", "transform": [{"plugin": "plus"}]});
    assert_eq!(world.put(&format!("/v1/webhooks/{webhook}"), settings).await.status, StatusCode::OK);
    let replay = world.press(&format!("{path}/replay")).await;
    assert_eq!((replay.status, &replay.body["same"]), (StatusCode::OK, &json!(true)), "{}", replay.body);
    let rendering = &replay.body["renderings"][0];
    assert_eq!(rendering["request"], one["renderings"][0]["request"]);
    assert_eq!((&rendering["same"], &rendering["differences"]), (&json!(true), &json!([])));
    assert_eq!(rendering["plugins"][0]["sha256"], one["plugins"][0]["sha256"]);
    assert_eq!(world.get(&path).await.body, one, "nothing is kept of it");
}

#[tokio::test]
async fn a_replay_tells_what_is_not_the_same_and_what_cannot_be() {
    let world = World::with_site().await;
    for secret in ["then", "now"] {
        world.put("/v1/secrets/token", json!({ "value": secret })).await;
        if secret == "then" {
            world.upload("token", r#"request.set("token", secret("token"));"#).await;
            let chain = json!([{"plugin": "token", "secrets": ["token"]}]);
            world.active_webhook(json!({ "transform": chain })).await;
            world.post("/v1/events", event("call.ended", json!({}))).await;
            world.newest("delivered").await;
        }
    }
    let replay = world.press(&format!("{}/replay", world.newest("delivered").await)).await;
    assert_eq!((replay.status, &replay.body["same"]), (StatusCode::OK, &json!(false)));
    let difference = json!({"place": "parameter token", "then": "then", "again": "now"});
    assert_eq!(replay.body["renderings"][0]["differences"][0], difference, "{}", replay.body);

    world.active_webhook(json!({"tags": ["VIP"]})).await;
    let mut other = event("call.ended", json!({}));
    other["lead"]["id"] = json!("78");
    world.post("/v1/events", other).await;
    let skipped = world.until("/v1/deliveries?state=skipped", |body| body["deliveries"][0].is_object()).await;
    let path = format!("/v1/deliveries/{}", skipped.body["deliveries"][0]["id"].as_str().unwrap());
    let refused = world.press(&format!("{path}/replay")).await;
    assert_eq!(refused.is_problem(409, "never_rendered").text("state"), "skipped");
    assert!(refused.text("detail").contains("no request was ever made"), "{}", refused.body);
    let foreign = world.raw_as(OTHER_KEY, "POST", &format!("{path}/replay"), &[], Body::empty()).await;
    foreign.is_problem(404, "not_found");
}
