//! A period is sent again: each delivery as it was and none lost, over a kill; it can be called off, and is refused
//! where it cannot be meant.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use leadhook_core::time::Timestamp;
use leadhook_harness::{Answer, Ended, Engine, Gate, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{call, command, engine, faults, id, in_state, of_leads, post, post_calls, webhook};

/// The time by the clock that engines of stories go by, so much earlier.
fn ago(earlier: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().saturating_sub(earlier);
    Timestamp(i64::try_from(now.as_millis()).unwrap()).to_rfc3339()
}

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3_600);

/// So many calls that begin now.
fn calls(count: u64) -> Value {
    let call = |number| {
        let mut call = call(number);
        call["data"]["started_at"] = json!(ago(NOW));
        call
    };
    (1..=count).map(call).collect()
}

/// The last hour of a webhook.
fn last_hour(webhook: &str) -> Value {
    json!({ "webhook": webhook, "from": ago(HOUR), "to": ago(NOW) })
}

async fn begin(engine: &Engine, wanted: &Value) -> String {
    let (status, resend) = engine.post("/v1/resends", wanted).await;
    assert_eq!(status, 201, "{resend}");
    id(&resend).to_owned()
}

/// The resend, once it is so.
async fn once(engine: &Engine, resend: &str, holds: impl Fn(&Value) -> bool) -> Value {
    wait_until("the resend is as it should be", async || {
        let (status, resend) = engine.get(&format!("/v1/resends/{resend}")).await;
        assert_eq!(status, 200, "{resend}");
        holds(&resend).then_some(resend)
    })
    .await
}

/// What it counts: selected, delivered, failed, skipped.
fn counts(resend: &Value) -> [u64; 4] {
    ["selected", "delivered", "failed", "skipped"].map(|name| resend[name].as_u64().unwrap())
}

/// `leadhook resend` with the engine's address and key.
async fn resend(engine: &Engine, arguments: &[&str]) -> Ended {
    command(engine, &[&["resend"], arguments].concat()).await
}

#[tokio::test]
async fn a_period_is_sent_again_each_once_as_it_was_also_over_kills() {
    const CALLS: u64 = 150;
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = |only: &str| {
        json!({
            "url": receiver.url("/hook"), "rate": { "concurrent": 8 },
            "parameters": { "only": ["id", only] }, "retry": { "after_seconds": [1, 1, 1, 1, 1] },
        })
    };
    let webhook = webhook(&engine, settings("callerphone")).await;
    post(&engine, &calls(CALLS)).await;
    // This one began long before the period.
    post_calls(&engine, [900]).await;
    in_state(&engine, &webhook, "delivered", 151).await;
    let (status, saved) = engine.put(&format!("/v1/webhooks/{webhook}"), &settings("duration")).await;
    assert_eq!(status, 200, "{saved}");
    let ledger = receiver.requests();
    let firsts: BTreeMap<String, String> = of_leads(&ledger)
        .iter()
        .filter(|request| request.pair("id").as_deref() != Some("900"))
        .map(|request| (request.header("webhook-id").unwrap().to_owned(), request.text()))
        .collect();

    // Some of it fails at first.
    let mut number = 0;
    receiver.answer_by(move |_| {
        number += 1;
        Answer::status(if number % 10 == 0 { 500 } else { 200 })
    });
    let resend = begin(&engine, &last_hour(&webhook)).await;
    for _ in 0..2 {
        receiver.wait_for(receiver.requests().len() + 30).await;
        engine.strike();
        engine.end().await;
        engine.restart().await;
    }
    let done = once(&engine, &resend, |resend| resend["state"] == "done").await;
    assert_eq!(counts(&done), [CALLS, CALLS, 0, 0]);

    let mut again: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in &receiver.requests()[ledger.len()..] {
        let first = request.header("webhook-resend-of").unwrap().to_owned();
        assert_eq!(Some(&request.text()), firsts.get(&first), "as it was sent then");
        again.entry(first).or_default().insert(request.header("webhook-id").unwrap().to_owned());
    }
    assert_eq!(again.keys().collect::<Vec<_>>(), firsts.keys().collect::<Vec<_>>(), "none is lost");
    assert!(again.values().all(|ids| ids.len() == 1), "each by one delivery, whatever died meanwhile");
    let (_, told) = engine.get("/v1/notifications").await;
    let told = &told["notifications"][0];
    assert_eq!((&told["kind"], &told["webhook"]), (&json!("resend_finished"), &json!(webhook)));
    let words = told["detail"].as_str().unwrap();
    assert!(words.contains("150 delivered, 0 failed, 0 skipped"), "{words}");
}

