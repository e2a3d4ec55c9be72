//! Ending in order loses nothing, a restart finds everything, and a folder has one engine and one key.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use leadhook_harness::{Answer, Engine, Program, Receiver};
use serde_json::{Value, json};

use crate::world::{Load, engine, id, in_state, lead_ids, of_leads, post_calls, webhook, whole};

/// The default deadline of a shutdown, with room for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_nothing_and_ends_with_0_in_time() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let load = Load::default();
    let client = || load.post_until(&engine, |_| false);
    let asking = async {
        receiver.wait_for(30).await;
        engine.ask_to_end();
    };
    tokio::join!(client(), client(), client(), client(), asking);
    let asked = Instant::now();
    let status = engine.end().await;
    assert_eq!(status.code(), Some(0), "{}", engine.log());
    assert!(asked.elapsed() < ENDS_WITHIN, "it took {:?}", asked.elapsed());

    engine.restart().await;
    let acknowledged = load.acknowledged();
    in_state(&engine, &id, "delivered", acknowledged.len()).await;
    let ledger = receiver.requests();
    let got = lead_ids(&ledger);
    assert!(got.is_superset(&acknowledged), "{:?} are lost", acknowledged.difference(&got));
    let ids: BTreeSet<_> =
        of_leads(&ledger).iter().filter_map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), of_leads(&ledger).len(), "what ended in order is not sent twice");
}

#[tokio::test]
async fn a_handler_that_does_not_answer_holds_the_end_back_only_to_its_deadline_and_is_sent_again() {
    let setup = Engine::setup().arguments(["--shutdown-seconds", "1"]);
    let mut engine = crate::world::furnished(setup.start().await).await;
    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook"), "timeout_seconds": 60 })).await;
    receiver.answer(Answer::never());
    post_calls(&engine, [1]).await;
    receiver.wait_for(2).await;
    let asked = Instant::now();
    assert_eq!(engine.terminate().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
    engine.restart().await;
    in_state(&engine, &id, "delivered", 1).await;
    let ledger = receiver.requests();
    let [first, again] = of_leads(&ledger)[..] else { panic!("{ledger:?}") };
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
}

/// Everything that the engine can be asked about.
async fn everything(engine: &Engine, webhook: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/v1/sites".to_owned(),
        "/v1/webhooks".to_owned(),
        format!("/v1/webhooks/{webhook}/revisions"),
        "/v1/leads".to_owned(),
        "/v1/leads/60001/call/1".to_owned(),
        "/v1/deliveries".to_owned(),
    ] {
        let (status, answer) = engine.get(&path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        all.push(answer);
    }
    for brief in all.last().unwrap()["deliveries"].as_array().cloned().unwrap_or_default() {
        all.push(whole(engine, &brief).await);
    }
    all
}

#[tokio::test]
async fn a_restart_finds_sites_webhooks_leads_deliveries_and_attempts() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer_by(|request| {
        let is_second = request.pair("id").as_deref() == Some("2");
        Answer::status(if is_second { 503 } else { 200 }).body("so it is")
    });
    let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [3600] } });
    let webhook = webhook(&engine, settings.clone()).await;
    engine.put(&format!("/v1/webhooks/{webhook}"), &settings).await;
    post_calls(&engine, [1, 2]).await;
    in_state(&engine, &webhook, "delivered", 1).await;
    let retrying = in_state(&engine, &webhook, "retrying", 1).await;
    let before = everything(&engine, &webhook).await;
    for kill in [false, true] {
        if kill {
            engine.kill();
        }
        engine.restart().await;
        assert_eq!(everything(&engine, &webhook).await, before, "killed: {kill}");
    }
    let (status, _) = engine.post(&format!("/v1/deliveries/{}/send", id(&retrying[0])), &json!({})).await;
    assert_eq!(status, 202);
    let third = receiver.wait_for(4).await.remove(3);
    assert_eq!(third.header("webhook-id"), Some(id(&retrying[0])));
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_in_plain_words() {
    let engine = engine().await;
    let data = engine.data();
    let second =
        Program::start(["serve", "--listen", "127.0.0.1:0", "--data", &data.to_string_lossy()]).end().await;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("is in use by another leadhook process"), "{}", second.stderr);
    assert!(second.stderr.contains(&*data.to_string_lossy()), "{}", second.stderr);
    assert!(!second.stderr.contains("panicked"), "{}", second.stderr);
    assert_eq!(engine.get("/readyz").await.0, 200, "the first goes on");
}

#[tokio::test]
async fn the_key_is_printed_once_and_kept_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_path = data.to_string_lossy();
    let mut printed = Vec::new();
    for _ in 0..2 {
        let mut engine = Program::start(["serve", "--listen", "127.0.0.1:0", "--data", &data_path]);
        engine.line_with("listening on http://").await;
        let ended = engine.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        printed.push(format!("{}{}", ended.stdout, ended.stderr));
    }
    let file = data.join("api-key");
    let key = std::fs::read_to_string(&file).unwrap();
    let key = key.trim();
    assert!(key.len() > 32, "{key}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(printed[0].matches(key).count(), 1, "{}", printed[0]);
    assert_eq!(printed[1].matches(key).count(), 0, "{}", printed[1]);
    assert!(!printed[1].contains("API key"), "{}", printed[1]);
}
