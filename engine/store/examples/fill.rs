//! Fills a data folder with deliveries that are done and ones that are scheduled, through the store itself, and
//! prints how fast that went, how large the file is, and the most memory that it took.
//!
//! `cargo run --release -p leadhook-store --example fill -- DIR DONE SCHEDULED`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{path::PathBuf, time::Instant};

use leadhook_core::{
    delivery::{Attempt, Fingerprints, Method, Rendering, Request, State},
    event::Event,
    id::{AccountId, SiteId, WebhookId},
    outcome::{Answer, Outcome},
    site::Site,
    time::{DAY_MS, Timestamp},
    webhook::{Settings, Switch},
};
use leadhook_store::{
    Claimed, Settlement, Store, Want,
    redb::{FILE_NAME, Options, RedbStore},
};
use serde_json::{Value, json};

const ACCOUNT: AccountId = AccountId::DEFAULT;
const AT_ONCE: WebhookId = WebhookId(1);
const DELAYED: WebhookId = WebhookId(2);
const START: Timestamp = Timestamp(1_790_000_000_000);
/// How many events are accepted, and how many deliveries claimed and settled, in one transaction.
const BATCH: u64 = 500;
const BATCH_STEP: usize = BATCH as usize;
/// How many leads arrive on one day of the filled folder.
const LEADS_A_DAY: i64 = 50_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("arguments: DIR DONE SCHEDULED");
    let dir = PathBuf::from(next());
    let (done, scheduled): (u64, u64) = (next().parse().unwrap(), next().parse().unwrap());
    let store = RedbStore::open(&dir, Options::default()).unwrap();
    webhook(&store, AT_ONCE, "60001", json!({})).await;
    webhook(&store, DELAYED, "60002", json!({"sending": {"delay_minutes": {"call_ended": 1440}}})).await;

    let began = Instant::now();
    for first in (0..done).step_by(BATCH_STEP) {
        let count = BATCH.min(done - first);
        accept(&store, "60001", first, count).await;
        deliver(&store, arrival(first), count).await;
    }
    report("done", done, began);
    let began = Instant::now();
    for first in (done..done + scheduled).step_by(BATCH_STEP) {
        accept(&store, "60002", first, BATCH.min(done + scheduled - first)).await;
    }
    report("scheduled", scheduled, began);

    let file_bytes = std::fs::metadata(dir.join(FILE_NAME)).unwrap().len();
    println!("file {} MiB, peak memory {}", file_bytes >> 20, peak_memory());
    store.close().await;
}

fn report(what: &str, count: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} {what} in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
}

/// The most memory this process had resident, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |kilobytes| kilobytes.trim().to_owned())
}

/// When the lead of this number arrives.
fn arrival(lead: u64) -> Timestamp {
    START.plus_ms(i64::try_from(lead).unwrap() * DAY_MS / LEADS_A_DAY)
}

async fn webhook(store: &RedbStore, id: WebhookId, site: &str, more: Value) {
    let settled = Site::parse(SiteId::new(site).unwrap(), 0, &json!({"name": "Shop"})).unwrap();
    store.put_site(ACCOUNT, settled, START).await.unwrap();
    let mut settings = json!({"url": "http://127.0.0.1:9000/hook", "sites": [site]});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = Settings::restore(&settings).unwrap();
    store.create_webhook(ACCOUNT, id, settings, START).await.unwrap();
    store.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap();
}

async fn accept(store: &RedbStore, site: &str, first: u64, count: u64) {
    let now = arrival(first);
    let events = (first..first + count).map(|lead| {
        let event = json!({
            "id": format!("e{lead}"), "type": "call.ended", "site": site, "time": now.to_rfc3339(),
            "lead": {"type": "call", "id": format!("149502{lead:012}")},
            "data": {
                "callerphone": format!("79{:09}", lead.wrapping_mul(2_654_435_761) % 1_000_000_000), "duration": 61,
                "visits": [{"at": now.to_rfc3339(), "url": "https://shop.example/?utm_source=yandex&utm_medium=cpc"}],
            },
        });
        Event::parse(&event).unwrap()
    });
    let answers = store.accept(ACCOUNT, events.collect(), now).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
}

async fn deliver(store: &RedbStore, now: Timestamp, count: u64) {
    let most = usize::try_from(count).unwrap();
    let want = Want { account: ACCOUNT, webhook: AT_ONCE, most };
    let claims = store.claim(vec![want], now, now.plus_ms(60_000)).await.unwrap().remove(0);
    assert_eq!(claims.claimed.len(), most);
    let settlements = claims.claimed.into_iter().map(|claimed| delivered(claimed, now)).collect();
    store.settle(settlements, now).await.unwrap();
}

fn delivered(claimed: Claimed, now: Timestamp) -> Settlement {
    let mut delivery = claimed.delivery;
    delivery.renderings.push(Rendering {
        request: Request {
            method: Method::Post,
            url: "http://127.0.0.1:9000/hook".to_owned(),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: vec![b'x'; 1_400],
        },
        at: now,
        revision: 1,
        site_revision: 1,
        lead_version: 1,
        fingerprints: Fingerprints::default(),
        warnings: Vec::new(),
    });
    let outcome = Outcome::Answered(Answer { status: 200, ..Answer::default() });
    delivery.attempts.push(Attempt { number: 1, started_at: now, elapsed_ms: 12, rendering: 0, outcome });
    delivery.state = State::Delivered { at: now };
    Settlement { lease: claimed.lease, delivery }
}
