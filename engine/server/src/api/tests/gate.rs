//! Keys, unknown paths, bounds on what is under way, health.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, header},
};

use super::*;
use crate::api::{openapi, problem, scope};

/// Every call of the description: method, a path that fits it, and whether it needs no key.
fn calls() -> Vec<(String, String, bool)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.replace("{id}", "x").replace("{site}", "60001").replace("{type}", "call");
            calls.push((method.to_uppercase(), path, operation["security"] == json!([{}])));
        }
    }
    calls
}

#[tokio::test]
async fn every_call_needs_a_key_but_health_the_description_the_relay_and_recordings() {
    let world = World::new().await;
    let calls = calls();
    assert_eq!(calls.len(), scope::CALLS.len());
    for (method, path, is_open) in calls {
        for key in [None, Some("Bearer wrong"), Some("Basic YTpi"), Some("Bearer ")] {
            let mut request = Request::builder().method(method.as_str()).uri(&path);
            if let Some(key) = key {
                request = request.header("authorization", key);
            }
            let reply = world.send(request.body(Body::empty()).unwrap()).await;
            if path.starts_with("/v1/relay/") || path.starts_with("/rec/") {
                reply.is_problem(404, "not_found");
            } else if is_open {
                assert_eq!(reply.status, StatusCode::OK, "{method} {path}");
            } else {
                reply.is_problem(401, "unauthorized");
                assert!(reply.header(header::WWW_AUTHENTICATE).unwrap().starts_with("Bearer"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_known_without_asking_the_storage() {
    let world = World::new().await;
    assert_eq!(world.get("/v1/sites").await.status, StatusCode::OK);
    world.engine.store().close().await;
    assert_eq!(world.get("/v1/egress").await.status, StatusCode::OK);
    let wrong = Request::builder().uri("/v1/egress").header("authorization", "bearer other");
    world.send(wrong.body(Body::empty()).unwrap()).await.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let world = World::new().await;
    world.get("/v2/sites").await.is_problem(404, "not_found");
    world.get("/").await.is_problem(404, "not_found");
    let reply = world.delete("/v1/webhooks").await;
    let allow = reply.is_problem(405, "method_not_allowed").header(header::ALLOW).unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[test]
fn a_panic_is_answered_without_its_words() {
    let response = problem::panicked(Box::new("phone 79990000001"));
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let body =
        tokio::runtime::Runtime::new().unwrap().block_on(to_bytes(response.into_body(), 4096)).unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("7999"));
}

#[tokio::test]
async fn more_than_the_bound_is_answered_503_at_once_and_health_all_the_same() {
    let world = World::with(ApiSettings { requests_at_once_max: 0, ..ApiSettings::default() }).await;
    let reply = world.get("/v1/sites").await;
    assert_eq!(reply.is_problem(503, "overloaded").header(header::RETRY_AFTER), Some("1"));
    assert_eq!(world.get("/healthz").await.body, json!({"status": "ok"}));
    assert_eq!(world.get("/readyz").await.body, json!({"status": "ready"}));
}

#[tokio::test]
async fn bodies_beyond_the_room_for_all_are_answered_503() {
    let world = World::with(ApiSettings { body_bytes_at_once_max: 0, ..ApiSettings::default() }).await;
    world.put("/v1/sites/1", json!({})).await.is_problem(503, "overloaded");
}

#[tokio::test]
async fn room_for_bodies_is_given_back() {
    let world = World::with(ApiSettings { body_bytes_at_once_max: 1024, ..ApiSettings::default() }).await;
    let body = || json!({}).to_string();
    for _ in 0..3 {
        let reply = world.raw("PUT", "/v1/sites/1", &[("content-length", "2")], body()).await;
        assert!(reply.status.is_success(), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_answered_408() {
    let settings = ApiSettings { body_timeout: Duration::ZERO, ..ApiSettings::default() };
    let world = World::with(settings).await;
    let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    world.raw("PUT", "/v1/sites/1", &[], never).await.is_problem(408, "body_timeout");
}

#[tokio::test]
async fn without_its_storage_it_says_when_to_come_again() {
    let world = World::with_site().await;
    world.engine.store().close().await;
    let reply = world.post("/v1/events", event("call.ended", json!({}))).await;
    assert!(reply.is_problem(503, "storage_unavailable").header(header::RETRY_AFTER).is_some());
    world.get("/readyz").await.is_problem(503, "storage_unavailable");
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn it_is_not_ready_while_it_shuts_down_but_serves() {
    let settings = ApiSettings::default();
    let readiness = settings.readiness.clone();
    let world = World::with(settings).await;
    readiness.shut_down();
    world.get("/readyz").await.is_problem(503, "shutting_down");
    assert_eq!(world.get("/v1/sites").await.status, StatusCode::OK);
}
