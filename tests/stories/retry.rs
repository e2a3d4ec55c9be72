//! When a delivery is tried again, what it sends then, and when a handler is called no more.

use leadhook_harness::{Answer, Receiver};
use serde_json::{Value, json};

use crate::world::{engine, id, in_state, of_leads, only_delivery, post_calls, webhook, whole};

/// Milliseconds since some midnight: times of one story are close together.
fn ms(time: &Value) -> i64 {
    let text = time.as_str().unwrap();
    let clock = text.split_once('T').unwrap().1.trim_end_matches('Z');
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    ((parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]) * 1000.0).round() as i64
}

/// How long after its last attempt the delivery is due, in seconds.
fn wait_seconds(delivery: &Value) -> i64 {
    let attempt = delivery["attempts"].as_array().unwrap().last().unwrap();
    let ended_ms = ms(&attempt["started_at"]) + attempt["elapsed_ms"].as_i64().unwrap();
    (ms(&delivery["due"]) - ended_ms).rem_euclid(86_400_000) / 1000
}

#[tokio::test]
async fn the_wait_is_the_step_or_retry_after_up_to_the_next_step_with_a_tenth_of_jitter() {
    let engine = engine().await;
    // Retry-After, and the wait that it makes of the steps 100 and 1000.
    let rows = [(None, 100), (Some("5"), 100), (Some("400"), 400), (Some("5000"), 1000), (Some("soon"), 100)];
    for (number, (asked, expected)) in (1..).zip(rows) {
        let receiver = Receiver::start().await;
        let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [100, 1000] } });
        let webhook = webhook(&engine, settings).await;
        let busy = Answer::status(503);
        receiver.answer_always(asked.iter().fold(busy, |busy, asked| busy.header("retry-after", asked)));
        post_calls(&engine, [number]).await;
        let waits = wait_seconds(&only_delivery(&engine, &webhook, "retrying").await);
        // A second of room: times are told in milliseconds, and the answer came within the attempt.
        assert!((expected - 1..=expected + expected / 10 + 1).contains(&waits), "{asked:?}: {waits} s");
        engine.post(&format!("/v1/webhooks/{webhook}/deactivate"), &json!({})).await;
    }
}

#[tokio::test]
async fn a_retry_sends_the_stored_bytes_under_the_same_id_and_fails_when_the_policy_is_used_up() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [3600] } });
    let webhook = webhook(&engine, settings).await;
    receiver.answer_always(Answer::status(500).body("no such table"));
    post_calls(&engine, [1]).await;
    let waiting = only_delivery(&engine, &webhook, "retrying").await;
    engine.post(&format!("/v1/deliveries/{}/send", id(&waiting)), &json!({})).await;
    let failed = only_delivery(&engine, &webhook, "failed").await;
    assert_eq!(failed["reason"], "the handler answered 500 (2 attempts)");
    for attempt in failed["attempts"].as_array().unwrap() {
        assert_eq!(
            (&attempt["response"]["status"], &attempt["response"]["body"]),
            (&json!(500), &json!("no such table"))
        );
    }
    let ledger = receiver.requests();
    let [first, second] = of_leads(&ledger)[..] else { panic!("{ledger:?}") };
    assert_eq!((&first.body, first.header("webhook-id")), (&second.body, second.header("webhook-id")));
    assert_eq!(first.header("webhook-id"), Some(id(&failed)));
}

#[tokio::test]
async fn settings_saved_between_attempts_are_those_of_the_next() {
    let engine = engine().await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    let webhook =
        webhook(&engine, json!({ "url": old.url("/hook"), "retry": { "after_seconds": [3600] } })).await;
    old.answer_always(Answer::status(404));
    post_calls(&engine, [1]).await;
    let waiting = only_delivery(&engine, &webhook, "retrying").await;
    let moved = json!({ "url": new.url("/hook"), "parameters": { "rename": { "callerphone": "phone" } } });
    assert_eq!(engine.put(&format!("/v1/webhooks/{webhook}"), &moved).await.0, 200);
    engine.post(&format!("/v1/deliveries/{}/send", id(&waiting)), &json!({})).await;
    let got = new.wait_for(1).await.remove(0);
    assert_eq!(got.header("webhook-id"), Some(id(&waiting)));
    assert_eq!((got.pair("phone").as_deref(), got.pair("callerphone")), (Some("79990000001"), None));
    let delivered = only_delivery(&engine, &webhook, "delivered").await;
    assert_eq!(delivered["renderings"].as_array().map(Vec::len), Some(2), "both are on record");
}

#[tokio::test]
async fn a_410_switches_the_webhook_off_and_what_falls_due_then_is_cancelled() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [3600] } });
    let webhook = webhook(&engine, settings).await;
    receiver.answer(Answer::status(503));
    receiver.answer(Answer::status(410));
    post_calls(&engine, [1]).await;
    let waiting = in_state(&engine, &webhook, "retrying", 1).await.remove(0);
    post_calls(&engine, [2]).await;
    let failed = in_state(&engine, &webhook, "failed", 1).await.remove(0);
    assert!(failed["reason"].as_str().unwrap().contains("410"), "{failed}");
    let off = leadhook_harness::wait_until("the webhook is off", async || {
        let (_, webhook) = engine.get(&format!("/v1/webhooks/{webhook}")).await;
        (webhook["active"] == false).then_some(webhook)
    })
    .await;
    assert!(off["inactive_reason"].as_str().unwrap().contains("410"), "{off}");

    engine.post(&format!("/v1/deliveries/{}/send", id(&waiting)), &json!({})).await;
    let cancelled = in_state(&engine, &webhook, "cancelled", 1).await.remove(0);
    assert_eq!(id(&cancelled), id(&waiting));
    assert!(cancelled["reason"].as_str().unwrap().contains("was off"), "{cancelled}");
    let answer = crate::world::post(&engine, &crate::world::call(3)).await;
    assert_eq!(answer["events"][0]["deliveries"], 0, "a trigger while it is off owes nothing");
    assert_eq!(receiver.requests().len(), 3, "the probe and the two leads");
    assert_eq!(whole(&engine, &cancelled).await["attempts"].as_array().map(Vec::len), Some(1));
}
