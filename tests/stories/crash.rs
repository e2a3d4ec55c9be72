//! What was acknowledged survives `kill -9`, at any moment: all of it is delivered, and repeats are known by their id.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use leadhook_harness::{Answer, Engine, Gate, Received, Receiver, wait_until};
use serde_json::json;

use crate::world::{Load, deliveries, engine, lead_ids, of_leads, webhook};

/// When the engine is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// When so many events were acknowledged in this round.
    Acknowledged(usize),
    /// When so many requests came to the handler in this round.
    Received(usize),
    /// When so many requests came to the handler in this round and none of them was answered.
    Unanswered(usize),
}

/// Four clients post until the moment has come and the engine is gone.
async fn round(engine: &Engine, receiver: &Receiver, load: &Load, moment: Moment) {
    let gate = Gate::default();
    let answer = Answer::status(200);
    receiver.answer_always(match moment {
        Moment::Unanswered(_) => answer.after(&gate),
        Moment::Acknowledged(_) | Moment::Received(_) => answer,
    });
    let acknowledged = AtomicUsize::new(0);
    let client = || {
        load.post_until(engine, |_| {
            let count = acknowledged.fetch_add(1, Ordering::Relaxed) + 1;
            if matches!(moment, Moment::Acknowledged(most) if most == count) {
                engine.strike();
            }
            false
        })
    };
    let striking = async {
        if let Moment::Received(count) | Moment::Unanswered(count) = moment {
            receiver.wait_for(receiver.requests().len() + count).await;
            engine.strike();
        }
    };
    tokio::join!(client(), client(), client(), client(), striking);
    gate.open();
}

/// The pairs in which a repeat must equal what it repeats.
fn content(request: &Received) -> Vec<(String, String)> {
    let mut pairs = request.pairs();
    // What died between rendering and recording is rendered again, with a new time of sending.
    pairs.retain(|(name, _)| name != "sendingTimestamp");
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_at_any_moment_under_load() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let load = Load::default();
    let any = || rand::random_range(1..=60);
    let moments = [
        Moment::Acknowledged(any()),
        Moment::Received(any()),
        // No more than are sent at one time.
        Moment::Unanswered(rand::random_range(1..=30)),
        Moment::Acknowledged(any()),
        Moment::Received(any()),
        Moment::Acknowledged(1),
    ];
    for moment in moments {
        round(&engine, &receiver, &load, moment).await;
        engine.end().await;
        engine.restart().await;
    }
    let owed = wait_until("every delivery has ended", async || {
        let all = deliveries(&engine, "").await;
        all.iter().all(|one| one["state"] == "delivered").then_some(all)
    })
    .await;

    let ledger = receiver.requests();
    let (got, acknowledged) = (lead_ids(&ledger), load.acknowledged());
    let lost: Vec<_> = acknowledged.difference(&got).collect();
    assert!(lost.is_empty(), "{moments:?}: {lost:?} were acknowledged and are lost");
    let invented: Vec<_> = got.difference(&load.tried()).cloned().collect();
    assert!(invented.is_empty(), "{moments:?}: {invented:?} were never posted");

    let mut by_id: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
    for request in of_leads(&ledger) {
        by_id.entry(request.header("webhook-id").unwrap()).or_default().push(request);
    }
    assert_eq!(by_id.len(), got.len(), "{moments:?}: a lead has one id, however often it is sent");
    assert_eq!(by_id.len(), owed.len(), "{moments:?}: what was sent is what is owed");
    for (id, sendings) in &by_id {
        let first = content(sendings[0]);
        assert!(sendings.iter().all(|again| content(again) == first), "{moments:?}: {id} differs");
    }
    let repeats = by_id.values().filter(|sendings| sendings.len() > 1).count();
    assert!(repeats > 0, "{moments:?}: what got no answer was not sent again");
}
