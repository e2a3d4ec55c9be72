//! Activation: a probe with a sample lead, and only then the switch.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook_core::{
    delivery::Request,
    event::Trigger,
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    lead::LeadKind,
    outcome::Outcome,
    preview::sample_lead,
    render::{Scene, sketch},
    retry::is_success,
    site::Site,
    time::Serial,
    webhook::{LeadClass, Success, Switch, Webhook},
};
use leadhook_sandbox::{Judgement, chain::End};
use leadhook_store::Result;

use crate::{
    deliver::identity,
    engine::Engine,
    plugins::{ChainOf, Judging},
};

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
        let Probed { request, outcome, is_good } = self.probe(&webhook).await?;
        if !force && !is_good {
            return Ok(Activation::Refused { request, outcome });
        }
        Ok(match self.switch_webhook(account, id, Switch::On).await? {
            Some(webhook) => Activation::On { webhook, outcome },
            None => Activation::Unknown,
        })
    }

    /// Sends the sample lead as this webhook would send it, through its chain too, with the headers of a probe.
    async fn probe(&self, webhook: &Webhook) -> Result<Probed> {
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
        let sketch = sketch(&scene);
        let plugins = self.plugins().filter(|_| !webhook.settings.transform.is_empty());
        // The probe asks whether the handler answers, not whether the sample lead is wanted: what a filter or a
        // plugin would hold back is sent as it was before.
        let mut unencoded = sketch.request.clone();
        if let Some(plugins) = plugins {
            let chain = ChainOf::of_sample(webhook, &scene, sketch.lead.clone());
            match plugins.pass(chain, sketch.request.clone()).await.0 {
                End::Send(rewritten) => unencoded = rewritten,
                End::Skip { .. } | End::Defer { .. } => {}
                End::Failed { plugin, broken } => {
                    let request = sketch.kept.rendering(&scene, unencoded).request;
                    let outcome = Outcome::Withheld { plugin, kind: broken.kind, detail: broken.detail };
                    return Ok(Probed { request, outcome, is_good: false });
                }
            }
        }
        let rendering = sketch.kept.rendering(&scene, unencoded);
        let mut headers = identity(delivery.to_string(), &rendering.request, &webhook.settings.signing, now);
        headers.push((TEST_HEADER.0.to_owned(), TEST_HEADER.1.to_owned()));
        let timeout = Duration::from_secs(u64::from(webhook.settings.timeout_seconds));
        let began = Instant::now();
        let outcome = self.shared().carrier.carry(&rendering.request, &headers, timeout).await;
        let elapsed_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let is_good = self.is_good(webhook, &scene, sketch.lead, &outcome, elapsed_ms).await;
        Ok(Probed { request: rendering.request, outcome, is_good })
    }

    /// Whether the handler was content: by the plugin that judges its answers, else by the status.
    async fn is_good(
        &self,
        webhook: &Webhook,
        scene: &Scene<'_>,
        lead: String,
        outcome: &Outcome,
        elapsed_ms: u32,
    ) -> bool {
        let by_status = is_success(&webhook.settings, outcome);
        let (Success::Plugin(judge), Outcome::Answered(answer)) = (&webhook.settings.success, outcome) else {
            return by_status;
        };
        let Some(plugins) = self.plugins() else { return by_status };
        let chain = ChainOf::of_sample(webhook, scene, lead);
        let (judgement, _) = plugins.judge(Judging { chain, judge, answer, elapsed_ms }).await;
        judgement.map_or(by_status, |judgement| judgement == Judgement::Delivered)
    }
}

/// What a probe came to.
struct Probed {
    request: Request,
    outcome: Outcome,
    is_good: bool,
}
