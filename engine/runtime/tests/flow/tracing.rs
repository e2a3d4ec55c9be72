//! Traces: one from an event to all attempts of its deliveries, over retries and restarts.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::{
    delivery::{Request, StateName},
    outcome::Outcome,
};
use leadhook_runtime::{Carrier, Collector, called_from};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, status};

/// Keeps what it takes.
#[derive(Default)]
struct Taker(Mutex<Vec<Value>>);

#[async_trait]
impl Carrier for Taker {
    async fn carry(&self, request: &Request, _headers: &[(String, String)], _timeout: Duration) -> Outcome {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
        self.0.lock().unwrap().extend(spans);
        status(200)
    }
}

impl Taker {
    fn collector(self: &Arc<Self>) -> Collector {
        let carrier = Arc::<Self>::clone(self);
        Collector { carrier, url: "http://collector.example/v1/traces".to_owned() }
    }

    fn named(&self, name: &str) -> Vec<Value> {
        self.0.lock().unwrap().iter().filter(|span| span["name"] == name).cloned().collect()
    }
}

/// What a span says under a name.
fn said(span: &Value, key: &str) -> Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(Value::Null, |attribute| {
        attribute["value"].as_object().unwrap().values().next().unwrap().clone()
    })
}

#[tokio::test]
async fn a_retry_after_a_restart_stands_in_the_trace_of_the_event() {
    let taker = Arc::new(Taker::default());
    let mut world = World::new().await;
    world.restart_traced(taker.collector()).await;
    world.script("mark", r#"fn transform(lead, request) { request }"#).await;
    for _ in 0..2 {
        world.webhook(json!({"transform": [{"plugin": "mark"}]})).await;
    }
    world.handler.answers([status(503), status(503)]);
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let posted = world.post("call.ended", "1", json!({"duration": 40, "callerphone": "79990000012"}));
    let ids = called_from(Some(caller), posted).await;
    for id in &ids {
        world.stands(*id, StateName::Retrying).await;
    }
    world.restart_traced(taker.collector()).await;
    for id in &ids {
        world.stands_as_time_passes(*id, StateName::Delivered).await;
    }
    // An event of its own is another trace.
    world.call("2").await;
    let seen = world.handler.seen(6).await;
    world.engine.shutdown(Duration::from_secs(10)).await;

    let accepted = taker.named("accept");
    let (first, second) = (&accepted[0], &accepted[1]);
    assert_ne!(first["traceId"], second["traceId"]);
    assert_eq!(first["links"][0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(said(first, "leadhook.deliveries"), "2");
    let of_first = |name: &str| -> Vec<Value> {
        let spans = taker.named(name).into_iter().filter(|span| span["traceId"] == first["traceId"]);
        spans.inspect(|span| assert_eq!(span["parentSpanId"], first["spanId"])).collect()
    };
    let rendered = of_first("render");
    assert_eq!(rendered.len(), 2, "a retry sends what is stored");
    assert!(rendered.iter().all(|span| span["events"][0]["name"] == "plugin"), "{rendered:?}");
    assert_eq!(of_first("settle").len(), 4);
    let attempts = of_first("attempt");
    let numbers: Vec<_> = attempts.iter().map(|span| said(span, "leadhook.attempt.number")).collect();
    assert_eq!(numbers, ["1", "1", "2", "2"]);
    let told: BTreeSet<_> = taker
        .named("attempt")
        .iter()
        .map(|span| {
            let text = |key: &str| span[key].as_str().unwrap().to_owned();
            format!("00-{}-{}-01", text("traceId"), text("spanId"))
        })
        .collect();
    let came: BTreeSet<_> = seen.iter().map(|seen| seen.header("traceparent").unwrap().to_owned()).collect();
    assert_eq!(told, came);
}

#[tokio::test]
async fn a_webhooks_own_traceparent_stays_and_no_trace_is_made_unless_it_is_asked_for() {
    let taker = Arc::new(Taker::default());
    let mut world = World::new().await;
    world.webhook(json!({"headers": {"traceparent": "mine"}})).await;
    let id = world.call("1").await;
    world.stands(id, StateName::Delivered).await;
    assert!(world.handler.seen(1).await[0].header("traceparent").is_none(), "only the request's own");
    world.restart_traced(taker.collector()).await;
    let id = world.call("2").await;
    world.stands(id, StateName::Delivered).await;
    let seen = &world.handler.seen(2).await[1];
    assert!(seen.header("traceparent").is_none(), "{:?}", seen.headers);
    assert!(seen.request.headers.contains(&("traceparent".to_owned(), "mine".to_owned())));
}

#[tokio::test]
async fn a_repeat_stands_in_the_trace_of_the_first_and_what_nobody_wants_has_one_of_its_own() {
    let taker = Arc::new(Taker::default());
    let mut world = World::new().await;
    world.restart_traced(taker.collector()).await;
    world.webhook(json!({})).await;
    for event in ["call.ended", "call.ended", "lead.updated"] {
        let event = leadhook_core::event::Event::parse(&json!({
            "id": event, "type": event, "site": "60001", "lead": {"type": "call", "id": "1"},
            "time": "2026-03-02T10:00:00Z", "data": {"duration": 40},
        }));
        world.engine.accept(ACCOUNT, vec![event.unwrap()]).await.unwrap();
    }
    world.engine.shutdown(Duration::from_secs(10)).await;
    let accepted = taker.named("accept");
    let [first, repeat, other] = accepted.as_slice() else { panic!("{accepted:?}") };
    assert_eq!((&repeat["traceId"], &repeat["parentSpanId"]), (&first["traceId"], &first["spanId"]));
    assert_eq!(
        (said(first, "leadhook.event.repeated"), said(repeat, "leadhook.event.repeated")),
        (json!(false), json!(true))
    );
    assert!(other["traceId"] != first["traceId"] && other.get("parentSpanId").is_none(), "{other}");
}
