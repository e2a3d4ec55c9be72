//! A delivery is sent or cancelled by hand, or that is refused with the reason.

use leadhook_harness::{Answer, Engine, Gate, Receiver};
use serde_json::{Value, json};

use crate::world::{engine, id, in_state, of_leads, only_delivery, post_calls, webhook};

async fn ask(engine: &Engine, delivery: &Value, what: &str) -> (u16, Value) {
    engine.post(&format!("/v1/deliveries/{}/{what}", id(delivery)), &json!({})).await
}

fn assert_refused(answer: (u16, Value), code: &str) -> Value {
    assert_eq!((answer.0, &answer.1["code"]), (409, &json!(code)), "{}", answer.1);
    answer.1
}

#[tokio::test]
async fn send_makes_a_delayed_delivery_due_now() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings =
        json!({ "url": receiver.url("/hook"), "sending": { "delay_minutes": { "call_ended": 1440 } } });
    let webhook = webhook(&engine, settings).await;
    post_calls(&engine, [1]).await;
    let waiting = only_delivery(&engine, &webhook, "scheduled").await;
    assert_eq!(receiver.requests().len(), 1, "nothing but the probe before it is due");
    let (status, sent) = ask(&engine, &waiting, "send").await;
    assert_eq!((status, id(&sent)), (202, id(&waiting)));
    let delivered = only_delivery(&engine, &webhook, "delivered").await;
    assert_eq!(id(&delivered), id(&waiting));
}

#[tokio::test]
async fn what_was_cancelled_before_any_attempt_is_rendered_and_sent() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings =
        json!({ "url": receiver.url("/hook"), "sending": { "delay_minutes": { "call_ended": 60 } } });
    let webhook = webhook(&engine, settings).await;
    post_calls(&engine, [1]).await;
    let waiting = only_delivery(&engine, &webhook, "scheduled").await;
    let (status, cancelled) = ask(&engine, &waiting, "cancel").await;
    assert_eq!(
        (status, &cancelled["state"], &cancelled["reason"]),
        (200, &json!("cancelled"), &json!("cancelled by hand"))
    );
    assert_eq!(assert_refused(ask(&engine, &waiting, "cancel").await, "ended")["state"], "cancelled");
    assert_eq!(ask(&engine, &waiting, "send").await.0, 202);
    let delivered = only_delivery(&engine, &webhook, "delivered").await;
    assert_eq!(id(&delivered), id(&waiting));
    assert_eq!(of_leads(&receiver.requests()).len(), 1);
}

#[tokio::test]
async fn a_skipped_one_is_refused_with_its_reason() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&engine, json!({ "url": receiver.url("/hook"), "tags": ["Sales"] })).await;
    post_calls(&engine, [1]).await;
    let skipped = only_delivery(&engine, &webhook, "skipped").await;
    for what in ["send", "cancel"] {
        let problem = assert_refused(ask(&engine, &skipped, what).await, "skipped");
        assert_eq!(problem["reason"], skipped["reason"]);
        assert!(problem["reason"].as_str().unwrap().contains("Sales"), "{problem}");
    }
    assert_eq!(of_leads(&receiver.requests()).len(), 0);
}

#[tokio::test]
async fn one_that_is_being_sent_or_unknown_is_refused() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let gate = Gate::default();
    receiver.answer(Answer::status(200).after(&gate));
    post_calls(&engine, [1]).await;
    receiver.wait_for(2).await;
    let sending = only_delivery(&engine, &webhook, "sending").await;
    for what in ["send", "cancel"] {
        assert_refused(ask(&engine, &sending, what).await, "already_sending");
    }
    gate.open();
    let delivered = in_state(&engine, &webhook, "delivered", 1).await.remove(0);
    assert_refused(ask(&engine, &delivered, "cancel").await, "ended");
    let mut unknown = id(&delivered).to_owned();
    unknown.replace_range(4..8, "0000");
    for what in ["send", "cancel"] {
        let (status, problem) = ask(&engine, &json!({ "id": unknown }), what).await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{problem}");
    }
}
