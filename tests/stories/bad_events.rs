//! Bad events are refused by place and code, and never spoil the good ones beside them.

use leadhook_harness::{ApiAnswer, Engine, Receiver};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{SITE, call, engine, faults, lead_ids, tagged, webhook};

async fn posted(engine: &Engine, media_type: &str, body: impl Into<bytes::Bytes>) -> ApiAnswer {
    let bearer = format!("Bearer {}", engine.key());
    let headers = [("authorization", bearer.as_str()), ("content-type", media_type)];
    engine.raw("POST", "/v1/events", &headers, body.into()).await.unwrap()
}

/// That it is a problem as RFC 9457 has it, with this status and code.
fn assert_problem(answer: &ApiAnswer, status: u16, code: &str) -> Value {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (status, &json!(code)), "{problem}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && !problem["detail"].as_str().unwrap().is_empty(), "{problem}");
    problem
}

/// The event with one thing about it changed.
fn with(mut event: Value, name: &str, value: Value) -> Value {
    event[name] = value;
    event
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told_by_path_and_code() {
    let engine = engine().await;
    let data = |fields: Value| with(call(1), "data", fields);
    let rows = [
        (with(call(1), "type", json!("call.begun")), "type", "unknown_event_type"),
        (with(call(1), "type", json!(7)), "type", "wrong_type"),
        (with(call(1), "time", json!("yesterday")), "time", "bad_time"),
        (with(call(1), "lead", json!("1")), "lead", "wrong_type"),
        (with(call(1), "lead", json!({ "type": "chat", "id": "1" })), "lead.type", "unknown_lead_type"),
        (with(call(1), "lead", json!({ "type": "request", "id": "1" })), "lead.type", "wrong_lead_type"),
        (with(call(1), "colour", json!("red")), "colour", "unknown_field"),
        (data(json!({ "phone": "79990000001" })), "data.phone", "unknown_fact"),
        (data(json!({ "duration": "long" })), "data.duration", "wrong_type"),
        (data(json!({ "changedFields": "id" })), "data.changedFields", "not_a_fact"),
        (data(json!({ "tags_manual": "Sales" })), "data.tags_manual", "wrong_type"),
        (data(json!({ "visits": [{ "url": "https://shop.example/" }] })), "data.visits[0].at", "missing"),
    ];
    for (event, path, code) in rows {
        let problem = assert_problem(
            &posted(&engine, "application/json", event.to_string()).await,
            422,
            "invalid_event",
        );
        let told = faults(&problem);
        assert!(told.contains(&(path.to_owned(), code.to_owned())), "{event}: {told:?}");
    }
    let several =
        json!({ "type": "call.begun", "site": SITE, "lead": { "type": "call", "id": "" }, "time": 0 });
    let problem =
        assert_problem(&posted(&engine, "application/json", several.to_string()).await, 422, "invalid_event");
    let paths: Vec<_> = faults(&problem).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["lead.id", "time", "type"], "all at once");
}

#[tokio::test]
async fn an_unknown_site_and_an_unknown_lead_are_told() {
    let engine = engine().await;
    let stranger = with(call(1), "site", json!("70001"));
    let problem =
        assert_problem(&posted(&engine, "application/json", stranger.to_string()).await, 422, "unknown_site");
    assert_eq!(faults(&problem).first().map(|(path, _)| path.as_str()), Some("site"));
    let orphan = tagged(1, "Sales");
    let problem =
        assert_problem(&posted(&engine, "application/json", orphan.to_string()).await, 422, "unknown_lead");
    assert_eq!(faults(&problem).first().map(|(path, _)| path.as_str()), Some("lead.id"));
}

