//! What a watched engine tells: streams, the operations webhook, metrics, readiness.

use std::time::Duration;

use http_body_util::BodyExt as _;
use leadhook_core::{id::WebhookId, notification::News};

use super::*;
use crate::api::Readiness;

/// The events of a stream, one after another.
struct Told {
    body: Body,
    text: String,
}

/// One event of a stream.
#[derive(Debug)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Told {
    async fn from(world: &World, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::builder().uri(path).header("authorization", format!("Bearer {KEY}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; `None` once the stream has ended. Comments are passed over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let of_name =
                        |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
                    event.lines().find_map(of_name)
                };
                let Some(name) = field("event") else { continue };
                let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                return Some(Event { name, id: field("id"), data });
            }
            let frame =
                tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.expect("an event");
            let bytes = frame?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn state(&mut self) -> String {
        let event = self.next().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("delivery", None));
        event.data["state"].as_str().unwrap().to_owned()
    }
}

async fn notify(world: &World, webhook: u64) {
    let news = News::HandlerFailing { webhook: WebhookId(webhook) };
    world.engine.store().notify(AccountId::DEFAULT, news, world.engine.now()).await.unwrap();
}

#[tokio::test]
async fn a_delivery_is_followed_from_its_event_to_its_end() {
    let world = World::with_site().await;
    let id = world.active_webhook(json!({})).await;
    let mut told = Told::from(&world, &format!("/v1/stream?webhook={id}&kinds=delivery"), None).await;
    assert_eq!(told.next().await.unwrap().name, "ready");
    notify(&world, 7).await;
    world.post("/v1/events", event("call.ended", json!({"duration": 40}))).await;
    for state in ["scheduled", "sending", "delivered"] {
        assert_eq!(told.state().await, state);
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_notification_that_was_told() {
    let world = World::new().await;
    notify(&world, 1).await;
    let mut told = Told::from(&world, "/v1/stream", None).await;
    let ready = told.next().await.unwrap();
    notify(&world, 2).await;
    let second = told.next().await.unwrap();
    assert_eq!((second.name.as_str(), &second.data["id"]), ("notification", &json!(second.id)));
    assert_eq!(second.data["webhook"], json!(WebhookId(2).to_string()), "what was before is not told");
    drop(told);
    notify(&world, 3).await;
    for (last, expected) in [(ready.id, [2, 3].as_slice()), (second.id, [3].as_slice())] {
        let mut told = Told::from(&world, "/v1/stream", last.as_deref()).await;
        told.next().await.unwrap();
        for webhook in expected {
            let event = told.next().await.unwrap();
            assert_eq!(event.data["webhook"], json!(WebhookId(*webhook).to_string()));
        }
        notify(&world, 4).await;
        assert_eq!(told.next().await.unwrap().data["webhook"], json!(WebhookId(4).to_string()));
        assert!(told.text.is_empty());
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_by_saying_so() {
    let world = World::new().await;
    let mut told = Told::from(&world, "/v1/stream", None).await;
    for webhook in 0..=leadhook_store::FOLLOWER_QUEUE_MAX as u64 {
        notify(&world, webhook).await;
    }
    let mut events = Vec::new();
    while let Some(event) = told.next().await {
        events.push(event);
    }
    let end = events.pop().unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("too_slow")));
    assert_eq!(events.len(), 1 + leadhook_store::FOLLOWER_QUEUE_MAX, "what came before is told");
}

#[tokio::test]
async fn streams_end_with_the_engine() {
    let readiness = Readiness::default();
    let world = World::with(ApiSettings { readiness: readiness.clone(), ..ApiSettings::default() }).await;
    let mut told = Told::from(&world, "/v1/stream", None).await;
    told.next().await.unwrap();
    readiness.shut_down();
    assert_eq!(told.next().await.unwrap().data["reason"], json!("shutting_down"));
    assert!(told.next().await.is_none());
}

#[tokio::test]
async fn a_stream_tells_nothing_more_once_its_key_is_gone() {
    let world = World::new().await;
    let mut told = Told::from(&world, "/v1/stream", None).await;
    assert_eq!(told.next().await.unwrap().name, "ready");
    notify(&world, 1).await;
    assert_eq!(told.next().await.unwrap().name, "notification");
    let keys = world.raw_as(OPERATOR_KEY, "GET", "/v1/accounts/1/keys", &[], Body::empty()).await.body;
    let deleting = format!("/v1/keys/{}", keys["keys"][0]["id"].as_str().unwrap());
    let deleted = world.raw_as(OPERATOR_KEY, "DELETE", &deleting, &[], Body::empty()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    notify(&world, 2).await;
    let end = told.next().await.unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("key_gone")));
    assert!(told.next().await.is_none());
}

#[tokio::test]
async fn an_account_has_so_many_streams_and_asks_for_what_there_is() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Told::from(&world, "/v1/stream", None).await);
    }
    world.get("/v1/stream").await.is_problem(409, "too_many_streams");
    open.pop();
    Told::from(&world, "/v1/stream?kinds=notification,delivery", None).await;
    let refused = world.raw("GET", "/v1/stream?kinds=all&webhook=x", &[("last-event-id", "7")], "").await;
    let expected =
        [("webhook", "bad_webhook_id"), ("kinds", "unknown_value"), ("Last-Event-ID", "bad_event_id")];
    assert_eq!(refused.faults(), expected);
}

