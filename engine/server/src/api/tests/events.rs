//! Events in: their forms, what spoils one and what spoils all.

use super::*;

/// What each event of an answer came to: its id with its deliveries, or the code of its error.
fn outcomes(reply: &Reply) -> Vec<String> {
    let told = |event: &Value| match event.get("error") {
        None => format!("{}:{}", event["id"].as_str().unwrap(), event["deliveries"]),
        Some(error) => error["code"].as_str().unwrap().to_owned(),
    };
    reply.body["events"].as_array().unwrap().iter().map(told).collect()
}

fn with_id(id: &str, mut event: Value) -> Value {
    event["id"] = json!(id);
    event
}

#[tokio::test]
async fn one_event_is_answered_with_the_deliveries_it_owes_and_a_repeat_the_same() {
    let world = World::with_site().await;
    world.active_webhook(json!({})).await;
    world.active_webhook(json!({"sites": ["2"]})).await;
    let ended = with_id("e1", event("call.ended", json!({"duration": 5})));
    for _ in 0..2 {
        let reply = world.post("/v1/events", ended.clone()).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED);
        assert_eq!(reply.body, json!({"events": [{"id": "e1", "deliveries": 1}]}));
    }
    let made = world.post("/v1/events", event("lead.updated", json!({"orderId": "D-1"}))).await;
    assert!(!made.body["events"][0]["id"].as_str().unwrap().is_empty(), "an id is made where none is given");
}

#[tokio::test]
async fn one_bad_event_of_an_array_spoils_no_other_and_all_are_answered_in_order() {
    let world = World::with_site().await;
    let mut elsewhere = event("call.ended", json!({}));
    elsewhere["site"] = json!("nowhere");
    let batch = json!([
        with_id("a", event("call.started", json!({}))),
        with_id("b", event("call.ended", json!({"duration": "long", "unheard": 1}))),
        with_id("c", event("call.ended", json!({"duration": 5}))),
        with_id("d", event("request.created", json!({"id": 7}))),
        with_id("e", elsewhere),
        7,
        with_id("f", event("lead.rating_changed", json!({"rating": 5}))),
    ]);
    let reply = world.post("/v1/events", batch).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    let expected = ["a:0", "invalid_event", "c:0", "invalid_event", "unknown_site", "invalid_event", "f:0"];
    assert_eq!(outcomes(&reply), expected);
    let bad = &reply.body["events"][1];
    assert_eq!((&bad["id"], &bad["error"]["errors"][0]["path"]), (&json!("b"), &json!("data.duration")));
    assert_eq!(bad["error"]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(reply.body["events"][4]["id"], json!("e"), "a refused event is known by its id");
}

#[tokio::test]
async fn events_in_lines_are_told_by_their_line() {
    let world = World::with_site().await;
    let lines = format!(
        "{}\r\n\n{{\"id\": \n  \n{}\n{}",
        with_id("a", event("call.started", json!({}))),
        with_id("b", event("call.ended", json!({"x": 1}))),
        with_id("c", event("call.ended", json!({})))
    );
    let reply = world.raw("POST", "/v1/events", &[("content-type", "application/x-ndjson")], lines).await;
    assert_eq!(outcomes(&reply), ["a:0", "bad_json", "invalid_event", "c:0"]);
    let line = |index: usize| reply.body["events"][index]["error"]["line"].clone();
    assert_eq!((line(1), line(2)), (json!(3), json!(5)));
    assert!(reply.body["events"][1]["error"]["detail"].as_str().unwrap().contains("line 3"));
}

#[tokio::test]
async fn a_single_bad_event_is_answered_with_its_own_faults() {
    let world = World::with_site().await;
    let reply = world.post("/v1/events", event("call.ended", json!({"duration": -1}))).await;
    assert_eq!(reply.is_problem(422, "invalid_event").faults(), [("data.duration", "out_of_range")]);
    let reply = world.post("/v1/events", event("lead.updated", json!({}))).await;
    assert_eq!(reply.is_problem(422, "unknown_lead").faults(), [("lead.id", "unknown_lead")]);
    world.post("/v1/events", json!(7)).await.is_problem(422, "invalid_event");
    let alone = world.post("/v1/events", json!([event("lead.updated", json!({}))])).await;
    assert_eq!(outcomes(alone.is_problem(422, "no_good_event")), ["unknown_lead"]);
}

#[tokio::test]
async fn no_event_and_too_many_are_refused_whole() {
    let world = World::with(ApiSettings { events_per_batch_max: 2, ..ApiSettings::default() }).await;
    let lines = [("content-type", "application/x-ndjson")];
    world.post("/v1/events", json!([])).await.is_problem(422, "empty");
    world.raw("POST", "/v1/events", &lines, "\n \n").await.is_problem(422, "empty");
    world.post("/v1/events", json!([1, 2, 3])).await.is_problem(422, "too_many_events");
    world.raw("POST", "/v1/events", &lines, "1\n2\n3").await.is_problem(422, "too_many_events");
    assert_eq!(outcomes(&world.post("/v1/events", json!([1, 2])).await).len(), 2);
    world.raw("POST", "/v1/events", &[], "[1, 2").await.is_problem(400, "bad_json");
    world.raw("POST", "/v1/events", &[], "[1, 2] 3").await.is_problem(400, "bad_json");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    world.raw("POST", "/v1/events", &form, "a=1").await.is_problem(415, "media_type_not_supported");
}

#[tokio::test]
async fn an_event_over_its_limit_is_refused_alone() {
    let world = World::with_site().await;
    let large = event("call.ended", json!({"manager": "x".repeat(300 * 1024)}));
    world.post("/v1/events", large.clone()).await.is_problem(413, "event_too_large");
    let reply = world.post("/v1/events", json!([large, with_id("a", event("call.ended", json!({})))])).await;
    assert_eq!(outcomes(&reply), ["event_too_large", "a:0"]);
}

#[tokio::test]
async fn an_element_that_only_looks_like_json_spoils_no_other() {
    let world = World::with_site().await;
    let body = format!("[{{\"id\": \"\\ud800\"}}, 1e999, {}]", with_id("a", event("call.ended", json!({}))));
    assert_eq!(outcomes(&world.raw("POST", "/v1/events", &[], body).await), ["bad_json", "bad_json", "a:0"]);
}

#[tokio::test]
async fn a_body_of_faults_is_not_answered_with_more_than_it_says() {
    let world = World::with_site().await;
    let facts: serde_json::Map<_, _> = (0..500).map(|number| (format!("x{number}"), json!(1))).collect();
    let reply = world.post("/v1/events", event("call.ended", Value::Object(facts))).await;
    assert_eq!(reply.is_problem(422, "invalid_event").faults().len(), 20);
    assert!(reply.text("detail").contains("the first of several faults"));
}
