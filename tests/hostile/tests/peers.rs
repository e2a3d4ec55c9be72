//! The real binary against every hostile peer at one time: each attempt ends as it must, and memory stays small.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests end by panicking and tell their figures"
)]

mod memory;

use leadhook_harness::{Answer, Engine, Receiver, wait_until};
use leadhook_hostile::{
    Peer,
    cases::{self, Case, Ending, Speech},
};
use serde_json::{Value, json};

/// How much more memory the engine may ever have held than before it met them, in KiB: all of them at one time, with a
/// buffer and a kept body each, take far less.
const MEMORY_KIB_MAX: u64 = 96 * 1024;

/// A hostile peer that a webhook sends to.
struct Met {
    name: &'static str,
    case: Case,
    peer: Peer,
    webhook: String,
}

async fn webhook(engine: &Engine, settings: &Value) -> String {
    let (status, made) = engine.post("/v1/webhooks", settings).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let (status, told) = engine.post(&format!("/v1/webhooks/{id}/activate"), &json!({ "force": true })).await;
    assert_eq!(status, 200, "{told}");
    id
}

/// Where to go on until the deadline is what it does, the deadline is soon.
fn timeout_seconds(case: &Case) -> u64 {
    match case.ending {
        Ending::Broken { kind, .. } if kind.starts_with("timeout") => 1,
        _ => 30,
    }
}

async fn meet(engine: &Engine, name: &'static str, case: Case) -> Met {
    let peer = case.start().await;
    let settings = json!({
        "url": case.url(&peer, "127.0.0.1"), "timeout_seconds": timeout_seconds(&case),
        "retry": { "after_seconds": [] }, "rate": { "concurrent": 1 },
    });
    Met { name, webhook: webhook(engine, &settings).await, case, peer }
}

/// The one attempt of the webhook's one delivery, once it has ended.
async fn attempt(engine: &Engine, met: &Met) -> Value {
    let path = format!("/v1/deliveries?webhook={}", met.webhook);
    let id = wait_until(&format!("the delivery to {} has ended", met.name), async || {
        let (_, page) = engine.get(&path).await;
        let found = page["deliveries"].as_array()?.first()?.clone();
        let has_ended = ["delivered", "failed"].contains(&found["state"].as_str()?);
        has_ended.then(|| found["id"].as_str().unwrap().to_owned())
    })
    .await;
    let (status, whole) = engine.get(&format!("/v1/deliveries/{id}")).await;
    assert_eq!((status, &whole["attempt_count"]), (200, &json!(1)), "{}: {whole}", met.name);
    whole["attempts"][0].clone()
}

fn assert_ended(met: &Met, attempt: &Value) {
    let name = met.name;
    match (&met.case.speech, met.case.ending) {
        // Nobody told this engine of the authority, so that the certificate is as far as any of these come.
        (Speech::Tls { .. }, _) => {
            assert_eq!(attempt["broken"]["kind"], "certificate_invalid", "{name}: {attempt}");
        }
        (_, Ending::Broken { kind, status }) => {
            assert_eq!(attempt["broken"]["kind"], kind, "{name}: {attempt}");
            if let Some(status) = status {
                assert_eq!(
                    attempt["response"]["status"].as_u64().unwrap_or(status.into()),
                    u64::from(status)
                );
            }
        }
        (_, Ending::Answered { status, is_cut, .. }) => {
            assert_eq!(attempt["response"]["status"], status, "{name}: {attempt}");
            assert_eq!(attempt["response"]["body_cut"].as_bool().unwrap_or(false), is_cut, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_peer_ends_as_it_must_beside_a_good_one_and_takes_little_memory() {
    let engine = Engine::start().await;
    engine.put("/v1/sites/60001", &json!({ "name": "Shop" })).await;
    let good = Receiver::start().await;
    good.answer_always(Answer::status(200));
    webhook(&engine, &json!({ "url": good.url("/hook") })).await;
    let before_kib = memory::peak_kib(&engine);
    let mut all = Vec::new();
    for (name, case) in cases::all() {
        all.push(meet(&engine, name, case).await);
    }
    let event = json!({
        "id": "event-1", "type": "call.ended", "site": "60001", "lead": { "type": "call", "id": "1" },
        "time": "2026-03-02T13:05:40+03:00", "data": { "callerphone": "79990000001", "duration": 63 },
    });
    let (status, told) = engine.post("/v1/events", &event).await;
    assert_eq!(status, 202, "{told}");
    good.wait_until("the good one has the lead", |ledger| {
        ledger.iter().any(|request| request.pair("id").as_deref() == Some("1"))
    })
    .await;
    for met in &all {
        assert_ended(met, &attempt(&engine, met).await);
        assert!(met.peer.seen().from.len() >= 2, "{}: the probe and the lead", met.name);
    }
    // The system counts in batches, so that a peak may read a little lower later.
    let grown_kib = memory::peak_kib(&engine).saturating_sub(before_kib);
    assert!(grown_kib < MEMORY_KIB_MAX, "{grown_kib} KiB more for {} peers", all.len());
    println!("{} hostile peers at one time: {grown_kib} KiB of memory more at the peak", all.len());
}
