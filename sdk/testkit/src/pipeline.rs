//! A whole webhook: events in, requests out, as the engine decides, with time that passes at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use leadhook_core::{
    accept::{self, accept},
    delivery::{Delivery, Fingerprints, Request, Source},
    event::{Event, Trigger},
    fault::Fault,
    id::{AccountId, LeadRef, WebhookId},
    lead::Lead,
    parameter::Keys,
    plugin::{Broken, Run},
    qualify::{Question, Trace},
    render::{Sketch, filtered_sketch},
    site::Site,
    time::{Serial, Timestamp},
    webhook::{Settings, Subscription, Switch, Webhook},
};
use leadhook_sandbox::{
    Keep, Kv,
    chain::{self, Link, Passed, Scratch, Stage},
};
use serde_json::Value as Json;

use crate::{
    Kit, TestkitError,
    kit::LIMITS,
    sight::{self, Sight, at_place},
};

/// How often one delivery is deferred before it is told as deferred.
const DEFERRALS_MAX: u32 = 10;

/// What became of one delivery.
#[derive(Debug, Clone)]
pub struct Came {
    /// What fired.
    pub trigger: Trigger,
    /// The lead.
    pub lead: LeadRef,
    /// When its turn came.
    pub at: Timestamp,
    /// Its end.
    pub end: End,
    /// What its chain ran, also where it was deferred before.
    pub runs: Vec<Run>,
}

/// The end of a delivery.
#[derive(Debug, Clone)]
pub enum End {
    /// This would go out, signed and with the headers that each attempt adds.
    Sent(Sent),
    /// A filter, plugin or script held it back.
    Skipped {
        /// Why.
        reason: String,
    },
    /// A plugin defers it again and again.
    Deferred {
        /// Till when, the last time.
        until: Timestamp,
    },
    /// A plugin failed; the engine would try again by the retry policy.
    Failed {
        /// Its name.
        plugin: String,
        /// How.
        broken: Broken,
    },
}

/// A request with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent(pub Request);

impl Sent {
    /// The first field of this name in the form: of the body of a POST, of the query of a GET.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All fields of the form, in order.
    pub fn fields(&self) -> Vec<(String, String)> {
        let body = String::from_utf8_lossy(&self.0.body);
        let form = match self.0.method {
            leadhook_core::delivery::Method::Post => body.as_ref(),
            leadhook_core::delivery::Method::Get => self.0.url.split_once('?').map_or("", |(_, query)| query),
        };
        url::form_urlencoded::parse(form.as_bytes()).into_owned().collect()
    }

    /// The body as JSON, if it is some.
    pub fn json(&self) -> Option<Json> {
        serde_json::from_slice(&self.0.body).ok()
    }

    /// The value of a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Came {
    /// The request, if it is sent.
    pub fn sent(&self) -> Option<&Sent> {
        match &self.end {
            End::Sent(sent) => Some(sent),
            _ => None,
        }
    }
}

impl Kit {
    /// Takes events in and delivers them by a webhook's settings (as `POST /v1/webhooks` takes them), through its
    /// chain: qualification, delays, filters, rendering, plugins, encoding. An event arrives at its own time. What
    /// comes out is in the order in which it is due; every request counts as delivered.
    ///
    /// # Errors
    /// When events or settings cannot be used (with every fault), or name a plugin or secret that the kit lacks.
    pub fn deliver(&self, settings: &Json, events: &[Json]) -> Result<Vec<Came>, TestkitError> {
        let settings = sight::settings(settings)?;
        let events = sight::events(events)?;
        let site = self.site.clone().unwrap_or_else(|| sight::site_of(&events));
        let (links, states) = self.links(&settings)?;
        let mut play = Play::new(&settings, &site, links, states);
        for (at, event) in events.into_iter().enumerate() {
            play.deliver_until(Some(event.time));
            play.accept(event).map_err(|refusal| {
                at_place(at, Fault::new(refusal.path(), refusal.code(), refusal.to_string()).into())
            })?;
        }
        play.deliver_until(None);
        Ok(play.came)
    }

