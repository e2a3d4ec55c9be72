//! Accounts and keys as the operator has them, and what keys and quotas let through.

use axum::http::Method;
use leadhook_core::account::key::{KeyId, SECRET_BYTES, Scope, account_key};

use super::*;
use crate::api::{
    meter::Meters,
    problem::Problem,
    scope::{self, CALLS, Need},
};

impl World {
    /// Calls with JSON under this key.
    pub(super) async fn call_as(&self, key: &str, method: &str, path: &str, body: Value) -> Reply {
        self.raw_as(key, method, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Changes an account as the operator.
    async fn change(&self, account: u32, change: Value) -> Reply {
        let reply = self.call_as(OPERATOR_KEY, "PATCH", &format!("/v1/accounts/{account}"), change).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply
    }

    /// Makes a key of the account `default`.
    pub(super) async fn key(&self, wanted: Value) -> (String, String) {
        let made = self.call_as(OPERATOR_KEY, "POST", "/v1/accounts/1/keys", wanted).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        (made.text("id").to_owned(), made.text("key").to_owned())
    }
}

fn calls(count: usize) -> Value {
    (0..count)
        .map(|call| {
            let mut event = event("call.ended", json!({}));
            event["lead"]["id"] = json!(format!("c{call}"));
            event
        })
        .collect()
}

#[tokio::test]
async fn the_operator_makes_accounts_and_changes_their_terms() {
    let world = World::new().await;
    let wanted = json!({"name": "Agency", "quotas": {"webhooks": 3}});
    let made = world.call_as(OPERATOR_KEY, "POST", "/v1/accounts", wanted.clone()).await;
    assert_eq!((made.status, made.header(header::LOCATION)), (StatusCode::CREATED, Some("/v1/accounts/3")));
    let mut expected = json!({
        "id": "3", "name": "Agency", "state": "active", "made_at": "2026-03-02T10:00:00.000Z",
        "quotas": {
            "events_per_second": null, "events_burst": null, "webhooks": 3, "plugins": 200, "stored_bytes": null,
            "weight": 1, "plugin_fuel_millions": null, "plugin_deadline_ms": null, "plugin_memory_mib": null,
            "plugin_exchange_kib": null,
        },
        "usage": {"webhooks": 0, "plugins": 0, "stored_bytes": 0},
    });
    assert_eq!(made.body, expected);
    let taken = world.call_as(OPERATOR_KEY, "POST", "/v1/accounts", wanted).await;
    assert_eq!(taken.is_problem(409, "name_taken").text("account"), "3");
    expected["state"] = json!("suspended");
    expected["quotas"]["webhooks"] = json!(1_000);
    let change = json!({"state": "suspended", "quotas": {"webhooks": null}});
    assert_eq!(world.change(3, change).await.body, expected);
    assert_eq!(world.raw_as(OPERATOR_KEY, "GET", "/v1/accounts/3", &[], Body::empty()).await.body, expected);
    let page = world.raw_as(OPERATOR_KEY, "GET", "/v1/accounts?limit=2", &[], Body::empty()).await;
    assert_eq!((page.body["accounts"][1]["name"].as_str(), page.text("next_cursor")), (Some("other"), "2"));
    let rest = world.raw_as(OPERATOR_KEY, "GET", "/v1/accounts?cursor=2", &[], Body::empty()).await;
    assert_eq!(rest.body, json!({"accounts": [expected]}));
    for path in ["/v1/accounts/9", "/v1/accounts/x", "/v1/accounts/0", "/v1/accounts/9/keys"] {
        world.raw_as(OPERATOR_KEY, "GET", path, &[], Body::empty()).await.is_problem(404, "not_found");
    }
    let bad = world.call_as(OPERATOR_KEY, "POST", "/v1/accounts", json!({"quotas": {"weight": 0}})).await;
    assert_eq!(bad.faults(), [("name", "missing"), ("quotas.weight", "out_of_range")]);
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_until_it_is_deleted_or_expires() {
    let world = World::new().await;
    let (id, key) = world.key(json!({"name": "ci", "expires_at": "2026-03-02T11:00:00Z"})).await;
    assert!(key.starts_with("lh_"), "{key}");
    let sites = async |key: &str| world.raw_as(key, "GET", "/v1/sites", &[], Body::empty()).await;
    assert_eq!(sites(&key).await.status, StatusCode::OK);
    let (end, last) = key.split_at(key.len() - 1);
    let mistyped = format!("{end}{}", if last == "0" { "1" } else { "0" });
    sites(&mistyped).await.is_problem(401, "unauthorized");
    let path = "/v1/accounts/1/keys";
    let list = world.raw_as(OPERATOR_KEY, "GET", path, &[], Body::empty()).await;
    let shown = list.body["keys"].as_array().unwrap();
    let own = shown.iter().find(|shown| shown["id"] == id).unwrap();
    assert_eq!(
        own,
        &json!({
            "id": id, "name": "ci", "scopes": ["events", "read", "manage"], "made_at": "2026-03-02T10:00:00.000Z",
            "expires_at": "2026-03-02T11:00:00.000Z", "last_used_at": "2026-03-02T10:00:00.000Z",
        })
    );
    assert!(!list.body.to_string().contains(&key[20..]) && shown.len() == 2, "{}", list.body);

    let (other, other_key) = world.key(json!({"name": "second"})).await;
    let deleting = format!("/v1/keys/{other}");
    let deleted = world.raw_as(OPERATOR_KEY, "DELETE", &deleting, &[], Body::empty()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    sites(&other_key).await.is_problem(401, "unauthorized");
    let again = world.raw_as(OPERATOR_KEY, "DELETE", &deleting, &[], Body::empty()).await;
    again.is_problem(404, "not_found");
    world.clock.advance(3_600_000);
    assert!(sites(&key).await.is_problem(401, "unauthorized").text("detail").contains("expired"));
    assert_eq!(sites(KEY).await.status, StatusCode::OK, "the first key goes on");
}

#[tokio::test]
async fn a_key_given_from_outside_may_look_like_one_made_here() {
    let world = World::new().await;
    let text = account_key(KeyId(7), &[1; SECRET_BYTES]);
    world.engine.store().put_key(Sha256::digest(&text).into(), AccountId::DEFAULT).await.unwrap();
    let reply = world.raw_as(&text, "GET", "/v1/sites", &[], Body::empty()).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn each_call_takes_the_kind_of_key_and_the_scope_that_it_declares() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((*scope, world.key(json!({"name": scope.word(), "scopes": [scope.word()]})).await.1));
    }
    for (method, path, need) in CALLS {
        let path = path.replace(['{', '}'], "");
        for (scope, key) in &keys {
            let reply = async || world.raw_as(key, method, &path, &[], Body::empty()).await;
            match need {
                Need::Account(needed) | Need::Either(needed) if needed != scope => {
                    let reply = reply().await;
                    assert_eq!(reply.is_problem(403, "scope_missing").text("scope"), needed.word());
                }
                Need::Operator => {
                    reply().await.is_problem(403, "operator_key_needed");
                }
                _ => {}
            }
        }
        if let Need::Account(_) = need {
            let reply = world.raw_as(OPERATOR_KEY, method, &path, &[], Body::empty()).await;
            reply.is_problem(403, "account_key_needed");
        }
    }
    let (_, events) = &keys[0];
    let accepted = world.call_as(events, "POST", "/v1/events", event("call.ended", json!({}))).await;
    accepted.is_problem(422, "unknown_site");
}

#[test]
fn every_call_of_the_description_declares_what_it_needs() {
    let document = serde_json::to_value(crate::api::openapi()).unwrap();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let need = scope::need(&Method::from_bytes(method.as_bytes()).unwrap(), path);
            let expected = match need.unwrap_or_else(|| panic!("{method} {path} declares no scope")) {
                Need::Nothing => json!([{}]),
                Need::Account(scope) => json!([{"key": [scope.word()]}]),
                Need::Operator => json!([{"operator_key": []}]),
                Need::Either(scope) => json!([{"key": [scope.word()]}, {"operator_key": []}]),
            };
            assert_eq!(operation["security"], expected, "{method} {path}");
            described.push((method, path.clone()));
        }
    }
    for (method, path, _) in CALLS {
        let row = ((*method).to_owned(), (*path).to_owned());
        assert!(described.contains(&row), "{row:?} is in the table, and there is no such call");
    }
}

#[tokio::test]
async fn a_suspended_account_is_read_and_a_closed_one_is_not() {
    let world = World::with_site().await;
    let relay = world.press("/v1/sites/60001/relays").await.text("path").to_owned();
    let post = async || world.post("/v1/events", event("call.ended", json!({}))).await;
    world.change(1, json!({"state": "suspended"})).await;
    post().await.is_problem(403, "account_suspended");
    world.put("/v1/sites/60002", json!({})).await.is_problem(403, "account_suspended");
    world.press(&format!("{relay}?id=1")).await.is_problem(403, "account_suspended");
    assert_eq!(world.get("/v1/sites").await.status, StatusCode::OK);
    world.change(1, json!({"state": "closed"})).await;
    post().await.is_problem(403, "account_closed");
    world.get("/v1/sites").await.is_problem(403, "account_closed");
    let other = world.raw_as(OTHER_KEY, "GET", "/v1/sites", &[], Body::empty()).await;
    assert_eq!(other.status, StatusCode::OK, "another account is not concerned");
    world.change(1, json!({"state": "active"})).await;
    assert_eq!(post().await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn beyond_its_rate_an_account_is_told_when_to_come_again() {
    let world = World::with_site().await;
    world.change(1, json!({"quotas": {"events_per_second": 2, "events_burst": 4}})).await;
    let post = async |count: usize| world.post("/v1/events", calls(count)).await;
    assert_eq!(post(3).await.status, StatusCode::ACCEPTED);
    let refused = post(4).await;
    assert_eq!(refused.is_problem(429, "rate_exceeded").header(header::RETRY_AFTER), Some("2"));
    assert!(
        world.get("/v1/leads/60001/call/c3").await.status == StatusCode::NOT_FOUND,
        "none of them was taken"
    );
    world.clock.advance(1_500);
    assert_eq!(post(4).await.status, StatusCode::ACCEPTED);
    let relay = world.press("/v1/sites/60001/relays").await.text("path").to_owned();
    let pairs = "leadtype=call&callphase=calldisconnected&id=c9&duration=63";
    let webhook = world.raw("GET", &format!("{relay}?{pairs}"), &[], Body::empty()).await;
    webhook.is_problem(429, "rate_exceeded");
    world.change(1, json!({"quotas": {"events_per_second": null}})).await;
    assert_eq!(post(9).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn an_account_has_no_more_than_its_quotas_say() {
    let world = World::with_site().await;
    let id = world.active_webhook(json!({})).await;
    world.change(1, json!({"quotas": {"webhooks": 1, "plugins": 0, "stored_bytes": 1}})).await;
    let second = world.post("/v1/webhooks", json!({"url": "https://crm.example/2"})).await;
    second.is_problem(409, "too_many_webhooks");
    world.press(&format!("/v1/webhooks/{id}/copy")).await.is_problem(409, "too_many_webhooks");
    world.upload("mine", "log(1);".to_owned()).await.is_problem(409, "too_many_plugins");
    let post = async || world.post("/v1/events", calls(1)).await;
    assert_eq!(post().await.status, StatusCode::ACCEPTED, "nothing was stored yet");
    post().await.is_problem(403, "storage_full");
    let usage =
        world.raw_as(OPERATOR_KEY, "GET", "/v1/accounts/1", &[], Body::empty()).await.body["usage"].clone();
    assert!(usage["webhooks"] == 1 && usage["stored_bytes"].as_u64().unwrap() > 100, "{usage}");
}

#[tokio::test]
async fn what_a_plugin_may_use_is_set_by_account() {
    let world = World::with_site().await;
    let busy = "let sum = 0; for i in 0..20000 { sum += i; }".to_owned();
    assert_eq!(world.upload("busy", busy).await.status, StatusCode::CREATED);
    let run = async || world.post("/v1/plugins/busy/run", json!({})).await.body["runs"][0].clone();
    assert_eq!(run().await["decided"], "sent");
    world.change(1, json!({"quotas": {"plugin_fuel_millions": 1}})).await;
    assert_eq!(run().await["error"]["kind"], "fuel");
}

#[test]
fn one_account_leaves_places_to_others() {
    let meters = Meters::default();
    let enter = |account| meters.of(AccountId(account)).enter(16);
    let mut places: Vec<_> = (0..14).map(|_| enter(1).unwrap()).collect();
    assert!(enter(1).is_err());
    let _other = enter(2).unwrap();
    places.pop();
    let _again = enter(1).unwrap();
}

#[test]
fn a_full_queue_is_answered_429() {
    let problem = Problem::from(leadhook_store::StoreError::Overloaded(4_096));
    let response = axum::response::IntoResponse::into_response(problem);
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
}
