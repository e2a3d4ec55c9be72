//! A scripted session of the store: events, claims and outcomes one after another, with what was acknowledged kept in mind.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{
    address::AddressPolicy,
    delivery::{Attempt, Delivery, State},
    event::Event,
    id::{AccountId, DeliveryId, LeadRef, SiteId, WebhookId},
    lead::LeadKind,
    outcome::{Answer, Outcome},
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::{Settings, Switch},
};
use leadhook_sim::disk::Disk;
use leadhook_store::{
    Account, Claimed, Result, Settled, Settlement, Store, Want,
    redb::{Options, RedbStore},
};
use serde_json::json;

/// The account, the webhook and the time of every session.
pub(crate) const ACCOUNT: AccountId = AccountId(1);
pub(crate) const WEBHOOK: WebhookId = WebhookId(7);
pub(crate) const START: Timestamp = Timestamp(1_790_031_600_000);
const EVENTS: u32 = 12;

/// How far a session has come, and what it was told.
#[derive(Debug, Default)]
pub(crate) struct Session {
    is_set_up: bool,
    events: u32,
    /// What each event made owed, as it was acknowledged.
    acknowledged: BTreeMap<u32, Vec<DeliveryId>>,
    /// The states whose recording was acknowledged.
    recorded: BTreeMap<DeliveryId, State>,
}

/// The lead that an event is about.
pub(crate) fn reference(number: u32) -> LeadRef {
    LeadRef { site: SiteId::new("60001").unwrap(), kind: LeadKind::Call, id: format!("c{}", number % 5) }
}

fn event(number: u32) -> Event {
    let kind = if number < 5 { "call.ended" } else { "lead.rating_changed" };
    let json = json!({
        "id": format!("e{number}"), "type": kind, "site": "60001", "data": {"rating": 1 + (number / 5 + number) % 5},
        "lead": {"type": "call", "id": reference(number).id}, "time": START.to_rfc3339(),
    });
    Event::parse(&json).unwrap()
}

/// Runs work of a store to its end.
pub(crate) fn on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(work)
}

/// Makes an empty store.
pub(crate) fn make(disk: &Disk) {
    let opened = disk.clone();
    let store = RedbStore::open_on(move || Ok(opened.handle()), Options::default()).unwrap();
    on(store.close());
}

impl Session {
    /// Goes on where it came to. Whether it came to its end, and not to a crash.
    pub(crate) fn go_on(&mut self, disk: &Disk) -> bool {
        let opened = disk.clone();
        let Ok(store) = RedbStore::open_on(move || Ok(opened.handle()), Options::default()) else {
            return false;
        };
        let store: Arc<dyn Store> = Arc::new(store);
        on(async {
            let ended = self.play(&*store).await.is_ok();
            store.close().await;
            ended && !disk.is_down()
        })
    }

    async fn play(&mut self, store: &dyn Store) -> Result<()> {
        if !self.is_set_up {
            set_up(store).await?;
            self.is_set_up = true;
        }
        while self.events < EVENTS {
            let number = self.events;
            let receipts = store.accept(ACCOUNT, vec![event(number)], START).await?;
            let receipt = receipts.into_iter().next().unwrap().unwrap();
            self.acknowledged.insert(number, receipt.deliveries);
            self.events += 1;
            if number % 3 == 2 {
                self.deliver(store, i64::from(number)).await?;
            }
        }
        for round in 1..=8 {
            self.deliver(store, 60 * round).await?;
        }
        Ok(())
    }

    /// Claims what is due and records how it ended: every other delivery fails at first.
    async fn deliver(&mut self, store: &dyn Store, minute: i64) -> Result<()> {
        let now = START.plus_ms(minute * 60_000);
        let want = Want { account: ACCOUNT, webhook: WEBHOOK, most: 10 };
        for claimed in store.claim(vec![want], now, Timestamp(i64::MAX)).await?.remove(0).claimed {
            let (lease, delivery) = (claimed.lease, settled(claimed, now));
            let (id, state) = (delivery.id, delivery.state.clone());
            let settlement = Settlement { lease, delivery: delivery.into(), state: Vec::new() };
            let answer = store.settle(vec![settlement], now).await?.remove(0);
            assert!(matches!(answer, Settled::Stored { .. }), "{answer:?}");
            self.recorded.insert(id, state);
        }
        Ok(())
    }

    /// What was lost of what was acknowledged; `None`: nothing.
    pub(crate) fn lost(&self, disk: &Disk) -> Option<String> {
        disk.calm();
        disk.begin_life();
        let opened = disk.clone();
        let store = match RedbStore::open_on(move || Ok(opened.handle()), Options::default()) {
            Ok(store) => store,
            Err(error) => return Some(format!("it does not open: {error}")),
        };
        on(async {
            let lost = self.lost_in(&store).await;
            store.close().await;
            lost
        })
    }

    async fn lost_in(&self, store: &dyn Store) -> Option<String> {
        for (number, deliveries) in &self.acknowledged {
            let found = store.lead(ACCOUNT, &reference(*number)).await;
            let Ok(found) = found else { return Some(format!("event {number} cannot be read")) };
            let id = format!("e{number}");
            let times = found.map_or(0, |(_, causes)| causes.iter().filter(|one| one.event_id == id).count());
            if times != 1 {
                return Some(format!("event {number} is stored {times} times"));
            }
            for id in deliveries {
                let Ok(Some(shown)) = store.delivery(ACCOUNT, *id).await else {
                    return Some(format!("delivery {id} is lost"));
                };
                let state = shown.delivery.state;
                // Recorded, and nobody was told: then it may have gone further than is known here.
                let was_final = self.recorded.get(id).filter(|known| known.due().is_none());
                if state.due().is_some() || was_final.is_some_and(|known| *known != state) {
                    return Some(format!("delivery {id} is {state:?}, and was recorded as {was_final:?}"));
                }
            }
        }
        (self.acknowledged.len() < EVENTS as usize).then(|| "the session did not come to its end".to_owned())
    }
}

async fn set_up(store: &dyn Store) -> Result<()> {
    let account =
        Account { id: ACCOUNT, name: "a".to_owned(), client_id_key: [1; 32], recording_key: [2; 32] };
    store.put_account(account).await?;
    let site = Site::parse(SiteId::new("60001").unwrap(), 1, &json!({"name": "Shop"})).unwrap();
    store.put_site(ACCOUNT, site, START).await?;
    let on = ["call_ended", "lead_rating_changed"];
    let settings = json!({"url": "https://crm.example/hook", "sending": {"model": "event_based", "on": on}});
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    if store.webhook(ACCOUNT, WEBHOOK).await?.is_none() {
        store.create_webhook(ACCOUNT, WEBHOOK, Settings::parse(&settings, &known).unwrap(), START).await?;
    }
    store.switch_webhook(ACCOUNT, WEBHOOK, Switch::On).await?;
    Ok(())
}

/// A claimed delivery after its turn.
fn settled(claimed: Claimed, now: Timestamp) -> Delivery {
    let mut delivery = claimed.delivery;
    let fails = delivery.id.serial.0.is_multiple_of(2) && delivery.attempts.is_empty();
    let answer = Answer { status: if fails { 500 } else { 200 }, ..Answer::default() };
    delivery.attempts.push(Attempt {
        number: u32::try_from(delivery.attempts.len()).unwrap() + 1,
        started_at: now,
        elapsed_ms: 5,
        rendering: None,
        outcome: Outcome::Answered(answer),
    });
    delivery.state =
        if fails { State::Retrying { due: now.plus_ms(60_000) } } else { State::Delivered { at: now } };
    delivery
}
