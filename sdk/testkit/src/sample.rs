//! One link over one delivery: what it is given, and what comes out.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{
    event::Trigger,
    id::{DeliveryId, Lane, WebhookId},
    lead::LeadKind,
    outcome::Answer,
    plugin::{Broken, Decided, LogLine, Run, Stored},
    rehearse::rehearse,
    render::sketch,
    site::Site,
    time::{Serial, Timestamp},
    webhook::OnError,
};
use leadhook_sandbox::{
    Body, Delivery, Draft, Keep, Plugin, Response,
    chain::{self, Link, Scratch, Stage},
};
use serde_json::{Value as Json, json};

use crate::{
    TestkitError,
    kit::LIMITS,
    sight::{self, Sight, at_place},
    written::write_request,
};

/// The time of a sample that states none: 2026-03-02T10:00:00Z.
const NOW_MS: u64 = 1_772_445_600_000;

/// Where a request goes that states nothing else.
const USUAL_URL: &str = "https://handler.example/hook";

/// What a link is given.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The delivery, with the lead as JSON text.
    pub delivery: Delivery,
    /// The time of the rendering, in Unix milliseconds.
    pub now_ms: u64,
    /// The link's configuration.
    pub config: Json,
    /// The secrets that it is granted.
    pub secrets: BTreeMap<String, String>,
    /// What its state holds before, as texts.
    pub kv: BTreeMap<String, String>,
    /// A request to rewrite, or an answer to judge.
    pub given: Given,
}

/// What a link works on.
#[derive(Debug, Clone)]
pub enum Given {
    /// A request: the filter and the transform run.
    Request(Draft),
    /// The handler's answer: the receipt runs.
    Response(Response),
}

/// What came out.
#[derive(Debug)]
pub struct Played {
    /// In the form of `expected.json`, the state beside it where it changed.
    pub came_out: Json,
    /// The request before and after, where one goes on.
    pub requests: Option<(Json, Json)>,
    /// Each function that ran.
    pub runs: Vec<Run>,
}

impl Played {
    /// The fuel of all that ran.
    pub fn fuel(&self) -> u64 {
        self.runs.iter().map(|run| run.fuel).sum()
    }

    /// The lines of the log, in order.
    pub fn log(&self) -> impl Iterator<Item = &LogLine> {
        self.runs.iter().flat_map(|run| &run.log)
    }

    /// How it failed, if it did.
    pub fn broken(&self) -> Option<&Broken> {
        self.runs.iter().find_map(|run| match &run.decided {
            Decided::Broken(broken) => Some(broken),
            _ => None,
        })
    }
}

impl Sample {
    /// A lead as plugins read it, with the usual rest: a POST of an empty form, no configuration, no state. Its
    /// trigger is the end of a call or the arrival of a request.
    ///
    /// # Errors
    /// When it is no lead: one object with `site`, `type` and `id`.
    pub fn of_lead(lead: &Json) -> Result<Self, TestkitError> {
        let text = |field: &str| {
            let missing = || TestkitError::format("lead.json", format!("`{field}` is missing, or no text"));
            lead[field].as_str().map(str::to_owned).ok_or_else(missing)
        };
        let (site, kind) = (text("site")?, text("type")?);
        text("id")?;
        let kind = LeadKind::ALL.iter().copied().find(|known| known.word() == kind).ok_or_else(|| {
            TestkitError::format(
                "lead.json",
                format!("`type` is `{kind}`; a lead is a `call` or a `request`"),
            )
        })?;
        let request = Draft {
            method: "POST".to_owned(),
            url: USUAL_URL.to_owned(),
            headers: Vec::new(),
            body: Body::Form(Vec::new()),
        };
        Ok(Self::new(site, usual_trigger(kind), lead.to_string(), NOW_MS, request))
    }

