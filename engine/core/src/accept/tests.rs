//! The contract's words on events in, qualification and rules 2 to 4, shown on the pure decision.

#![expect(clippy::needless_pass_by_value, reason = "facts read best where they are posted")]

mod events;
mod qualification;
mod rules;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    address::AddressPolicy,
    id::{AccountId, SiteId, WebhookId},
    settings::Known,
    webhook::{Settings, Subscription, Switch},
};

/// An account with one site and its webhooks, and what was accepted so far.
struct World {
    site: Site,
    webhooks: Vec<Arc<Webhook>>,
    last: Serial,
    now: Timestamp,
    lead: Option<Lead>,
    traces: BTreeSet<Trace>,
}

impl World {
    fn new(settings: &[Value]) -> Self {
        let site = Site::parse(SiteId::new("60001").unwrap(), 1, &json!({})).unwrap();
        let mut world = Self {
            site,
            webhooks: Vec::new(),
            last: Serial::default(),
            now: Timestamp::from_rfc3339("2026-03-02T10:00:00Z").unwrap(),
            lead: None,
            traces: BTreeSet::new(),
        };
        for (number, settings) in settings.iter().enumerate() {
            world.add_webhook(number as u64 + 1, settings);
        }
        world
    }

    fn add_webhook(&mut self, id: u64, settings: &Value) {
        let settings = parse(settings);
        self.last = self.last.next(self.now);
        self.webhooks.push(Arc::new(Webhook {
            account: AccountId::DEFAULT,
            id: WebhookId(id),
            revision: 1,
            switch: Switch::On,
            created: self.last,
            subscriptions: vec![Subscription { saved: self.last, sending: settings.sending.clone() }],
            settings: Arc::new(settings),
        }));
    }

    fn change(&mut self, index: usize, change: impl FnOnce(&mut Webhook)) {
        let mut webhook = (*self.webhooks[index]).clone();
        change(&mut webhook);
        self.webhooks[index] = Arc::new(webhook);
    }

    /// Accepts an event one second after the one before.
    fn accept(&mut self, kind: &str, time: &str, facts: Value) -> Accepted {
        self.try_accept(kind, time, facts).unwrap()
    }

    fn try_accept(&mut self, kind: &str, time: &str, facts: Value) -> Result<Accepted, Refusal> {
        let lead_type = if kind.starts_with("request") { "request" } else { "call" };
        self.accept_of(lead_type, kind, time, facts)
    }

    fn accept_of(
        &mut self,
        lead_type: &str,
        kind: &str,
        time: &str,
        facts: Value,
    ) -> Result<Accepted, Refusal> {
        self.now = self.now.plus_ms(1_000);
        let event = Event::parse(&json!({
            "type": kind, "site": "60001", "lead": {"type": lead_type, "id": "77"},
            "time": format!("2026-03-02T{time}Z"), "data": facts,
        }))
        .unwrap();
        let scene = Scene { site: &self.site, webhooks: &self.webhooks, now: self.now };
        let traces = &self.traces;
        let mut seen = |asked: &Question<'_>| traces.iter().any(|trace| asked.is_answered_by(trace));
        let accepted = accept(event, "e".to_owned(), self.lead.clone(), scene, &mut self.last, &mut seen)?;
        for trace in &accepted.traces_removed {
            assert!(self.traces.remove(trace));
        }
        self.traces.extend(accepted.traces_added.iter().cloned());
        self.lead = Some(accepted.lead.clone());
        Ok(accepted)
    }

    /// The next event is about another lead.
    fn next_lead(&mut self) -> &mut Self {
        self.lead = None;
        self
    }
}

fn parse(settings: &Value) -> Settings {
    Settings::parse(settings, &Known { addresses: &AddressPolicy::default(), account: None }).unwrap()
}

fn simplified() -> Value {
    json!({"url": "https://crm.example/hook", "sending": {"on": ["call_started", "call_ended", "request_created"]}})
}

fn event_based() -> Value {
    let all: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.word()).collect();
    json!({"url": "https://crm.example/hook", "sending": {"model": "event_based", "on": all}})
}

fn triggers(accepted: &Accepted) -> Vec<Trigger> {
    accepted.deliveries.iter().map(|delivery| delivery.trigger).collect()
}