#[tokio::test]
async fn an_operations_webhook_is_set_shown_without_its_secret_and_deleted() {
    let world = World::new().await;
    let path = "/v1/operations-webhook";
    world.get(path).await.is_problem(404, "not_found");
    let faulty = world.put(path, json!({"url": "http://10.0.0.1/", "secret": "x", "kinds": ["all"]})).await;
    assert_eq!(faulty.faults().len(), 3, "{}", faulty.body);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let set = json!({"url": "https://ops.example/in", "secret": secret, "kinds": ["handler_failing"]});
    let shown = json!({
        "url": "https://ops.example/in", "kinds": ["handler_failing"], "active": true, "failures": 0,
    });
    assert_eq!(world.put(path, set).await.body, shown);
    world.handler.status.store(500, Ordering::Relaxed);
    notify(&world, 7).await;
    let failed = world.until(path, |body| body["failures"] == json!(1)).await;
    assert_eq!(failed.body["last_failure"], json!("the handler answered 500"));
    assert_eq!(failed.body["next_attempt_at"], json!("2026-03-02T10:00:05.000Z"));
    world.raw_as(OTHER_KEY, "GET", path, &[], "").await.is_problem(404, "not_found");
    assert_eq!(world.delete(path).await.status, StatusCode::NO_CONTENT);
    world.delete(path).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn metrics_count_what_was_done_and_measure_what_waits() {
    let world = World::with_site().await;
    let id = world.active_webhook(json!({})).await;
    world.post("/v1/events", event("call.ended", json!({"duration": 40}))).await;
    world
        .until(&format!("/v1/deliveries?webhook={id}"), |body| {
            body["deliveries"][0]["state"] == json!("delivered")
        })
        .await;
    let metrics = world.get("/metrics").await;
    assert_eq!(metrics.header(header::CONTENT_TYPE), Some("text/plain; version=0.0.4"));
    let text = metrics.body.as_str().unwrap();
    for line in [
        "leadhook_events_accepted_total 1",
        "leadhook_attempts_total{outcome=\"2xx\"} 1",
        "leadhook_attempt_seconds_count 1",
        "leadhook_store_up 1",
        "leadhook_deliveries_scheduled 0",
        "leadhook_oldest_due_seconds 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(&id), "no webhook is named");
    world.engine.store().close().await;
    let text = world.get("/metrics").await.body;
    assert!(text.as_str().unwrap().contains("\nleadhook_store_up 0"), "{text}");
}

#[tokio::test]
async fn readiness_names_every_reason_that_holds() {
    let world = World::new().await;
    assert_eq!(world.get("/readyz").await.body, json!({"status": "ready"}));
    world.engine.shutdown(Duration::from_secs(10)).await;
    let reply = world.get("/readyz").await;
    reply.is_problem(503, "dispatcher_ended");
    let codes: Vec<_> = reply.body["reasons"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["dispatcher_ended", "storage_unavailable"]);
    assert_eq!(world.get("/healthz").await.body, json!({"status": "ok"}));
}
