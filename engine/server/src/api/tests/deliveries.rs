//! Deliveries: lists, one whole, and commands by hand.

use super::*;

fn ids(reply: &Reply) -> Vec<String> {
    let deliveries = reply.body["deliveries"].as_array().unwrap().iter();
    deliveries.map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
}

/// The path of the only delivery there is.
async fn only(world: &World) -> String {
    let ids = ids(&world.get("/v1/deliveries").await);
    assert_eq!(ids.len(), 1);
    format!("/v1/deliveries/{}", ids[0])
}

#[tokio::test]
async fn a_delivery_shows_what_was_sent_and_what_came_back() {
    let world = World::with_site().await;
    let webhook = world.active_webhook(json!({"headers": {"X-Own": "1"}})).await;
    world.post("/v1/events", event("call.ended", json!({"callerphone": "89990000001", "duration": 5}))).await;
    let path = only(&world).await;
    let one = world.until(&path, |body| body["state"] == "delivered").await.body;
    assert_eq!(
        (&one["webhook"], &one["trigger"], &one["attempt_count"]),
        (&json!(webhook), &json!("call_ended"), &json!(1))
    );
    assert_eq!(one["lead"], json!({"site": "60001", "type": "call", "id": "77"}));
    assert_eq!(
        (&one["created_at"], &one["ended_at"]),
        (&json!("2026-03-02T10:00:00.000Z"), &json!("2026-03-02T10:00:00.000Z"))
    );
    assert_eq!((one.get("reason"), one.get("due")), (None, None));
    let attempt = &one["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["rendering"]), (&json!(1), &json!(0)));
    assert_eq!(
        (&attempt["request"]["method"], &attempt["request"]["url"]),
        (&json!("POST"), &json!("https://crm.example/hook"))
    );
    assert!(attempt["request"]["body"].as_str().unwrap().contains("callerphone=79990000001"));
    let headers = attempt["request"]["headers"].as_array().unwrap();
    for header in
        [json!(["x-own", "1"]), json!(["webhook-id", one["id"]]), json!(["webhook-timestamp", "1772445600"])]
    {
        assert!(headers.contains(&header), "{header} in {headers:?}");
    }
    let response =
        json!({"status": 200, "headers": [["x-handler", "crm"]], "body": "noted", "body_cut": false});
    assert_eq!((&attempt["response"], attempt.get("broken")), (&response, None));
    assert_eq!(one["renderings"][0]["revision"], json!(1));
    assert_eq!(one["renderings"][0]["request"]["body"], attempt["request"]["body"]);
}

#[tokio::test]
async fn a_broken_attempt_says_how_and_the_delivery_waits() {
    let world = World::with_site().await;
    world.active_webhook(json!({})).await;
    world.handler.status.store(0, Ordering::Relaxed);
    world.post("/v1/events", event("call.ended", json!({}))).await;
    let one = world.until(&only(&world).await, |body| body["state"] == "retrying").await.body;
    assert_eq!(one["attempts"][0]["broken"], json!({"kind": "connection_refused", "detail": ""}));
    assert_eq!(
        (one["last_outcome"].as_str(), one["due"].is_string()),
        (Some("the connection was refused"), true)
    );
}

#[tokio::test]
async fn deliveries_are_filtered_and_paged_newest_first() {
    let world = World::with_site().await;
    world.put("/v1/sites/2", json!({})).await;
    let waits = json!({"sending": {"delay_minutes": {"call_ended": 60, "request_created": 60}}});
    let webhook = world.active_webhook(waits.clone()).await;
    let other = world.active_webhook(waits).await;
    let mut request = event("request.created", json!({}));
    request["site"] = json!("2");
    world.post("/v1/events", event("call.ended", json!({}))).await;
    world.clock.advance(1_000);
    world.post("/v1/events", request).await;
    let all = ids(&world.get("/v1/deliveries").await);
    assert_eq!(all.len(), 4);
    let first = world.get("/v1/deliveries?limit=3").await;
    let next = world.get(&format!("/v1/deliveries?limit=3&cursor={}", first.text("next_cursor"))).await;
    assert_eq!([ids(&first), ids(&next)].concat(), all);
    let rows = [
        (format!("webhook={webhook}"), 2),
        (format!("webhook={other}&site=2"), 1),
        ("site=60001".to_owned(), 2),
        ("lead=60001/call/77".to_owned(), 2),
        ("lead=call%2F77&site=60001".to_owned(), 2),
        ("lead=2/request/77&trigger=request_created".to_owned(), 2),
        ("lead=2/call/77".to_owned(), 0),
        ("trigger=call_ended&state=scheduled".to_owned(), 2),
        ("state=delivered".to_owned(), 0),
        ("from=2026-03-02T10:00:01Z".to_owned(), 2),
        ("to=2026-03-02T10:00:01Z".to_owned(), 2),
        ("from=2026-03-02T10:00:02Z".to_owned(), 0),
    ];
    for (filter, count) in rows {
        assert_eq!(ids(&world.get(&format!("/v1/deliveries?{filter}")).await).len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_waiting_delivery_is_sent_by_hand() {
    let world = World::with_site().await;
    world.active_webhook(json!({"sending": {"delay_minutes": {"call_ended": 60}}})).await;
    world.post("/v1/events", event("call.ended", json!({}))).await;
    let path = only(&world).await;
    let sent = world.press(&format!("{path}/send")).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED);
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(sent.body, json!({"id": id, "due": "2026-03-02T10:00:00.000Z"}));
    world.until(&path, |body| body["state"] == "delivered").await;
    let ended = world.press(&format!("{path}/cancel")).await;
    assert_eq!(ended.is_problem(409, "ended").body["state"], json!("delivered"));
}

#[tokio::test]
async fn a_waiting_delivery_is_cancelled_by_hand_and_can_be_taken_up_again() {
    let world = World::with_site().await;
    world.active_webhook(json!({"sending": {"delay_minutes": {"call_ended": 60}}})).await;
    world.post("/v1/events", event("call.ended", json!({}))).await;
    let path = only(&world).await;
    let cancelled = world.press(&format!("{path}/cancel")).await;
    assert_eq!((cancelled.status, cancelled.text("state")), (StatusCode::OK, "cancelled"));
    assert_eq!(cancelled.text("reason"), "cancelled by hand");
    world.press(&format!("{path}/cancel")).await.is_problem(409, "ended");
    assert_eq!(world.press(&format!("{path}/send")).await.status, StatusCode::ACCEPTED);
    world.until(&path, |body| body["state"] == "delivered").await;
}

#[tokio::test]
async fn a_skipped_delivery_is_refused_with_its_reason() {
    let world = World::with_site().await;
    world.active_webhook(json!({"tags": ["VIP"]})).await;
    world.post("/v1/events", event("call.ended", json!({}))).await;
    let path = only(&world).await;
    let skipped = world.until(&path, |body| body["state"] == "skipped").await;
    let refused = world.press(&format!("{path}/send")).await;
    assert_eq!(refused.is_problem(409, "skipped").body["reason"], skipped.body["reason"]);
    assert!(!skipped.text("reason").is_empty());
}

#[tokio::test]
async fn what_is_being_sent_is_left_alone() {
    let world = World::with_site().await;
    world.active_webhook(json!({})).await;
    world.handler.answers.forget_permits(usize::MAX);
    world.post("/v1/events", event("call.ended", json!({}))).await;
    world.handler.came.acquire().await.unwrap().forget();
    let path = only(&world).await;
    for call in ["send", "cancel"] {
        world.press(&format!("{path}/{call}")).await.is_problem(409, "already_sending");
    }
    assert_eq!(world.get(&path).await.text("state"), "sending");
    assert_eq!(
        world.get("/v1/deliveries?state=sending").await.body["deliveries"][0]["state"],
        json!("sending")
    );
    world.handler.answers.add_permits(1);
    world.until(&path, |body| body["state"] == "delivered").await;
}

#[tokio::test]
async fn an_unknown_delivery_is_404_for_every_call() {
    let world = World::new().await;
    for id in ["x".to_owned(), format!("dlv_{}", "0".repeat(39))] {
        let path = format!("/v1/deliveries/{id}");
        world.get(&path).await.is_problem(404, "not_found");
        world.press(&format!("{path}/send")).await.is_problem(404, "not_found");
        world.press(&format!("{path}/cancel")).await.is_problem(404, "not_found");
        world.press(&format!("{path}/replay")).await.is_problem(404, "not_found");
    }
}
