//! The configuration is read again while the engine works: what may change holds at once, what is wrong changes nothing.

use std::fs;

use leadhook_harness::{ApiAnswer, Engine, Receiver, wait_until};
use serde_json::json;

use crate::world::{furnished, in_state, post_calls, webhook};

/// `POST /v1/reload` by the operator.
async fn reload(engine: &Engine) -> ApiAnswer {
    let key = fs::read_to_string(engine.data().join("operator-key")).unwrap();
    let bearer = format!("Bearer {}", key.trim());
    engine.raw("POST", "/v1/reload", &[("authorization", &bearer)], "").await.unwrap()
}

/// Asks for it by SIGHUP, and waits until the log tells this once more.
async fn reload_by_signal(engine: &Engine, told: &str) {
    let count = |log: String| log.matches(told).count();
    let before = count(engine.log());
    engine.ask_to_reload();
    let what = format!("the log tells `{told}`");
    wait_until(&what, async || (count(engine.log()) > before).then_some(())).await;
}

#[tokio::test]
async fn what_may_change_holds_at_once_and_no_request_fails_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leadhook.toml");
    fs::write(&file, "log_level = 'warn'\n").unwrap();
    let setup = Engine::setup().public_only().arguments(["--config", file.to_str().unwrap()]);
    let engine = furnished(setup.start().await).await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook") });
    assert_eq!(engine.post("/v1/webhooks", &settings).await.0, 422, "this machine is no destination");

    let posting = async {
        for number in 1..=100 {
            post_calls(&engine, [number]).await;
        }
    };
    let reloading = async {
        let wanted = "log_level = 'info'\nallow_destination = ['127.0.0.0/8']\nshutdown_seconds = 7\n";
        fs::write(&file, wanted).unwrap();
        let first = reload(&engine).await.json();
        let changed = json!(["allow_destination", "log_level"]);
        assert_eq!(first, json!({ "changed": changed, "needs_restart": ["shutdown_seconds"] }));
        for _ in 0..10 {
            let again = reload(&engine).await.json();
            assert_eq!(again, json!({ "changed": [], "needs_restart": ["shutdown_seconds"] }));
        }
    };
    tokio::join!(posting, reloading);
    assert!(engine.log().contains("the configuration was read again"), "it is logged at the new level");
    let id = webhook(&engine, settings.clone()).await;
    post_calls(&engine, 101..=103).await;
    in_state(&engine, &id, "delivered", 3).await;

    fs::write(&file, "log_level = 'info'\n").unwrap();
    reload_by_signal(&engine, "the configuration was read again").await;
    assert_eq!(engine.post("/v1/webhooks", &settings).await.0, 422);
    post_calls(&engine, [104]).await;
    let held_up = in_state(&engine, &id, "retrying", 1).await;
    assert_eq!(held_up.len(), 1, "a destination that was taken away is not sent to, though it was before");
}

#[tokio::test]
async fn a_configuration_with_faults_changes_nothing_and_every_fault_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leadhook.toml");
    fs::write(&file, "allow_destination = ['127.0.0.0/8']\n").unwrap();
    let setup = Engine::setup().public_only().arguments(["--config", file.to_str().unwrap()]);
    let engine = furnished(setup.start().await).await;
    fs::write(&file, "log_level = 'loud'\nretention_leads_days = 3\n").unwrap();
    let refused = reload(&engine).await;
    let told = refused.json();
    assert_eq!((refused.status, &told["code"]), (422, &json!("bad_configuration")), "{told}");
    let places: Vec<_> = told["errors"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
    assert_eq!(places.len(), 2, "{told}");
    reload_by_signal(&engine, "the one before holds").await;
    assert!(engine.log().contains("log_level") && engine.log().contains("retention_leads_days"));

    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    post_calls(&engine, [1]).await;
    in_state(&engine, &id, "delivered", 1).await;
}