#[tokio::test]
async fn a_resend_is_followed_and_listed_on_the_command_line() {
    let engine = engine().await;
    let (receiver, moved) = (Receiver::start().await, Receiver::start().await);
    let settings =
        |receiver: &Receiver| json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [] } });
    let webhook = webhook(&engine, settings(&receiver)).await;
    receiver.answer(Answer::status(500));
    post(&engine, &calls(2)).await;
    in_state(&engine, &webhook, "failed", 1).await;
    in_state(&engine, &webhook, "delivered", 1).await;
    engine.put(&format!("/v1/webhooks/{webhook}"), &settings(&moved)).await;

    let (from, to) = (ago(HOUR), ago(NOW));
    let period = ["start", &webhook, "--from", &from, "--to", &to];
    let ended = resend(&engine, &[&period[..], &["--only", "failed", "--url", "current"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let words = "1 selected, 1 delivered, 0 failed, 0 skipped";
    assert!(ended.stdout.contains("has begun") && ended.stdout.contains(words), "{}", ended.stdout);
    assert_eq!((of_leads(&moved.requests()).len(), of_leads(&receiver.requests()).len()), (1, 2));

    receiver.answer_always(Answer::status(500));
    let ended = resend(&engine, &[&period[..], &["--json"]].concat()).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, counts(&told)), (Some(1), [2, 0, 2, 0]), "{}", ended.stderr);

    let ended = resend(&engine, &["list"]).await;
    let listed: Vec<_> = ended.stdout.lines().collect();
    assert_eq!((ended.code, listed.len()), (Some(0), 3), "{}", ended.stderr);
    assert!(listed[1].starts_with(id(&told)) && listed[2].contains(words), "{listed:?}");
    let ended = resend(&engine, &["show", id(&told), "--follow"]).await;
    assert!(ended.code == Some(1) && ended.stdout.contains("2 failed"), "{}{}", ended.stdout, ended.stderr);
    let ended = resend(&engine, &["cancel", id(&told)]).await;
    assert!(ended.code == Some(4) && ended.stderr.contains("it was done at"), "{}", ended.stderr);
    let ended = resend(&engine, &["start", &webhook, "--from", &to, "--to", &from]).await;
    assert!(
        ended.code == Some(4) && ended.stderr.contains("to: the period ends before it begins"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_resend_pauses_with_its_webhook_and_can_be_cancelled() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook"), "rate": { "concurrent": 4 } });
    let webhook = webhook(&engine, settings).await;
    post(&engine, &calls(10)).await;
    in_state(&engine, &webhook, "delivered", 10).await;
    let gate = Gate::default();
    receiver.answer_always(Answer::status(200).after(&gate));
    let sent = receiver.requests().len();
    let first = begin(&engine, &last_hour(&webhook)).await;
    receiver.wait_for(sent + 2).await;
    let (status, problem) = engine.post("/v1/resends", &last_hour(&webhook)).await;
    assert_eq!(
        (status, &problem["code"], &problem["resend"]),
        (409, &json!("resend_running"), &json!(first))
    );

    engine.post(&format!("/v1/webhooks/{webhook}/deactivate"), &json!({})).await;
    once(&engine, &first, |resend| resend["state"] == "paused").await;
    let ended = resend(&engine, &["cancel", &first]).await;
    assert!(ended.code == Some(0) && ended.stdout.contains("cancelled"), "{}{}", ended.stdout, ended.stderr);
    gate.open();
    let cancelled = once(&engine, &first, |resend| resend["delivered"] == 2).await;
    assert_eq!(counts(&cancelled), [2, 2, 0, 0]);

    let (status, problem) = engine.post("/v1/resends", &last_hour(&webhook)).await;
    assert_eq!((status, faults(&problem)), (409, told("webhook", "webhook_off")), "{problem}");
    let on = engine.post(&format!("/v1/webhooks/{webhook}/activate"), &json!({ "force": true })).await;
    assert_eq!(on.0, 200, "{}", on.1);
    let second = begin(&engine, &last_hour(&webhook)).await;
    let done = once(&engine, &second, |resend| resend["state"] == "done").await;
    assert_eq!(counts(&done), [10, 10, 0, 0]);
}

fn told(path: &str, code: &str) -> BTreeSet<(String, String)> {
    BTreeSet::from([(path.to_owned(), code.to_owned())])
}

#[tokio::test]
async fn a_period_that_cannot_be_meant_is_refused_with_its_place() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let days = |days: u32| HOUR * 24 * days;
    for (from, to, code) in [
        (ago(days(32)), ago(NOW), "period_too_long"),
        (ago(HOUR), "2100-01-01T00:00:00Z".to_owned(), "in_the_future"),
        (ago(NOW), ago(HOUR), "ends_before_start"),
        (ago(days(2)), ago(days(1)), "before_webhook"),
    ] {
        let wanted = json!({ "webhook": webhook, "from": from, "to": to });
        let (status, problem) = engine.post("/v1/resends", &wanted).await;
        let expected = ("to".to_owned(), code.to_owned());
        assert!(status == 422 && faults(&problem).contains(&expected), "{status} {problem}");
    }
    let unknown = json!({ "webhook": "wh_0000000000000", "from": ago(HOUR), "to": ago(NOW) });
    let (status, problem) = engine.post("/v1/resends", &unknown).await;
    assert_eq!((status, faults(&problem)), (422, told("webhook", "unknown_webhook")), "{problem}");
    assert_eq!(engine.get("/v1/resends").await, (200, json!({ "resends": [] })));
}
