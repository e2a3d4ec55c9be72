//! Activation: a probe with a sample lead, and only then the switch.

use std::{sync::Arc, time::Duration};

use leadhook_core::{
    delivery::Request,
    event::Trigger,
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    lead::LeadKind,
    outcome::Outcome,
    preview::sample_lead,
    render::{Scene, render_unfiltered},
    retry::is_success,
    site::Site,
    time::Serial,
    webhook::{LeadClass, Switch, Webhook},
};
use leadhook_store::Result;

use crate::{deliver::identity, engine::Engine};

/// The header by which a receiver knows a probe: it makes no lead of it.
const TEST_HEADER: (&str, &str) = ("webhook-test", "true");

/// What an attempt to activate a webhook came to.
#[derive(Debug)]
pub enum Activation {
    /// It is on. The probe's outcome tells whether the handler was content.
    On {
        /// The webhook, switched on.
        webhook: Arc<Webhook>,
        /// What the probe came to.
        outcome: Outcome,
    },
    /// The handler did not answer with success, and it was not forced: it stays off.
    Refused {
        /// What was sent.
        request: Request,
        /// What came back.
        outcome: Outcome,
    },
    /// There is no such webhook.
    Unknown,
}

impl Engine {
    /// Sends the handler a sample lead, marked by `webhook-test: true`, and switches the webhook on if
    /// the answer is a success, or all the same with `force`.
    pub async fn activate(&self, account: AccountId, id: WebhookId, force: bool) -> Result<Activation> {
        let known = self.store().webhook(account, id).await?;
        let Some(webhook) = known.filter(|webhook| webhook.switch != Switch::Deleted) else {
            return Ok(Activation::Unknown);
        };
        let (request, headers) = self.probe(&webhook).await?;
        let timeout = Duration::from_secs(u64::from(webhook.settings.timeout_seconds));
        let outcome = self.shared().carrier.carry(&request, &headers, timeout).await;
        if !force && !is_success(&webhook.settings, &outcome) {
            return Ok(Activation::Refused { request, outcome });
        }
        Ok(match self.switch_webhook(account, id, Switch::On).await? {
            Some(webhook) => Activation::On { webhook, outcome },
            None => Activation::Unknown,
        })
    }

    /// The sample lead as this webhook would send it, with the headers of a probe.
    async fn probe(&self, webhook: &Webhook) -> Result<(Request, Vec<(String, String)>)> {
        let now = self.now();
        let sites = self.store().sites(webhook.account).await?;
        let taken = sites.into_iter().find(|site| webhook.takes_site(&site.id));
        let site = match taken {
            Some(site) => site,
            None => Arc::new(Site::new(SiteId::new("sample").expect("a plain word is a site id"))),
        };
        let (kind, trigger) = match webhook.settings.calls {
            LeadClass::None => (LeadKind::Request, Trigger::RequestCreated),
            _ => (LeadKind::Call, Trigger::CallEnded),
        };
        let lead = sample_lead(kind, &site.id, now);
        let lane = Lane { webhook: webhook.id, lead: lead.serial };
        let delivery = DeliveryId { lane, serial: Serial::at(now) };
        let keys = self.keys(webhook.account).await?;
        let scene = Scene {
            delivery,
            trigger,
            lead: &lead,
            site: &site,
            settings: &webhook.settings,
            revision: webhook.revision,
            previous: None,
            lane_goes_on: false,
            keys: &keys,
            now,
        };
        // The probe asks whether the handler answers, not whether the sample lead is wanted.
        let rendering = render_unfiltered(&scene);
        let mut headers = identity(delivery, &rendering, &webhook.settings, now);
        headers.push((TEST_HEADER.0.to_owned(), TEST_HEADER.1.to_owned()));
        Ok((rendering.request, headers))
    }
}
