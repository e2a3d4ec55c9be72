//! What the cases are made of: an account with a site, webhooks, events, and ways to end deliveries.

use std::sync::Arc;

use leadhook_core::{
    accept::Refusal,
    catalogue::Parameter,
    delivery::{Attempt, Delivery, Fingerprints, Method, Rendering, Request, State},
    event::Event,
    id::{AccountId, LeadRef, SiteId, WebhookId},
    outcome::{Answer, Outcome},
    plugin::StateChange,
    site::Site,
    time::{MINUTE_MS, Timestamp},
    webhook::{Settings, Switch},
};
use leadhook_store::{
    Claimed, Claims, Receipt, Settled, Settlement, Shown, Store, Want,
    query::{DeliveryQuery, Page},
};
use serde_json::{Value, json};

/// The moment at which every case begins: shortly before a UTC midnight, so that days change in between.
pub(crate) const START: Timestamp = Timestamp(1_790_035_200_000 - 10 * MINUTE_MS);
/// The account of every case.
pub(crate) const ACCOUNT: AccountId = AccountId(1);
/// The site of every case.
pub(crate) const SITE: &str = "60001";

/// So many minutes after the start.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    START.plus_ms(minutes * MINUTE_MS)
}

/// A store with one site.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
}

impl World {
    pub(crate) async fn new(store: Arc<dyn Store>) -> Self {
        let world = Self { store };
        world.site(SITE, json!({"name": "Shop"})).await;
        world
    }

    pub(crate) async fn site(&self, id: &str, settings: Value) -> Arc<Site> {
        let site = Site::parse(SiteId::new(id).unwrap(), 0, &settings).unwrap();
        self.store.put_site(ACCOUNT, site, START).await.unwrap()
    }

    /// A webhook that is on.
    pub(crate) async fn webhook(&self, number: u64, more: Value) -> WebhookId {
        let id = WebhookId(number);
        self.store.create_webhook(ACCOUNT, id, settings(&more), START).await.unwrap();
        self.store.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap().unwrap();
        id
    }

    /// Accepts one event, which must not be refused.
    pub(crate) async fn accept(&self, event: Value, now: Timestamp) -> Receipt {
        self.try_accept(vec![event], now).await.remove(0).unwrap()
    }

    pub(crate) async fn try_accept(
        &self,
        events: Vec<Value>,
        now: Timestamp,
    ) -> Vec<Result<Receipt, Refusal>> {
        let events = events.iter().map(|event| Event::parse(event).unwrap()).collect();
        self.store.accept(ACCOUNT, events, now).await.unwrap()
    }

    /// Claims up to `most` of one webhook, for a minute.
    pub(crate) async fn claim(&self, webhook: WebhookId, most: usize, now: Timestamp) -> Claims {
        let want = Want { account: ACCOUNT, webhook, most };
        self.store.claim(vec![want], now, now.plus_ms(MINUTE_MS)).await.unwrap().remove(0)
    }

    /// Claims the only one that is due.
    pub(crate) async fn claim_one(&self, webhook: WebhookId, now: Timestamp) -> Claimed {
        let mut claims = self.claim(webhook, 10, now).await;
        assert_eq!(claims.claimed.len(), 1, "{:?}", claims.claimed);
        claims.claimed.remove(0)
    }

    pub(crate) async fn settle(&self, claimed: Claimed, delivery: Delivery, now: Timestamp) -> Settled {
        self.settle_with(claimed, delivery, Vec::new(), now).await
    }

    /// Settles with what plugins changed.
    pub(crate) async fn settle_with(
        &self,
        claimed: Claimed,
        delivery: Delivery,
        state: Vec<StateChange>,
        now: Timestamp,
    ) -> Settled {
        let settlement = Settlement { lease: claimed.lease, delivery: delivery.into(), state };
        self.store.settle(vec![settlement], now).await.unwrap().remove(0)
    }

