//! With a collector, everything from an event to its last attempt is one trace, which tells nothing about people; and a
//! collector that is down holds nothing up.

use leadhook_harness::{Answer, Engine, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{call, forced_webhook, furnished, of_leads, only_delivery, post, webhook};

/// An engine that tells its traces to this URL.
async fn traced(collector: &str) -> Engine {
    furnished(Engine::setup().arguments(["--otlp-endpoint", collector]).start().await).await
}

/// The spans that a collector got, in order.
fn spans(collector: &Receiver) -> Vec<Value> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!((request.method.as_str(), request.path()), ("POST", "/v1/traces"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        spans.extend(body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    }
    spans
}

/// What a span says under a name.
fn said<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    let found = span["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == key)?;
    found["value"].as_object()?.values().next()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_all_attempts_of_its_delivery_are_one_trace_that_names_nobody() {
    let (collector, handler) = (Receiver::start().await, Receiver::start().await);
    let mut engine = traced(&collector.url("")).await;
    let settings = json!({
        "url": handler.url("/hook/of-a-path?token=of-a-query"), "retry": { "after_seconds": [1] },
    });
    let id = webhook(&engine, settings).await;
    handler.answer(Answer::status(503).body("of-an-answer"));
    post(&engine, &json!([call(7)])).await;
    only_delivery(&engine, &id, "delivered").await;
    assert!(engine.terminate().await.success(), "what waits is told at the end");

    let spans = spans(&collector);
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["accept", "render", "attempt", "settle", "attempt", "settle"]);
    let accepted = &spans[0];
    for span in &spans[1..] {
        assert_eq!(span["traceId"], accepted["traceId"]);
        assert_eq!(span["parentSpanId"], accepted["spanId"]);
        assert_eq!(said(span, "leadhook.webhook.id").unwrap(), &json!(id));
    }
    let attempts = [&spans[2], &spans[4]];
    assert_eq!(attempts.map(|span| said(span, "http.response.status_code").unwrap()), ["503", "200"]);
    assert_eq!(attempts.map(|span| said(span, "leadhook.attempt.number").unwrap()), ["1", "2"]);
    assert_eq!(said(attempts[0], "server.address").unwrap(), "127.0.0.1");
    let ledger = handler.requests();
    let came = of_leads(&ledger);
    assert_eq!(came.len(), 2);
    for (span, request) in attempts.iter().zip(came) {
        let (trace, id) = (span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap());
        assert_eq!(request.header("traceparent"), Some(format!("00-{trace}-{id}-01").as_str()));
    }
    let told = Value::Array(spans).to_string();
    for secret in ["79990000007", "9990000007", "of-a-path", "of-a-query", "of-an-answer", "token"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_holds_nothing_up_and_what_it_misses_is_counted() {
    let (gone, handler) = (Receiver::start().await, Receiver::start().await);
    let url = gone.url("");
    drop(gone);
    let engine = traced(&url).await;
    let id = forced_webhook(&engine, json!({ "url": handler.url("/hook") })).await;
    post(&engine, &json!([call(7)])).await;
    only_delivery(&engine, &id, "delivered").await;
    wait_until("spans are counted as dropped", async || {
        let metrics = engine.raw("GET", "/metrics", &[], "").await.unwrap();
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let dropped = text.lines().find_map(|line| line.strip_prefix("leadhook_spans_dropped_total "))?;
        (dropped.parse::<u64>().unwrap() > 0).then_some(())
    })
    .await;
    assert!(engine.log().contains("the collector did not take spans"));
}