    /// The lead that events make, and the request that a webhook's settings make of it, as the engine does both.
    /// Without settings it is a POST of all parameters to `https://handler.example/hook`.
    /// The settings' own filters and chain are not asked. The time is that of the last event.
    ///
    /// # Errors
    /// When events or settings cannot be used; with every fault.
    pub fn of_events(
        events: &[Json],
        settings: Option<&Json>,
        site: Option<&Site>,
    ) -> Result<Self, TestkitError> {
        let settings = match settings {
            Some(settings) => sight::settings(settings)?,
            None => sight::settings(&json!({ "url": USUAL_URL }))?,
        };
        let events = sight::events(events)?;
        let site = site.cloned().unwrap_or_else(|| sight::site_of(&events));
        let now = events.iter().map(|event| event.time).max().unwrap_or(Timestamp(0));
        let rehearsed = rehearse(events, &site, now).map_err(|(at, refusal)| {
            let fault = leadhook_core::fault::Fault::new(refusal.path(), refusal.code(), refusal.to_string());
            at_place(at, fault.into())
        })?;
        let rehearsed = rehearsed.expect("without any event the parser refuses");
        let kind = rehearsed.lead.reference.kind;
        let trigger = rehearsed.trigger.unwrap_or_else(|| usual_trigger(kind));
        let lane = Lane { webhook: WebhookId(0), lead: rehearsed.lead.serial };
        let delivery = DeliveryId { lane, serial: Serial::at(now) };
        let keys = sight::keys();
        let sight = Sight { settings: &settings, site: &site, keys: &keys };
        let sketch = sketch(&sight.scene(delivery, trigger, &rehearsed.lead, None, now));
        let now_ms = u64::try_from(now.0).unwrap_or(0);
        Ok(Self::new(site.id.as_str().to_owned(), trigger, sketch.lead, now_ms, chain::draft(sketch.request)))
    }

    fn new(site: String, trigger: Trigger, lead: String, now_ms: u64, request: Draft) -> Self {
        Self {
            delivery: Delivery {
                id: "dlv_test".to_owned(),
                webhook: "wh_test".to_owned(),
                site,
                trigger: trigger.to_string(),
                occurred_at_ms: now_ms,
                resend: false,
                sample: false,
                lead,
            },
            now_ms,
            config: json!({}),
            secrets: BTreeMap::new(),
            kv: BTreeMap::new(),
            given: Given::Request(request),
        }
    }

    /// Runs a plugin or script over it: its filter and transform, or its receipt, as one link of a chain. A script
    /// runs in a fresh instance.
    pub fn play(&self, plugin: &Plugin) -> Played {
        self.play_in(plugin, None)
    }

    /// As [`Sample::play`]; a script's instance is kept warm from call to call, as the engine does.
    pub fn play_warm(&self, plugin: &Plugin) -> Played {
        self.play_in(plugin, Some(Keep { account: "testkit", webhook: &self.delivery.webhook }))
    }

    fn play_in(&self, plugin: &Plugin, keep: Option<Keep<'_>>) -> Played {
        let now = Timestamp(i64::try_from(self.now_ms).unwrap_or(i64::MAX));
        let stored = |value: &String| Stored { value: value.clone().into_bytes(), expires_at_ms: None };
        let state = Arc::new(Scratch::of(self.kv.iter().map(|(key, value)| (key.clone(), stored(value)))));
        let link = Link {
            name: "plugin".to_owned(),
            plugin: plugin.clone(),
            config: self.config.to_string().into(),
            secrets: Arc::new(self.secrets.clone()),
            on_error: OnError::Retry,
            state: Arc::clone(&state) as Arc<dyn leadhook_sandbox::Kv>,
        };
        let stage = Stage { delivery: &self.delivery, now, seed: 0, limits: LIMITS, keep };
        let (mut came_out, requests, runs, changes) = match &self.given {
            Given::Response(response) => {
                let judged = chain::judge(&stage, &link, &answer(response), response.elapsed_ms);
                (ended(&judged.run.decided), None, vec![judged.run], judged.changes)
            }
            Given::Request(draft) => {
                let passed = chain::pass(&stage, &[link], draft);
                let (came_out, requests) = self.after(draft, passed.end, &passed.runs);
                (came_out, requests, passed.runs, passed.changes)
            }
        };
        state.apply(&changes, now);
        let after = self.alive(&state);
        if after != self.kv {
            came_out["kv"] = json!(after);
        }
        Played { came_out, requests, runs }
    }

