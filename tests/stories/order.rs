//! The deliveries of one lead to one webhook go out one after another; leads do not wait for each other.

use leadhook_harness::{Answer, Gate, Receiver};
use serde_json::{Value, json};

use crate::world::{deliveries, engine, id, in_state, of_leads, post, post_calls, tagged, webhook};

fn event_based(url: &str) -> Value {
    json!({
        "url": url, "sending": { "model": "event_based", "on": ["call_ended", "lead_tags_changed"] },
        "retry": { "after_seconds": [3600, 7200] },
    })
}

#[tokio::test]
async fn a_lane_waits_for_its_failing_head_and_other_lanes_do_not_wait() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&engine, event_based(&receiver.url("/hook"))).await;
    receiver.answer(Answer::status(503));
    post_calls(&engine, [1]).await;
    let head = in_state(&engine, &webhook, "retrying", 1).await.remove(0);
    post(&engine, &json!([tagged(1, "Sales"), tagged(1, "Support")])).await;
    post_calls(&engine, [2]).await;
    post(&engine, &tagged(2, "Sales")).await;

    in_state(&engine, &webhook, "delivered", 2).await;
    let waiting = deliveries(&engine, &format!("webhook={webhook}&state=scheduled")).await;
    assert_eq!(waiting.len(), 2, "the head's followers: {waiting:?}");
    let (status, sent) = engine.post(&format!("/v1/deliveries/{}/send", id(&head)), &json!({})).await;
    assert_eq!(status, 202, "{sent}");
    in_state(&engine, &webhook, "delivered", 5).await;

    let ledger = receiver.requests();
    let story: Vec<_> = of_leads(&ledger)
        .iter()
        .filter(|request| request.pair("id").as_deref() == Some("1"))
        .map(|request| (request.pair("tags_manual").unwrap(), request.pair("changedFields").unwrap()))
        .collect();
    // An event-based delivery is rendered from the lead as its event left it, and tells what is new since
    // the last that was delivered.
    let expected = [("null", "null"), ("null", "null"), ("Sales", "tags_manual"), ("Support", "tags_manual")];
    assert_eq!(story, expected.map(|(tags, changed)| (tags.to_owned(), changed.to_owned())));
}

#[tokio::test]
async fn the_next_of_a_lane_never_starts_before_the_one_before_it_ended() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let webhook = webhook(&engine, event_based(&receiver.url("/hook"))).await;
    let gate = Gate::default();
    receiver.answer_always(Answer::status(200).after(&gate));
    post_calls(&engine, [1]).await;
    post(&engine, &tagged(1, "Sales")).await;
    post_calls(&engine, [2]).await;
    receiver.wait_until("both leads' first deliveries came", |ledger| of_leads(ledger).len() == 2).await;
    let sending = in_state(&engine, &webhook, "sending", 2).await;
    let triggers: Vec<_> = sending.iter().map(|one| one["trigger"].clone()).collect();
    assert_eq!(triggers, ["call_ended", "call_ended"]);
    assert_eq!(in_state(&engine, &webhook, "scheduled", 1).await[0]["trigger"], "lead_tags_changed");
    gate.open();
    in_state(&engine, &webhook, "delivered", 3).await;
}