    /// Settles as delivered; when the webhook's next is due.
    pub(crate) async fn deliver(&self, claimed: Claimed, now: Timestamp) -> Option<Timestamp> {
        let delivery = attempted(&claimed, State::Delivered { at: now }, 200, now);
        match self.settle(claimed, delivery, now).await {
            Settled::Stored { next_due, .. } => next_due,
            Settled::Stale => panic!("the lease is stale"),
        }
    }

    /// Settles as to be tried again at `due`.
    pub(crate) async fn retry(&self, claimed: Claimed, due: Timestamp, now: Timestamp) {
        let delivery = attempted(&claimed, State::Retrying { due }, 500, now);
        assert!(matches!(self.settle(claimed, delivery, now).await, Settled::Stored { .. }));
    }

    /// Settles in an end state without any attempt.
    pub(crate) async fn end(&self, claimed: Claimed, state: State, now: Timestamp) {
        let delivery = Delivery { state, ..claimed.delivery.clone() };
        assert!(matches!(self.settle(claimed, delivery, now).await, Settled::Stored { .. }));
    }

    pub(crate) async fn deliveries(&self, query: DeliveryQuery) -> Page<Shown> {
        self.store.deliveries(ACCOUNT, query).await.unwrap()
    }
}

/// Settings with a URL and what else is given.
pub(crate) fn settings(more: &Value) -> Settings {
    let mut value = json!({"url": "http://receiver.example/hook"});
    for (name, setting) in more.as_object().unwrap() {
        value[name] = setting.clone();
    }
    Settings::restore(&value).unwrap()
}

/// Event-based settings for these triggers.
pub(crate) fn event_based(triggers: &[&str]) -> Value {
    json!({"sending": {"model": "event_based", "on": triggers}})
}

/// An event of this type for a call on the site of every case.
pub(crate) fn call(event_id: &str, kind: &str, lead: &str, data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({
        "id": event_id, "type": kind, "site": SITE, "lead": {"type": "call", "id": lead},
        "time": START.to_rfc3339(), "data": data,
    })
}

/// A call that ended, with a number of its own.
pub(crate) fn ended(number: u32) -> Value {
    let phone = format!("7900{number:07}");
    call(
        &format!("e{number}"),
        "call.ended",
        &format!("c{number}"),
        json!({"callerphone": phone, "duration": 40}),
    )
}

/// How the source knows a call on the site of every case.
pub(crate) fn reference(lead: &str) -> LeadRef {
    let kind = leadhook_core::lead::LeadKind::Call;
    LeadRef { site: SiteId::new(SITE).unwrap(), kind, id: lead.to_owned() }
}

/// The delivery after one more attempt that was answered with `status`.
pub(crate) fn attempted(claimed: &Claimed, state: State, status: u16, now: Timestamp) -> Delivery {
    let mut delivery = claimed.delivery.clone();
    if delivery.renderings.is_empty() {
        delivery.renderings.push(Rendering {
            request: Request {
                method: Method::Post,
                url: "http://receiver.example/hook".to_owned(),
                headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
                body: b"id=1".to_vec(),
            },
            at: now,
            revision: claimed.webhook.revision,
            site_revision: claimed.site.revision,
            lead_version: claimed.lead.version,
            fingerprints: Some(fingerprints(claimed.lead.version)),
            changed_fields: None,
            warnings: Vec::new(),
        });
    }
    delivery.attempts.push(Attempt {
        number: u32::try_from(delivery.attempts.len()).unwrap() + 1,
        started_at: now,
        elapsed_ms: 12,
        rendering: Some(0),
        outcome: Outcome::Answered(Answer { status, ..Answer::default() }),
    });
    delivery.state = state;
    delivery
}

/// The fingerprints that [`attempted`] gives a rendering of this lead version.
pub(crate) fn fingerprints(version: u32) -> Fingerprints {
    Fingerprints(vec![(Parameter::Duration, u64::from(version))])
}
