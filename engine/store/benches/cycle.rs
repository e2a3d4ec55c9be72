//! The life of a delivery in the store: accept, claim, settle, each acknowledged after its commit.
//!
//! `cargo bench -p leadhook-store`. One delivery for each event; callers run side by side, as connections do.
#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use divan::{Bencher, counter::ItemsCount};
use leadhook_core::{
    delivery::{Attempt, Method, Rendering, Request, State},
    event::Event,
    id::{AccountId, SiteId, WebhookId},
    outcome::{Answer, Outcome},
    site::Site,
    time::Timestamp,
    webhook::{Settings, Switch},
};
use leadhook_store::{
    Claimed, Settlement, Store, Want,
    redb::{Options, RedbStore},
};
use serde_json::json;
use tokio::runtime::Runtime;

const ACCOUNT: AccountId = AccountId(1);
const NOW: Timestamp = Timestamp(1_790_000_000_000);
const CALLERS: u64 = 256;
const WEBHOOKS: u64 = 16;
/// How many events each caller sends in one iteration.
const EVENTS_EACH: u64 = 16;

fn main() {
    divan::main();
}

/// A store in a fresh folder, with webhooks that each take the leads of one site.
struct Bench {
    runtime: Runtime,
    store: Arc<RedbStore>,
    next_lead: Arc<AtomicU64>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(RedbStore::open(dir.path(), Options::default()).unwrap());
        runtime.block_on(async {
            for number in 0..WEBHOOKS {
                let site = site(number);
                let settings = json!({"url": "http://receiver.example/hook", "sites": [site.as_str()]});
                let settings = Settings::restore(&settings).unwrap();
                let site = Site::parse(site, 0, &json!({"name": "Shop"})).unwrap();
                store.put_site(ACCOUNT, site, NOW).await.unwrap();
                store.create_webhook(ACCOUNT, WebhookId(number), settings, NOW).await.unwrap();
                store.switch_webhook(ACCOUNT, WebhookId(number), Switch::On).await.unwrap();
            }
        });
        Self { runtime, store, next_lead: Arc::default(), _dir: dir }
    }

    /// Runs `CALLERS` callers side by side to their end.
    fn all<F: Future<Output = ()> + Send + 'static>(
        &self,
        caller: impl Fn(u64, Arc<RedbStore>, Arc<AtomicU64>) -> F,
    ) {
        self.runtime.block_on(async {
            let callers: Vec<_> = (0..CALLERS)
                .map(|number| tokio::spawn(caller(number, self.store.clone(), self.next_lead.clone())))
                .collect();
            for caller in callers {
                caller.await.unwrap();
            }
        });
    }
}

fn site(number: u64) -> SiteId {
    SiteId::new(&format!("6000{number}")).unwrap()
}

fn call(caller: u64, lead: u64) -> Event {
    Event::parse(&json!({
        "id": format!("e{lead}"), "type": "call.ended", "site": site(caller % WEBHOOKS).as_str(),
        "lead": {"type": "call", "id": format!("149502{lead:012}")}, "time": "2026-09-21T14:13:20Z",
        "data": {
            "callerphone": format!("7900{:07}", lead % 10_000_000), "phonenumber": "74951234567", "duration": 61,
            "waiting_time": 9, "tags_manual": ["Sales"], "manager": "Anna",
            "visits": [{"at": "2026-09-21T14:10:00Z", "sessionId": format!("{lead}"), "ref": "https://ya.ru/",
                "url": "https://shop.example/?utm_source=yandex&utm_medium=cpc&utm_campaign=autumn",
                "hostname": "shop.example", "ip": "198.51.100.7", "city": "Moscow"}],
        },
    }))
    .unwrap()
}

fn delivered(claimed: Claimed) -> Settlement {
    let mut delivery = claimed.delivery;
    delivery.renderings.push(Rendering {
        request: Request {
            method: Method::Post,
            url: "http://receiver.example/hook".to_owned(),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: vec![b'x'; 1_400],
        },
        at: NOW,
        revision: 1,
        site_revision: 1,
        lead_version: 1,
        fingerprints: None,
        changed_fields: None,
        warnings: Vec::new(),
    });
    let answer = Answer { status: 200, body: b"ok".to_vec(), ..Answer::default() };
    let outcome = Outcome::Answered(answer);
    delivery.attempts.push(Attempt {
        number: 1,
        started_at: NOW,
        elapsed_ms: 12,
        rendering: Some(0),
        outcome,
    });
    delivery.state = State::Delivered { at: NOW };
    Settlement { lease: claimed.lease, delivery: delivery.into(), state: Vec::new() }
}

async fn accept_one(store: &RedbStore, caller: u64, next_lead: &AtomicU64) {
    let lead = next_lead.fetch_add(1, Ordering::Relaxed);
    let answers = store.accept(ACCOUNT, vec![call(caller, lead)], NOW).await.unwrap();
    assert_eq!(answers[0].as_ref().unwrap().deliveries.len(), 1);
}

async fn claim_and_settle_one(store: &RedbStore, caller: u64) {
    let want = Want { account: ACCOUNT, webhook: WebhookId(caller % WEBHOOKS), most: 1 };
    let mut claims = store.claim(vec![want], NOW, NOW.plus_ms(60_000)).await.unwrap();
    let settlement = delivered(claims[0].claimed.remove(0));
    store.settle(vec![settlement], NOW).await.unwrap();
}

/// What it takes until an event may be acknowledged, and nothing else.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn accept(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    bencher.counter(ItemsCount::new(CALLERS * EVENTS_EACH)).bench_local(|| {
        bench.all(|caller, store, next_lead| async move {
            for _ in 0..EVENTS_EACH {
                accept_one(&store, caller, &next_lead).await;
            }
        });
    });
}

/// Every caller takes each of its deliveries through its whole life.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn accept_claim_settle(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    bencher.counter(ItemsCount::new(CALLERS * EVENTS_EACH)).bench_local(|| {
        bench.all(|caller, store, next_lead| async move {
            for _ in 0..EVENTS_EACH {
                accept_one(&store, caller, &next_lead).await;
                claim_and_settle_one(&store, caller).await;
            }
        });
    });
}

/// The same as a dispatcher does it: one claim for all webhooks, settlements in batches.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn accept_then_claim_and_settle_in_batches(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    bencher.counter(ItemsCount::new(CALLERS * EVENTS_EACH)).bench_local(|| {
        bench.all(|caller, store, next_lead| async move {
            for _ in 0..EVENTS_EACH {
                accept_one(&store, caller, &next_lead).await;
            }
        });
        bench.runtime.block_on(dispatch_all(bench.store.clone()));
    });
}

async fn dispatch_all(store: Arc<RedbStore>) {
    loop {
        let want = |webhook| Want { account: ACCOUNT, webhook: WebhookId(webhook), most: 32 };
        let wants = (0..WEBHOOKS).map(want).collect();
        let claims = store.claim(wants, NOW, NOW.plus_ms(60_000)).await.unwrap();
        let settlements: Vec<_> =
            claims.into_iter().flat_map(|claims| claims.claimed).map(delivered).collect();
        if settlements.is_empty() {
            return;
        }
        store.settle(settlements, NOW).await.unwrap();
    }
}
