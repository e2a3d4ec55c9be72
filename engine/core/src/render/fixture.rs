//! A stage for tests of rendering: a lead made of events, its site, and a webhook's settings.
#![expect(clippy::needless_pass_by_value, reason = "json!(…) reads better without a & at every call")]

use serde_json::{Value as Json, json};
use url::form_urlencoded;

use crate::{
    accept::{self, accept},
    catalogue::Parameter,
    delivery::{Fingerprints, Rendering},
    event::{Event, Trigger},
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    lead::{Lead, LeadKind},
    parameter::{Keys, RecordingLinks, recording::LinkKeyId},
    preview::sample_lead,
    render::{Rendered, Scene, render},
    site::Site,
    time::{Serial, Timestamp},
    webhook::Settings,
};

/// 2026-02-26T17:03:37Z.
pub(crate) const NOW: Timestamp = Timestamp(1_772_125_417_000);

pub(crate) struct Stage {
    pub(crate) lead: Lead,
    pub(crate) site: Site,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) now: Timestamp,
}

impl Stage {
    /// The sample lead of that kind, to a webhook with these settings besides the URL.
    pub(crate) fn sample(kind: LeadKind, settings: Json) -> Self {
        Self::new(sample_lead(kind, &site_id(), NOW), settings)
    }

    /// The lead that these events make (each without site and lead), in the order of the list.
    pub(crate) fn of_events(kind: LeadKind, events: &[Json], settings: Json) -> Self {
        let site = Site::new(site_id());
        let mut lead = None;
        for event in events {
            let mut event = event.clone();
            event["site"] = json!("60001");
            event["lead"] = json!({ "type": kind.word(), "id": "7" });
            let event = Event::parse(&event).unwrap();
            let scene = accept::Scene { site: &site, webhooks: &[], now: NOW };
            let accepted =
                accept(event, "e".to_owned(), lead, scene, &mut Serial::default(), &mut |_| false).unwrap();
            lead = Some(accepted.lead);
        }
        Self::new(lead.unwrap(), settings)
    }

    fn new(lead: Lead, mut settings: Json) -> Self {
        if settings.get("url").is_none() {
            settings["url"] = json!("https://crm.example/hook");
        }
        let recording = RecordingLinks {
            base_url: "https://hooks.example".to_owned(),
            key: LinkKeyId { account: AccountId(1), number: 1 },
            secret: [7; 32],
            expires_days: 30,
        };
        Self {
            lead,
            site: Site::new(site_id()),
            settings: Settings::restore(&settings).unwrap(),
            keys: Keys { client_id_key: [1; 32], recording: Some(recording) },
            now: NOW,
        }
    }

    /// The same with other settings of the site.
    pub(crate) fn on_site(self, settings: Json) -> Self {
        Self { site: Site::parse(site_id(), 3, &settings).unwrap(), ..self }
    }

    pub(crate) fn scene<'a>(&'a self, trigger: Trigger, previous: Option<&'a Fingerprints>) -> Scene<'a> {
        let lane = Lane { webhook: WebhookId(5), lead: self.lead.serial };
        Scene {
            delivery: DeliveryId { lane, serial: Serial(9) },
            trigger,
            lead: &self.lead,
            site: &self.site,
            settings: &self.settings,
            revision: 4,
            previous,
            lane_goes_on: true,
            keys: &self.keys,
            now: self.now,
        }
    }

    pub(crate) fn render(&self, trigger: Trigger, previous: Option<&Fingerprints>) -> Rendering {
        match render(&self.scene(trigger, previous)) {
            Rendered::Request(rendering) => rendering,
            Rendered::Skipped(reason) => panic!("skipped: {reason}"),
        }
    }

    /// The pairs of the body that a POST for this trigger has.
    pub(crate) fn pairs(&self, trigger: Trigger) -> Vec<(String, String)> {
        pairs(&self.render(trigger, None))
    }

    /// The value that is sent for a parameter; `None` where no pair is.
    pub(crate) fn sent(&self, trigger: Trigger, parameter: Parameter) -> Option<String> {
        let pair = self.pairs(trigger).into_iter().find(|(name, _)| name == parameter.name());
        pair.map(|(_, value)| value)
    }
}

pub(crate) fn pairs(rendering: &Rendering) -> Vec<(String, String)> {
    form_urlencoded::parse(&rendering.request.body).into_owned().collect()
}

fn site_id() -> SiteId {
    SiteId::new("60001").unwrap()
}
