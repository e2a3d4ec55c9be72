//! The reference: what is owed, said as plainly as it can be, apart from the engine's own decisions.

use std::collections::{BTreeMap, BTreeSet};

use leadhook_core::{id::DeliveryId, time::Timestamp};
use serde_json::{Value, json};

use crate::{
    handler::url_of,
    history::{Entry, What},
};

/// What a webhook sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sends {
    /// Once, when the most is known: after so many minutes, where at all.
    Simplified { started: bool, ended: Option<i64>, created: Option<i64> },
    /// At each of these triggers.
    Events(Vec<&'static str>),
}

/// A webhook's settings, as far as this run varies them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) account: u32,
    pub(crate) webhook: u64,
    /// Whether deliveries of one lead wait for each other.
    pub(crate) is_ordered: bool,
    pub(crate) sends: Sends,
    /// The waits after failed attempts, in seconds.
    pub(crate) retries: Vec<i64>,
    /// Whether it takes only leads with the tag `vip`.
    pub(crate) vip_only: bool,
    /// How many attempts at one time.
    pub(crate) concurrent: usize,
}

impl Rules {
    /// The settings as they are saved. They are known again by their name, which is their place in the run's list.
    pub(crate) fn settings(&self, place: usize) -> Value {
        let sending = match &self.sends {
            Sends::Events(on) => json!({"model": "event_based", "on": on}),
            Sends::Simplified { started, ended, created } => {
                let mut on = Vec::new();
                let mut delays = serde_json::Map::new();
                let named = [("call_ended", ended), ("request_created", created)];
                for (name, minutes) in
                    named.into_iter().filter_map(|(name, minutes)| Some((name, (*minutes)?)))
                {
                    on.push(name);
                    delays.insert(name.to_owned(), json!(minutes));
                }
                on.extend(started.then_some("call_started"));
                json!({"model": "simplified", "on": on, "delay_minutes": delays})
            }
        };
        json!({
            "name": place.to_string(), "url": url_of(self.account, self.webhook), "sending": sending,
            "ordering": if self.is_ordered { "lead" } else { "none" },
            "retry": {"after_seconds": self.retries}, "rate": {"concurrent": self.concurrent},
            "tags": if self.vip_only { vec!["vip"] } else { Vec::new() },
            "parameters": {"only": ["id", "requestId", "rating", "tags_manual"]},
        })
    }

    /// How long after this trigger is sent, in milliseconds; `None`: not at all.
    fn delay_ms(&self, trigger: &str) -> Option<i64> {
        let minutes = match &self.sends {
            Sends::Events(on) => on.contains(&trigger).then_some(0),
            Sends::Simplified { started, ended, created } => match trigger {
                "call_started" => started.then_some(0),
                "call_ended" => *ended,
                "request_created" => *created,
                _ => None,
            },
        };
        minutes.map(|minutes| minutes * 60_000)
    }

    /// Whether it is sent as it stood when that happened, and not as it stands when it falls due.
    fn sends_as_of_event(&self, trigger: &str) -> bool {
        matches!(self.sends, Sends::Events(_)) || trigger == "call_started"
    }
}

/// An event as a source posts it. Facts are codes; 0 is an empty value, which counts as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) account: u32,
    pub(crate) kind: &'static str,
    /// The lead's id at its source, which begins with `a{account}-`.
    pub(crate) lead: String,
    pub(crate) is_call: bool,
    pub(crate) time: Timestamp,
    pub(crate) facts: BTreeMap<&'static str, u8>,
}

/// Each type of event that changes one fact, the fact, and whether only calls have it.
pub(crate) const CHANGES: [(&str, &str, bool); 7] = [
    ("lead.rating_changed", "rating", false),
    ("lead.tags_changed", "tags_manual", false),
    ("lead.comments_changed", "comment", false),
    ("lead.manager_changed", "manager", false),
    ("call.spam_changed", "spam", true),
    ("call.status_changed", "status", true),
    ("call.transcribed", "text", true),
];

impl Post {
    /// The event as JSON.
    pub(crate) fn to_json(&self, site: &str) -> Value {
        let facts: serde_json::Map<_, _> =
            self.facts.iter().map(|(name, code)| ((*name).to_owned(), fact_json(name, *code))).collect();
        json!({
            "id": self.id, "type": self.kind, "site": site, "time": self.time.to_rfc3339(), "data": facts,
            "lead": {"type": if self.is_call { "call" } else { "request" }, "id": self.lead},
        })
    }
}

fn fact_json(name: &str, code: u8) -> Value {
    match (name, code) {
        ("rating", _) => json!(code),
        ("spam", _) => json!(code > 0),
        ("tags_manual" | "comment", 0) => json!([]),
        ("tags_manual", 1) => json!(["vip"]),
        ("tags_manual", _) => json!([format!("tag{code}")]),
        ("comment", _) => json!([{"party": "client", "comment": format!("comment {code}")}]),
        ("status", 1) => json!("successful"),
        ("status", _) => json!("unsuccessful"),
        ("text", _) => json!([{"channel": "client", "phrase": format!("phrase {code}")}]),
        _ => json!(format!("{name} {code}")),
    }
}

type Facts = BTreeMap<&'static str, u8>;

/// A lead as the reference knows it.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    /// What was known after each event that was accepted for it, the first first.
    pub(crate) versions: Vec<Facts>,
    /// When it began.
    pub(crate) began: Timestamp,
    is_started: bool,
    is_ended: bool,
    is_created: bool,
    newest: Timestamp,
    /// What was in force for each webhook when it arrived.
    in_force: BTreeMap<u64, usize>,
}

