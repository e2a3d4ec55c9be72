//! Retry: the default policy, what is sent again, `Retry-After`, 410.

use leadhook_core::{
    delivery::{State, StateName},
    outcome::{Answer, Outcome},
    webhook::RETRY_AFTER_SECONDS_DEFAULT,
};
use serde_json::json;

use crate::world::{ACCOUNT, World, refused, status};

#[tokio::test]
async fn the_default_policy_takes_three_days_and_then_fails() {
    let world = World::new().await;
    world.webhook(json!({})).await;
    world.handler.always_answers(status(503));
    let id = world.call("1").await;
    for (index, step) in RETRY_AFTER_SECONDS_DEFAULT.iter().enumerate() {
        let attempted_at = world.handler.seen(index + 1).await[index].at;
        let waiting = world.stands(id, StateName::Retrying).await;
        let wait_ms = waiting.state.due().unwrap().0 - attempted_at.0;
        let step_ms = i64::from(*step) * 1_000;
        assert!((step_ms..=step_ms + step_ms / 10).contains(&wait_ms), "step {index}: {wait_ms}");
        world.advance_to_due(id).await;
    }
    let failed = world.stands(id, StateName::Failed).await;
    assert_eq!(failed.attempts.len(), RETRY_AFTER_SECONDS_DEFAULT.len() + 1);
    assert!(failed.state.reason().unwrap().contains("503"), "{:?}", failed.state);
}

#[tokio::test]
async fn a_retry_sends_the_stored_bytes_under_the_same_id() {
    let world = World::new().await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    world.webhook(json!({"signing": {"secrets": [secret]}})).await;
    world.handler.answers([refused(), status(500)]);
    let id = world.call("1").await;
    for attempt in 1..3 {
        world.handler.seen(attempt).await;
        world.stands(id, StateName::Retrying).await;
        // A fact learned meanwhile changes nothing about what was rendered.
        world.post("lead.updated", "1", json!({"orderId": attempt.to_string()})).await;
        world.advance_to_due(id).await;
    }
    let delivered = world.stands(id, StateName::Delivered).await;
    let seen = world.handler.seen(3).await;
    assert_eq!(delivered.renderings.len(), 1);
    for attempt in &seen {
        assert_eq!(attempt.request, seen[0].request);
        assert_eq!(attempt.header("webhook-id"), Some(id.to_string().as_str()));
    }
    assert_ne!(seen[0].header("webhook-timestamp"), seen[2].header("webhook-timestamp"));
    assert_ne!(seen[0].header("webhook-signature"), seen[2].header("webhook-signature"));
}

#[tokio::test]
async fn settings_saved_since_filter_and_render_the_retry_anew_from_the_first_renderings_lead() {
    let world = World::new().await;
    let webhook = world.webhook(json!({})).await;
    world.handler.answers([status(500)]);
    let id = world.call("1").await;
    world.stands(id, StateName::Retrying).await;
    world.post("lead.updated", "1", json!({"orderId": "9", "callerphone": "79990000099"})).await;
    world
        .save(webhook, json!({"parameters": {"only": ["callerphone"], "rename": {"callerphone": "phone"}}}))
        .await;
    world.advance_to_due(id).await;
    let delivered = world.stands(id, StateName::Delivered).await;
    let seen = world.handler.seen(2).await;
    assert_eq!(seen[1].request.body, b"phone=79990000012");
    assert_eq!(delivered.renderings.len(), 2);
    assert_eq!(delivered.renderings[1].lead_version, delivered.renderings[0].lead_version);
    assert_eq!(
        delivered.attempts.iter().map(|attempt| attempt.rendering).collect::<Vec<_>>(),
        [Some(0), Some(1)]
    );
}

#[tokio::test]
async fn settings_saved_since_may_hold_the_retry_back() {
    let world = World::new().await;
    let webhook = world.webhook(json!({})).await;
    world.handler.answers([status(500)]);
    let id = world.call("1").await;
    world.stands(id, StateName::Retrying).await;
    world.save(webhook, json!({"tags": ["Sales"]})).await;
    world.advance_to_due(id).await;
    let skipped = world.stands(id, StateName::Skipped).await;
    assert!(skipped.state.reason().unwrap().contains("Sales"), "{:?}", skipped.state);
    assert_eq!(world.handler.count(), 1);
}

#[tokio::test]
async fn retry_after_lengthens_the_wait_up_to_the_next_step() {
    let world = World::new().await;
    world.webhook(json!({"retry": {"after_seconds": [10, 100, 1000]}})).await;
    let busy = |seconds: &str| {
        let headers = vec![("retry-after".to_owned(), seconds.to_owned())];
        Outcome::Answered(Answer { status: 503, headers, ..Answer::default() })
    };
    for (asked, wait_seconds) in [("60", 60), ("5000", 100), ("1", 10)] {
        world.handler.answers([busy(asked)]);
        let id = world.call(asked).await;
        let waiting = world.stands(id, StateName::Retrying).await;
        let wait_ms = waiting.state.due().unwrap().0 - waiting.attempts[0].started_at.0;
        assert!((wait_seconds * 1_000..=wait_seconds * 1_100).contains(&wait_ms), "{asked}: {wait_ms}");
    }
}

#[tokio::test]
async fn status_410_switches_the_webhook_off_and_says_so() {
    let world = World::new().await;
    let webhook = world.webhook(json!({"sending": {"delay_minutes": {"call_ended": 5}}})).await;
    world.handler.answers([status(410)]);
    let (first, second) = (world.call("1").await, world.call("2").await);
    world.engine.send_now(ACCOUNT, first).await.unwrap();
    let failed = world.stands(first, StateName::Failed).await;
    assert!(failed.state.reason().unwrap().contains("410"));
    let webhook = world.store().webhook(ACCOUNT, webhook).await.unwrap().unwrap();
    assert!(!webhook.is_on());
    assert!(format!("{:?}", webhook.switch).contains("410"), "{:?}", webhook.switch);
    world.advance_to_due(second).await;
    let cancelled = world.stands(second, StateName::Cancelled).await;
    assert!(cancelled.state.reason().unwrap().contains("410"), "{:?}", cancelled.state);
    assert_eq!(world.handler.count(), 1);
}

#[tokio::test]
async fn without_a_retry_list_the_first_failure_is_the_last() {
    let world = World::new().await;
    world.webhook(json!({"retry": {"after_seconds": []}})).await;
    world.handler.answers([refused()]);
    let failed = world.call("1").await;
    let failed = world.stands(failed, StateName::Failed).await;
    assert_eq!(failed.attempts.len(), 1);
    assert!(matches!(failed.state, State::Failed { .. }));
}