#[tokio::test]
async fn what_is_no_body_of_events_is_refused_whole() {
    let engine = engine().await;
    let problem =
        assert_problem(&posted(&engine, "application/json", "[{\"id\": 1},\n oops]").await, 400, "bad_json");
    assert_eq!(problem["line"], 2);
    assert_problem(&posted(&engine, "application/json", "").await, 400, "bad_json");
    assert_problem(&posted(&engine, "application/json", b"\xff\xfe".to_vec()).await, 400, "bad_json");
    assert_problem(&posted(&engine, "application/json", "[]").await, 422, "empty");
    assert_problem(
        &posted(&engine, "application/x-www-form-urlencoded", "a=1").await,
        415,
        "media_type_not_supported",
    );

    let batch = |count: u64| Value::from((1..=count).map(call).collect::<Vec<_>>()).to_string();
    assert_problem(&posted(&engine, "application/json", batch(1_001)).await, 422, "too_many_events");
    assert_eq!(posted(&engine, "application/json", batch(1_000)).await.status, 202);

    let large = with(call(1), "data", json!({ "subject": "x".repeat(300 * 1024) }));
    assert_problem(&posted(&engine, "application/json", large.to_string()).await, 413, "event_too_large");
    assert_eq!(engine.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn a_body_over_8_mib_is_refused_before_it_is_sent() {
    let engine = engine().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        engine.key(),
        8 * 1024 * 1024 + 1
    );
    let mut stream = TcpStream::connect(engine.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn without_the_key_nothing_is_taken() {
    let engine = engine().await;
    for headers in [vec![], vec![("authorization", "Bearer another-key-0123456789")]] {
        let answer = engine.raw("POST", "/v1/events", &headers, call(1).to_string()).await.unwrap();
        assert_eq!(answer.status, 401);
    }
    assert_eq!(engine.get("/v1/leads").await.1["leads"], json!([]));
}

#[tokio::test]
async fn one_bad_event_never_spoils_the_others_of_its_batch() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let bad = with(call(2), "type", json!("call.begun"));
    let batch = json!([call(1), bad, tagged(3, "Sales"), with(call(4), "site", json!("70001")), call(5)]);
    let answer = posted(&engine, "application/json", batch.to_string()).await;
    assert_eq!(answer.status, 202);
    let answer = answer.json();
    let codes: Vec<_> =
        answer["events"].as_array().unwrap().iter().map(|one| one["error"]["code"].clone()).collect();
    assert_eq!(
        codes,
        [Value::Null, json!("invalid_event"), json!("unknown_lead"), json!("unknown_site"), Value::Null]
    );
    assert_eq!(answer["events"][0], json!({ "id": "event-1", "deliveries": 1 }));
    assert_eq!(answer["events"][1]["id"], "event-2");

    let lines = format!("{}\n\n{{oops\n{}\n", call(6), call(7));
    let answer = posted(&engine, "application/x-ndjson", lines).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["events"][1]["error"]["code"], "bad_json");
    assert_eq!(answer.json()["events"][1]["error"]["line"], 3);

    let got = receiver.wait_for(1 + 4).await;
    assert_eq!(lead_ids(&got), ["1", "5", "6", "7"].map(str::to_owned).into());

    let none_good = json!([tagged(8, "Sales"), { "id": "x" }]);
    let answer = posted(&engine, "application/json", none_good.to_string()).await;
    let problem = assert_problem(&answer, 422, "no_good_event");
    assert_eq!(problem["events"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_same_event_id_is_one_event_and_a_refused_one_uses_up_none() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let bad = with(call(1), "data", json!({ "duration": "long" }));
    assert_eq!(posted(&engine, "application/json", bad.to_string()).await.status, 422);
    let first = posted(&engine, "application/json", call(1).to_string()).await.json();
    assert_eq!(first["events"][0], json!({ "id": "event-1", "deliveries": 1 }));
    let other = with(call(2), "id", json!("event-1"));
    assert_eq!(posted(&engine, "application/json", other.to_string()).await.json(), first);
    assert_eq!(engine.get("/v1/leads/60001/call/2").await.0, 404);
    posted(&engine, "application/json", call(3).to_string()).await;
    let got = receiver.wait_for(3).await;
    assert_eq!(lead_ids(&got), ["1", "3"].map(str::to_owned).into());
}
