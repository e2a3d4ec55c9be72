//! Several customers on one engine: the operator makes them and their keys, and what they do stays apart.

use std::fs;

use leadhook_harness::{ApiAnswer, Engine, Receiver};
use serde_json::{Value, json};

use crate::world::engine;

/// Calls under a key.
async fn call(engine: &Engine, key: &str, method: &str, path: &str, body: &Value) -> ApiAnswer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    engine.raw(method, path, &headers, body.to_string()).await.unwrap()
}

fn operator_key(engine: &Engine) -> String {
    fs::read_to_string(engine.data().join("operator-key")).unwrap().trim().to_owned()
}

/// A key of an account with these scopes: its id and itself.
async fn key(engine: &Engine, account: &str, scopes: &[&str]) -> (String, String) {
    let path = format!("/v1/accounts/{account}/keys");
    let wanted = json!({ "name": scopes.join(" "), "scopes": scopes });
    let made = call(engine, &operator_key(engine), "POST", &path, &wanted).await.json();
    let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    (text("id"), text("key"))
}

fn event(id: &str) -> Value {
    json!({
        "type": "call.ended", "site": "70001", "lead": { "type": "call", "id": id },
        "time": "2026-02-26T20:03:37+03:00", "data": { "duration": 40, "callerphone": "79990000077" },
    })
}

#[tokio::test]
async fn an_account_made_by_the_operator_works_apart_also_after_a_kill() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let operator = operator_key(&engine);
    assert_eq!(engine.log().matches(&operator).count(), 1, "it is shown once");
    let made = call(&engine, &operator, "POST", "/v1/accounts", &json!({ "name": "Agency" })).await;
    let account = made.json()["id"].as_str().unwrap().to_owned();
    let (_, manage) = key(&engine, &account, &["read", "manage"]).await;
    let (events_id, events) = key(&engine, &account, &["events"]).await;

    assert_eq!(call(&engine, &manage, "PUT", "/v1/sites/70001", &json!({})).await.status, 201);
    let webhook =
        call(&engine, &manage, "POST", "/v1/webhooks", &json!({ "url": receiver.url("/hook") })).await.json();
    let activate = format!("/v1/webhooks/{}/activate", webhook["id"].as_str().unwrap());
    assert_eq!(call(&engine, &manage, "POST", &activate, &json!({})).await.status, 200);
    assert_eq!(call(&engine, &events, "POST", "/v1/events", &event("1")).await.status, 202);
    receiver.wait_for(1 + 1).await;
    assert_eq!(
        call(&engine, &events, "GET", "/v1/webhooks", &json!({})).await.json()["code"],
        "scope_missing"
    );
    assert_eq!(
        call(&engine, &manage, "GET", "/v1/accounts", &json!({})).await.json()["code"],
        "operator_key_needed"
    );
    assert_eq!(
        engine.get("/v1/deliveries").await.1["deliveries"],
        json!([]),
        "another account sees none of it"
    );

    engine.kill();
    engine.restart().await;
    assert_eq!(operator_key(&engine), operator);
    assert_eq!(engine.log().matches(&operator).count(), 1, "not at the second start");
    assert_eq!(call(&engine, &events, "POST", "/v1/events", &event("2")).await.status, 202);
    receiver.wait_for(1 + 2).await;
    let deleted = call(&engine, &operator, "DELETE", &format!("/v1/keys/{events_id}"), &json!({})).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(call(&engine, &events, "POST", "/v1/events", &event("3")).await.status, 401);

    let trail = call(&engine, &manage, "GET", "/v1/audit", &json!({})).await.json();
    let told: Vec<_> =
        trail["entries"].as_array().unwrap().iter().rev().map(|entry| &entry["action"]).collect();
    let expected = [
        "account.made",
        "key.made",
        "key.made",
        "site.saved",
        "webhook.made",
        "webhook.switched",
        "key.deleted",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn beyond_its_rate_an_account_waits_and_another_does_not() {
    let engine = engine().await;
    let operator = operator_key(&engine);
    let wanted = json!({ "name": "Agency", "quotas": { "events_per_second": 1, "events_burst": 2 } });
    let made = call(&engine, &operator, "POST", "/v1/accounts", &wanted).await.json();
    let (_, key) = key(&engine, made["id"].as_str().unwrap(), &["events", "manage"]).await;
    assert_eq!(call(&engine, &key, "PUT", "/v1/sites/70001", &json!({})).await.status, 201);
    let several: Vec<_> = (0..50).map(|id| event(&id.to_string())).collect();
    assert_eq!(call(&engine, &key, "POST", "/v1/events", &json!(several)).await.status, 202, "a full bucket");
    let refused = call(&engine, &key, "POST", "/v1/events", &event("51")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("rate_exceeded")));
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((45..=50).contains(&seconds), "{seconds}");
    assert_eq!(engine.put("/v1/sites/70001", &json!({})).await.0, 201);
    assert_eq!(engine.post("/v1/events", &event("1")).await.0, 202);
}