    /// The settings' chain, each plugin with a state of its own.
    fn links(&self, settings: &Settings) -> Result<(Vec<Link>, States), TestkitError> {
        let mut states = States::new();
        let mut links = Vec::new();
        for link in &settings.transform {
            let name = link.plugin.split('@').next().unwrap_or(&link.plugin);
            let plugin = self.plugins.get(name);
            let plugin = plugin.ok_or_else(|| TestkitError::UnknownPlugin(name.to_owned()))?;
            let secret = |name: &String| match self.secrets.get(name) {
                Some(value) => Ok((name.clone(), value.clone())),
                None => Err(TestkitError::UnknownSecret(name.clone())),
            };
            let secrets = link.secrets.iter().map(secret).collect::<Result<_, _>>()?;
            let state = Arc::clone(states.entry(name.to_owned()).or_default());
            links.push(Link {
                name: name.to_owned(),
                plugin: plugin.clone(),
                config: link.config.to_string().into(),
                secrets: Arc::new(secrets),
                on_error: link.on_error,
                state: state as Arc<dyn Kv>,
            });
        }
        Ok((links, states))
    }
}

/// The state of each plugin, by its name: links of one plugin share it.
type States = BTreeMap<String, Arc<Scratch>>;

/// A delivery that waits.
struct Waiting {
    delivery: Delivery,
    due: Timestamp,
    deferrals: u32,
    runs: Vec<Run>,
}

/// The engine in small: leads, what is owed, and what was delivered.
struct Play<'a> {
    settings: &'a Settings,
    site: &'a Site,
    webhook: Arc<Webhook>,
    links: Vec<Link>,
    states: States,
    keys: Keys,
    now: Timestamp,
    last: Serial,
    /// Every version of each lead, oldest first.
    leads: HashMap<LeadRef, Vec<Lead>>,
    traces: Vec<Trace>,
    waiting: Vec<Waiting>,
    previous: HashMap<LeadRef, Fingerprints>,
    came: Vec<Came>,
}

impl<'a> Play<'a> {
    fn new(settings: &'a Settings, site: &'a Site, links: Vec<Link>, states: States) -> Self {
        let webhook = Webhook {
            account: AccountId::DEFAULT,
            id: WebhookId(0),
            revision: 1,
            settings: Arc::new(settings.clone()),
            switch: Switch::On,
            created: Serial(0),
            subscriptions: vec![Subscription { saved: Serial(0), sending: settings.sending.clone() }],
        };
        Self {
            settings,
            site,
            webhook: Arc::new(webhook),
            links,
            states,
            keys: sight::keys(),
            now: Timestamp(0),
            last: Serial(0),
            leads: HashMap::new(),
            traces: Vec::new(),
            waiting: Vec::new(),
            previous: HashMap::new(),
            came: Vec::new(),
        }
    }

    fn accept(&mut self, event: Event) -> Result<(), accept::Refusal> {
        if event.lead.site != self.site.id {
            return Err(accept::Refusal::UnknownSite(event.lead.site.to_string()));
        }
        self.now = self.now.max(event.time);
        let reference = event.lead.clone();
        let known = self.leads.get(&reference).and_then(|versions| versions.last()).cloned();
        let webhooks = [Arc::clone(&self.webhook)];
        let scene = accept::Scene { site: self.site, webhooks: &webhooks, now: self.now };
        let traces = &self.traces;
        let mut seen = |question: &Question<'_>| traces.iter().any(|trace| question.is_answered_by(trace));
        let accepted = accept(event, String::new(), known, scene, &mut self.last, &mut seen)?;
        self.traces.retain(|trace| !accepted.traces_removed.contains(trace));
        self.traces.extend(accepted.traces_added);
        self.leads.entry(reference).or_default().push(accepted.lead);
        let waiting = |delivery: Delivery| {
            let due = delivery.state.due().unwrap_or(self.now);
            Waiting { delivery, due, deferrals: 0, runs: Vec::new() }
        };
        self.waiting.extend(accepted.deliveries.into_iter().map(waiting));
        Ok(())
    }

