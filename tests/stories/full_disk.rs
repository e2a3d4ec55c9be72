//! On a full disk nothing is acknowledged that is not stored, and the engine recovers by itself.

use std::fs;

use leadhook_harness::{Engine, Receiver, wait_until};
use serde_json::json;

use crate::world::{Load, call, furnished, in_state, lead_ids, webhook};

/// How much the database may still grow before its disk is full.
const ROOM_BYTES: u64 = 1024 * 1024;

/// Limits every file to what the database has now and a little more.
fn fill_the_disk(engine: &Engine) {
    let database = engine.data().join("leadhook.redb");
    let bytes =
        fs::metadata(&database).unwrap_or_else(|error| panic!("{}: {error}", database.display())).len();
    engine.limit_files(Some(bytes + ROOM_BYTES));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_the_disk_was_full_is_delivered_and_the_engine_recovers_by_itself() {
    let engine = furnished(Engine::setup().full_disk_is_an_error().start().await).await;
    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    fill_the_disk(&engine);
    let load = Load::default();
    load.post_until(&engine, |status| status == 503).await;
    assert!(load.acknowledged().len() > 10, "there was room for many");

    let bearer = format!("Bearer {}", engine.key());
    let headers = [("authorization", bearer.as_str())];
    let refused = engine.raw("POST", "/v1/events", &headers, call(1_000_000).to_string()).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("storage_unavailable")));
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert_eq!(engine.get("/healthz").await.0, 200, "the process lives");
    let (status, not_ready) = engine.get("/readyz").await;
    assert_eq!(
        (status, &not_ready["reasons"][0]["code"]),
        (503, &json!("storage_unavailable")),
        "{not_ready}"
    );

    engine.limit_files(None);
    wait_until("it is ready by itself", async || (engine.get("/readyz").await.0 == 200).then_some(())).await;
    load.post_until(&engine, |status| status == 202).await;
    let acknowledged = load.acknowledged();
    in_state(&engine, &id, "delivered", acknowledged.len()).await;
    let got = lead_ids(&receiver.requests());
    assert!(got.is_superset(&acknowledged), "{:?} are lost", acknowledged.difference(&got));
    assert!(got.is_subset(&load.tried()), "{:?} were never posted", got.difference(&load.tried()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_the_disk_was_full_survives_a_kill_then() {
    let mut engine = furnished(Engine::setup().full_disk_is_an_error().start().await).await;
    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    fill_the_disk(&engine);
    let load = Load::default();
    load.post_until(&engine, |status| status == 503).await;
    assert!(load.acknowledged().len() > 10, "there was room for many");
    engine.kill();
    engine.restart().await;
    let acknowledged = load.acknowledged();
    in_state(&engine, &id, "delivered", acknowledged.len()).await;
    let got = lead_ids(&receiver.requests());
    assert!(got.is_superset(&acknowledged), "{:?} are lost", acknowledged.difference(&got));
}
