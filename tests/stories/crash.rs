//! What was acknowledged survives `kill -9`, at any moment: all of it is delivered, and repeats are known by their id.

mod history;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use history::{content, faults};
use leadhook_harness::{Answer, Engine, Gate, Received, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{Load, call, deliveries, engine, lead_ids, of_leads, tagged, webhook};

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

/// How many times the engine is killed, unless `LEADHOOK_KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 8;
/// The latest moment of a kill after a start, in milliseconds.
const KILLED_WITHIN_MS: u64 = 400;

fn rounds() -> usize {
    std::env::var("LEADHOOK_KILL_ROUNDS").ok().and_then(|said| said.parse().ok()).unwrap_or(ROUNDS)
}

/// Leads whose every event is posted after the one before was acknowledged, and how many of each were.
#[derive(Default)]
struct Leads {
    last: AtomicUsize,
    acknowledged: Mutex<BTreeMap<String, usize>>,
}

impl Leads {
    /// Posts leads of three events each until the engine is gone.
    async fn post_until_it_is_gone(&self, engine: &Engine) {
        loop {
            let number = self.last.fetch_add(1, Ordering::Relaxed) as u64 + 1;
            for event in [call(number), tagged(number, "Sales"), tagged(number, "Support")] {
                if !self.is_acknowledged(engine, number, &event).await {
                    return;
                }
            }
        }
    }

    async fn is_acknowledged(&self, engine: &Engine, number: u64, event: &Value) -> bool {
        let bearer = format!("Bearer {}", engine.key());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = engine.raw("POST", "/v1/events", &headers, event.to_string()).await;
        let is_taken = answer.is_ok_and(|answer| answer.status == 202);
        if is_taken {
            *self.acknowledged.lock().unwrap().entry(number.to_string()).or_default() += 1;
        }
        is_taken
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_kills_loses_an_event_turns_a_lane_or_changes_a_repeat() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let sending = json!({ "model": "event_based", "on": ["call_ended", "lead_tags_changed"] });
    webhook(&engine, json!({ "url": receiver.url("/hook"), "sending": sending })).await;
    let leads = Leads::default();
    let mut moments_ms = Vec::new();
    for _ in 0..rounds() {
        // Not a wait for anything: the moment of the kill is what is tried.
        let moment_ms = rand::random_range(0..=KILLED_WITHIN_MS);
        moments_ms.push(moment_ms);
        let mut ticking = tokio::time::interval(Duration::from_millis(moment_ms.max(1)));
        let killing = async {
            ticking.tick().await;
            ticking.tick().await;
            engine.strike();
        };
        let client = || leads.post_until_it_is_gone(&engine);
        tokio::join!(client(), client(), client(), client(), killing);
        engine.end().await;
        engine.restart().await;
    }
    wait_until("every delivery has ended", async || {
        let all = deliveries(&engine, "").await;
        all.iter().all(|one| one["state"] == "delivered").then_some(())
    })
    .await;
    let acknowledged = leads.acknowledged.lock().unwrap().clone();
    let found = faults(&receiver.requests(), &acknowledged);
    assert!(found.is_empty(), "killed after {moments_ms:?} ms:\n{}", found.join("\n"));
    let events: usize = acknowledged.values().sum();
    let sendings = of_leads(&receiver.requests()).len();
    println!("{} kills: {events} events acknowledged, {sendings} requests, none lost", moments_ms.len());
    assert!(events > 0, "nothing was acknowledged between the kills");
}
