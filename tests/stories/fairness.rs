//! A slow or dead handler holds back nobody else.

use leadhook_harness::{Answer, Receiver};
use serde_json::json;

use crate::world::{deliveries, engine, forced_webhook, in_state, lead_ids, of_leads, post_calls, webhook};

const CALLS: u64 = 300;
/// The most requests that are under way to one webhook at one time, unless its settings say otherwise.
const CONCURRENT: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn while_one_handler_never_answers_and_one_is_gone_the_others_get_everything() {
    let engine = engine().await;
    let (slow, gone) = (Receiver::start().await, Receiver::start().await);
    slow.answer(Answer::status(200));
    slow.answer_always(Answer::never());
    let slow_webhook = webhook(&engine, json!({ "url": slow.url("/hook"), "timeout_seconds": 60 })).await;
    let gone_url = gone.url("/hook");
    drop(gone);
    forced_webhook(&engine, json!({ "url": gone_url })).await;
    let good = [Receiver::start().await, Receiver::start().await];
    let mut good_webhooks = Vec::new();
    for receiver in &good {
        good_webhooks.push(webhook(&engine, json!({ "url": receiver.url("/hook") })).await);
    }

    let numbers: Vec<_> = (1..=CALLS).collect();
    for batch in numbers.chunks(20) {
        post_calls(&engine, batch.iter().copied()).await;
    }
    for (receiver, id) in good.iter().zip(&good_webhooks) {
        in_state(&engine, id, "delivered", numbers.len()).await;
        assert_eq!(lead_ids(&receiver.requests()), numbers.iter().map(u64::to_string).collect());
    }
    let under_way = deliveries(&engine, &format!("webhook={slow_webhook}&state=sending")).await;
    assert_eq!(under_way.len(), CONCURRENT, "the slow one still has as many as it may");
    assert_eq!(of_leads(&slow.requests()).len(), CONCURRENT, "and got no more");
}

#[tokio::test]
async fn a_webhook_gets_no_more_at_one_time_than_its_settings_say() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(200));
    receiver.answer_always(Answer::never());
    let other = Receiver::start().await;
    let settings =
        json!({ "url": receiver.url("/hook"), "timeout_seconds": 60, "rate": { "concurrent": 3 } });
    let slow = webhook(&engine, settings).await;
    let good = webhook(&engine, json!({ "url": other.url("/hook") })).await;
    post_calls(&engine, 1..=20).await;
    in_state(&engine, &good, "delivered", 20).await;
    in_state(&engine, &slow, "sending", 3).await;
    assert_eq!(of_leads(&receiver.requests()).len(), 3);
    assert_eq!(in_state(&engine, &slow, "scheduled", 17).await.len(), 17);
}
