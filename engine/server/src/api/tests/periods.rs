//! Resends of periods: begun, shown, cancelled, and refused with the place.

use super::*;

impl World {
    /// A webhook whose one delivery was delivered an hour ago.
    async fn delivered(&self) -> String {
        let webhook = self.active_webhook(json!({"rate": {"concurrent": 2}})).await;
        self.post("/v1/events", event("call.ended", json!({"started_at": "2026-03-02T10:00:00Z"}))).await;
        self.until("/v1/deliveries", |body| body["deliveries"][0]["state"] == "delivered").await;
        self.handler.came.forget_permits(usize::MAX);
        self.clock.advance(3_600_000);
        webhook
    }
}

fn period(webhook: &str) -> Value {
    json!({"webhook": webhook, "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:00:01Z"})
}

#[tokio::test]
async fn a_period_is_sent_again_and_told_to_its_account_alone() {
    let world = World::with_site().await;
    let webhook = world.delivered().await;
    let begun = world.post("/v1/resends", period(&webhook)).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    let path = format!("/v1/resends/{}", begun.text("id"));
    assert_eq!(begun.header(header::LOCATION), Some(path.as_str()));
    let done = world.until(&path, |body| body["state"] == "done").await.body;
    let expected = json!({
        "id": begun.text("id"), "webhook": webhook, "from": "2026-03-02T10:00:00.000Z",
        "to": "2026-03-02T10:00:01.000Z", "only": "all", "url": "then", "state": "done",
        "created_at": "2026-03-02T11:00:00.000Z", "ended_at": "2026-03-02T11:00:00.000Z",
        "selected": 1, "delivered": 1, "failed": 0, "skipped": 0, "erased": 0,
    });
    assert_eq!(done, expected);
    let told = world.get("/v1/notifications").await.body["notifications"][0].clone();
    assert_eq!((&told["kind"], &told["webhook"]), (&json!("resend_finished"), &json!(webhook)));
    world.delete(&path).await.is_problem(409, "ended");

    let second = world.post("/v1/resends", period(&webhook)).await;
    let page = world.get("/v1/resends?limit=1").await;
    assert_eq!(page.body["resends"][0]["id"], second.text("id"));
    let rest = world.get(&format!("/v1/resends?cursor={}", page.text("next_cursor"))).await;
    assert_eq!(rest.body, json!({"resends": [done]}));
    let theirs = async |method, path: &str, body: Value| {
        let json = [("content-type", "application/json")];
        world.raw_as(OTHER_KEY, method, path, &json, body.to_string()).await
    };
    theirs("GET", &path, json!({})).await.is_problem(404, "not_found");
    theirs("DELETE", &path, json!({})).await.is_problem(404, "not_found");
    assert_eq!(theirs("GET", "/v1/resends", json!({})).await.body, json!({"resends": []}));
    let refused = theirs("POST", "/v1/resends", period(&webhook)).await;
    assert_eq!(refused.is_problem(422, "unknown_webhook").faults(), [("webhook", "unknown_webhook")]);
}

#[tokio::test]
async fn a_resend_is_cancelled_and_only_one_of_a_webhook_goes_on() {
    let world = World::with_site().await;
    let webhook = world.delivered().await;
    world.handler.answers.forget_permits(usize::MAX);
    let begun = world.post("/v1/resends", period(&webhook)).await;
    world.handler.came.acquire().await.unwrap().forget();
    let second = world.post("/v1/resends", period(&webhook)).await;
    assert_eq!(second.is_problem(409, "resend_running").faults(), [("webhook", "resend_running")]);
    assert_eq!(second.text("resend"), begun.text("id"));
    let path = format!("/v1/resends/{}", begun.text("id"));
    for _ in 0..2 {
        let cancelled = world.delete(&path).await;
        assert_eq!((cancelled.status, cancelled.text("state")), (StatusCode::OK, "cancelled"));
        assert_eq!(cancelled.text("ended_at"), "2026-03-02T11:00:00.000Z");
    }
    world.handler.answers.add_permits(100);
    world.until(&path, |body| body["delivered"] == 1).await;
    world.press(&format!("/v1/webhooks/{webhook}/deactivate")).await;
    let off = world.post("/v1/resends", period(&webhook)).await;
    assert_eq!(off.is_problem(409, "webhook_off").faults(), [("webhook", "webhook_off")]);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_every_place() {
    let world = World::with_site().await;
    let webhook = world.delivered().await;
    let refused = world.post("/v1/resends", json!({"webhook": webhook, "from": "x", "only": "none"})).await;
    let expected = [("from", "bad_time"), ("to", "missing"), ("only", "unknown_value")];
    assert_eq!(refused.is_problem(422, "invalid").faults(), expected);
    for (from, to, code) in [
        ("2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z", "period_too_long"),
        ("2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z", "in_the_future"),
        ("2026-03-02T10:30:00Z", "2026-03-02T10:20:00Z", "ends_before_start"),
        ("2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z", "before_webhook"),
    ] {
        let refused = world.post("/v1/resends", json!({"webhook": webhook, "from": from, "to": to})).await;
        assert!(refused.is_problem(422, "invalid").faults().contains(&("to", code)), "{}", refused.body);
    }
    world.get("/v1/resends/rs_1").await.is_problem(404, "not_found");
}