    fn after(&self, before: &Draft, end: chain::End, runs: &[Run]) -> (Json, Option<(Json, Json)>) {
        match end {
            chain::End::Send(request) => {
                let (before, after) = (write_request(before), write_request(&chain::draft(request)));
                let sent = if before == after { json!("unchanged") } else { after.clone() };
                (json!({ "send": sent }), Some((before, after)))
            }
            _ => (runs.last().map_or(Json::Null, |run| ended(&run.decided)), None),
        }
    }

    /// What the state holds at the sample's time.
    fn alive(&self, state: &Scratch) -> BTreeMap<String, String> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let alive = state.values().into_iter().filter(|(_, stored)| stored.stands_at(self.now_ms));
        alive.map(|(key, stored)| (key, text(&stored.value))).collect()
    }
}

fn usual_trigger(kind: LeadKind) -> Trigger {
    match kind {
        LeadKind::Call => Trigger::CallEnded,
        LeadKind::Request => Trigger::RequestCreated,
    }
}

fn answer(response: &Response) -> Answer {
    Answer {
        status: response.status,
        headers: response.headers.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
        body: response.body.clone(),
        body_cut: false,
    }
}

/// RFC 3339 in UTC, without milliseconds where there are none.
pub(crate) fn write_time(time: Timestamp) -> String {
    time.to_rfc3339().replace(".000Z", "Z")
}

/// What a run that sends nothing came to, in the form of `expected.json`.
fn ended(decided: &Decided) -> Json {
    match decided {
        Decided::Passed | Decided::Sent => json!({ "send": "unchanged" }),
        Decided::Skipped { reason } => json!({ "skip": reason }),
        Decided::Deferred { until } => json!({ "defer": write_time(*until) }),
        Decided::Delivered => json!({ "judgement": "delivered" }),
        Decided::Retry { after_seconds: None } => json!({ "judgement": "retry" }),
        Decided::Retry { after_seconds } => json!({ "judgement": "retry", "after_seconds": after_seconds }),
        Decided::Refused { reason } => json!({ "judgement": "refused", "reason": reason }),
        Decided::Broken(broken) => match (&broken.code, broken.retryable) {
            (Some(code), Some(retryable)) => {
                json!({ "fail": { "code": code, "message": broken.detail, "retryable": retryable } })
            }
            _ => json!({ "error": { "kind": broken.kind, "detail": broken.detail } }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_says_which_it_is() {
        let sample = Sample::of_lead(&json!({ "site": "60001", "type": "request", "id": "7" })).unwrap();
        assert_eq!(
            (sample.delivery.site.as_str(), sample.delivery.trigger.as_str()),
            ("60001", "request_created")
        );
        for (lead, word) in [
            (json!({ "type": "call", "id": "7" }), "`site`"),
            (json!({ "site": "60001", "type": "letter", "id": "7" }), "`letter`"),
            (json!({ "site": "60001", "type": "call", "id": 7 }), "`id`"),
        ] {
            assert!(Sample::of_lead(&lead).unwrap_err().to_string().contains(word), "{lead}");
        }
    }

    #[test]
    fn events_make_the_lead_and_settings_the_request() {
        let event = json!({ "type": "call.ended", "site": "60001", "lead": { "type": "call", "id": "7" },
            "time": "2026-03-02T09:45:03Z", "data": { "callerphone": "79990000001", "duration": 60 } });
        let settings = json!({ "url": "https://crm.example/", "parameters": { "only": ["callerphone"],
            "rename": { "callerphone": "phone" } } });
        let sample = Sample::of_events(std::slice::from_ref(&event), Some(&settings), None).unwrap();
        let Given::Request(request) = &sample.given else { panic!("a request is given") };
        assert_eq!(write_request(request)["body"], json!({ "form": [["phone", "79990000001"]] }));
        let lead: Json = serde_json::from_str(&sample.delivery.lead).unwrap();
        assert_eq!(lead["parameters"]["duration"], "60");
        assert_eq!(sample.now_ms, 1_772_444_703_000, "the time of the event");

        let refused = Sample::of_events(&[event, json!({})], Some(&settings), None).unwrap_err().to_string();
        assert!(refused.contains("[1]."), "{refused}");
    }
}