/// A delivery that must be owed.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) account: u32,
    pub(crate) webhook: u64,
    pub(crate) lead: String,
    pub(crate) trigger: &'static str,
    pub(crate) due: Timestamp,
    /// The lead's version that the event made, 0 for the first.
    pub(crate) version: usize,
    pub(crate) is_as_of_event: bool,
}

/// The reference's memory.
#[derive(Debug, Default)]
pub(crate) struct Model {
    rules: Vec<Rules>,
    /// Of each webhook, whether it is on, and its rules.
    webhooks: BTreeMap<(u32, u64), (bool, usize)>,
    pub(crate) leads: BTreeMap<String, Lead>,
    seen: BTreeSet<String>,
    /// What is owed, by the deliveries that the store made for it.
    pub(crate) owed: BTreeMap<DeliveryId, Owed>,
    /// Where the store and the reference do not agree.
    pub(crate) differences: Vec<String>,
}

impl Model {
    /// Takes in what happened, entry by entry.
    pub(crate) fn of(history: &[Entry], posts: &BTreeMap<String, Post>, rules: Vec<Rules>) -> Self {
        let mut model = Self { rules, ..Self::default() };
        for entry in history {
            match &entry.what {
                What::WebhookIs { account, webhook, is_on, rules, .. } => {
                    model.webhooks.insert((account.0, webhook.0), (*is_on, *rules));
                }
                What::Stored { event, at, deliveries } => match posts.get(event) {
                    Some(post) => model.stored(post, *at, deliveries),
                    None => model.differences.push(format!("event {event} is stored and nobody posted it")),
                },
                _ => {}
            }
        }
        model
    }

    fn stored(&mut self, post: &Post, at: Timestamp, deliveries: &[DeliveryId]) {
        if !self.seen.insert(post.id.clone()) {
            return;
        }
        let Some(owed) = self.accept(post, at) else {
            return self.differences.push(format!("event {} is stored and was to be refused", post.id));
        };
        let made: Vec<u64> = deliveries.iter().map(|id| id.lane.webhook.0).collect();
        let wanted: Vec<u64> = owed.iter().map(|owed| owed.webhook).collect();
        if made != wanted {
            let difference =
                format!("event {} ({}): owed to {wanted:?}, made for {made:?}", post.id, post.kind);
            self.differences.push(difference);
        }
        self.owed.extend(deliveries.iter().copied().zip(owed));
    }

    /// What becomes owed; `None` where the event is to be refused.
    fn accept(&mut self, post: &Post, at: Timestamp) -> Option<Vec<Owed>> {
        let makes = ["call.started", "call.ended", "request.created"].contains(&post.kind);
        let is_new = !self.leads.contains_key(&post.lead);
        if is_new && !makes {
            return None;
        }
        let of_account = self.webhooks.iter().filter(|((account, _), _)| *account == post.account);
        let in_force = of_account.map(|((_, webhook), (_, rules))| (*webhook, *rules)).collect();
        let lead = self.leads.entry(post.lead.clone()).or_insert_with(|| Lead {
            versions: Vec::new(),
            began: post.time,
            is_started: false,
            is_ended: false,
            is_created: false,
            newest: post.time,
            in_force,
        });
        let before = lead.versions.last().cloned().unwrap_or_default();
        let is_late = !is_new && (post.time < lead.newest || (post.kind == "call.started" && lead.is_ended));
        let mut facts = before.clone();
        for (name, code) in &post.facts {
            if !is_late || !facts.contains_key(name) {
                facts.insert(*name, *code);
            }
        }
        lead.newest = lead.newest.max(post.time);
        let changed = |name| facts.get(name).copied().unwrap_or(0) != before.get(name).copied().unwrap_or(0);
        let trigger = match post.kind {
            "call.started" => (!lead.is_started && !lead.is_ended).then_some("call_started"),
            "call.ended" => (!lead.is_ended).then_some("call_ended"),
            "request.created" => (!lead.is_created).then_some("request_created"),
            kind => {
                let change = CHANGES.iter().find(|(change, _, _)| *change == kind);
                change.filter(|(_, fact, _)| changed(*fact)).map(|(kind, _, _)| trigger_of(kind))
            }
        };
        match post.kind {
            "call.started" => lead.is_started = true,
            "call.ended" => lead.is_ended = true,
            "request.created" => lead.is_created = true,
            _ => {}
        }
        lead.versions.push(facts);
        let version = lead.versions.len() - 1;
        let in_force = lead.in_force.clone();
        Some(trigger.map_or_else(Vec::new, |trigger| self.owed_for(post, trigger, at, version, &in_force)))
    }

    fn owed_for(
        &self,
        post: &Post,
        trigger: &'static str,
        at: Timestamp,
        version: usize,
        in_force: &BTreeMap<u64, usize>,
    ) -> Vec<Owed> {
        let mut owed = Vec::new();
        for ((account, webhook), (is_on, _)) in &self.webhooks {
            let Some(rules) = in_force.get(webhook).and_then(|place| self.rules.get(*place)) else {
                continue;
            };
            let Some(delay_ms) = rules.delay_ms(trigger).filter(|_| *is_on && *account == post.account)
            else {
                continue;
            };
            owed.push(Owed {
                account: *account,
                webhook: *webhook,
                lead: post.lead.clone(),
                trigger,
                due: at.plus_ms(delay_ms),
                version,
                is_as_of_event: rules.sends_as_of_event(trigger),
            });
        }
        owed
    }
}

fn trigger_of(kind: &str) -> &'static str {
    match kind {
        "lead.rating_changed" => "lead_rating_changed",
        "lead.tags_changed" => "lead_tags_changed",
        "lead.comments_changed" => "lead_comments_changed",
        "lead.manager_changed" => "lead_manager_changed",
        "call.spam_changed" => "call_spam_changed",
        "call.status_changed" => "call_status_changed",
        _ => "call_transcribed",
    }
}