    /// Delivers what falls due before this time, or all of it: the earliest first, in a lane one after another.
    fn deliver_until(&mut self, end: Option<Timestamp>) {
        while let Some(at) = self.next() {
            if end.is_some_and(|end| self.waiting[at].due >= end) {
                return;
            }
            let next = self.waiting.remove(at);
            self.now = self.now.max(next.due);
            self.deliver(next);
        }
    }

    /// The place of the next one among the heads of lanes.
    fn next(&self) -> Option<usize> {
        let is_head = |one: &Waiting| {
            let id = one.delivery.id;
            !self
                .waiting
                .iter()
                .any(|other| other.delivery.id.lane == id.lane && other.delivery.id.serial < id.serial)
        };
        let heads = self.waiting.iter().enumerate().filter(|(_, one)| is_head(one));
        heads.min_by_key(|(_, one)| (one.due, one.delivery.id.serial)).map(|(at, _)| at)
    }

    fn deliver(&mut self, waiting: Waiting) {
        let Waiting { delivery, deferrals, mut runs, .. } = waiting;
        let end = match self.render(&delivery, &mut runs) {
            End::Deferred { until } if deferrals < DEFERRALS_MAX => {
                let due = until.max(self.now);
                self.waiting.push(Waiting { delivery, due, deferrals: deferrals + 1, runs });
                return;
            }
            end => end,
        };
        self.came.push(Came { trigger: delivery.trigger, lead: delivery.lead, at: self.now, end, runs });
    }

    fn render(&mut self, delivery: &Delivery, runs: &mut Vec<Run>) -> End {
        let versions = self.leads.get(&delivery.lead).expect("a delivery is owed for a lead that is known");
        let version = |lead: &&Lead| match delivery.source {
            Source::Version(version) => lead.version == version,
            _ => true,
        };
        let lead = versions.iter().rev().find(version).expect("a delivery names a version that was made");
        let sight = Sight { settings: self.settings, site: self.site, keys: &self.keys };
        let previous = self.previous.get(&delivery.lead);
        let scene = sight.scene(delivery.id, delivery.trigger, lead, previous, self.now);
        let Sketch { request, lead, kept } = match filtered_sketch(&scene) {
            Ok(sketch) => sketch,
            Err(reason) => return End::Skipped { reason },
        };
        let (id, webhook) = (delivery.id.to_string(), self.webhook.id.to_string());
        let told = leadhook_sandbox::Delivery {
            id,
            webhook: webhook.clone(),
            site: self.site.id.as_str().to_owned(),
            trigger: delivery.trigger.to_string(),
            occurred_at_ms: u64::try_from(delivery.occurred_at.0).unwrap_or(0),
            resend: false,
            sample: false,
            lead,
        };
        let keep = Some(Keep { account: "testkit", webhook: &webhook });
        let stage =
            Stage { delivery: &told, now: self.now, seed: delivery.id.serial.0, limits: LIMITS, keep };
        let passed = chain::pass(&stage, &self.links, &chain::draft(request));
        let end = match passed.end {
            chain::End::Send(request) => {
                let rendering = kept.rendering(&scene, request);
                if let Some(fingerprints) = rendering.fingerprints {
                    self.previous.insert(delivery.lead.clone(), fingerprints);
                }
                End::Sent(Sent(rendering.request))
            }
            chain::End::Skip { reason } => End::Skipped { reason },
            chain::End::Defer { until } => End::Deferred { until },
            chain::End::Failed { plugin, broken } => End::Failed { plugin, broken },
        };
        let Passed { runs: ran, changes, .. } = passed;
        runs.extend(ran);
        for (name, state) in &self.states {
            state.apply(changes.iter().filter(|change| change.plugin == *name), self.now);
        }
        end
    }
}
