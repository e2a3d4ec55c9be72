//! A delivery as it was then: rendered again from the versions, the time and the state that its rendering was made from.

use std::{fmt, sync::Arc};

use leadhook_core::{
    delivery::{Delivery, Rendering},
    id::{AccountId, DeliveryId},
    lead::Lead,
    parameter::Keys,
    plugin::Run,
    render::{Scene, Sketch, sketch_again},
    replay::transforms,
    site::Site,
    time::Timestamp,
    webhook::{Link, Webhook},
};
use leadhook_sandbox::chain::End;
use leadhook_store::{RenderedFrom, Result};

use crate::{engine::Shared, plugins::ChainOf};

/// Why a delivery cannot be rendered again as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrepeatable {
    /// No request was ever made of it.
    NeverRendered,
    /// What it was made from is no longer kept.
    Gone {
        /// `lead`, `site`, `webhook` or `delivery`.
        what: &'static str,
    },
    /// What was sent was kept for its days and is gone, so that there is nothing to compare with.
    BodyGone,
    /// Its plugins ran more often than a delivery remembers, and the runs that made the rendering are not among the last.
    RunsForgotten,
    /// A version of a plugin is no longer kept.
    PluginGone {
        /// The plugin's name.
        name: String,
        /// The version's SHA-256 in hex.
        sha256: String,
    },
    /// A version of a plugin is not taken by this engine any more.
    PluginRefused {
        /// The plugin's name.
        name: String,
        /// The version's SHA-256 in hex.
        sha256: String,
        /// Why not.
        why: String,
    },
    /// This engine runs no plugins, and the delivery needs one.
    NoPlugins,
}

impl fmt::Display for Unrepeatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRendered => f.write_str("no request was ever made of it"),
            Self::Gone { what } => {
                write!(f, "the {what} is no longer kept in the version that the request was made from")
            }
            Self::BodyGone => f.write_str("what was sent is no longer kept, so that nothing can be compared"),
            Self::RunsForgotten => f.write_str(
                "its plugins ran so often since that the runs which made the request are forgotten",
            ),
            Self::PluginGone { name, sha256 } => {
                write!(f, "the version {sha256} of the plugin `{name}` is no longer kept")
            }
            Self::PluginRefused { name, sha256, why } => {
                write!(f, "this engine does not take the version {sha256} of the plugin `{name}`: {why}")
            }
            Self::NoPlugins => f.write_str("this engine runs no plugins"),
        }
    }
}

/// All that a rendering was made from.
#[derive(Debug)]
pub(crate) struct Then {
    /// The webhook with its settings of then.
    webhook: Webhook,
    lead: Lead,
    site: Site,
    keys: Arc<Keys>,
    rendering: Rendering,
    /// The transforms that made it, by their places in the chain.
    transforms: Vec<(usize, Run)>,
}

type Repeatable<T> = std::result::Result<T, Unrepeatable>;

impl Then {
    /// What one of a delivery's renderings was made from.
    pub(crate) async fn of(
        shared: &Shared,
        account: AccountId,
        delivery: &Delivery,
        rendering: &Rendering,
    ) -> Result<Repeatable<Self>> {
        let id = delivery.id;
        let gone = |what| Ok(Err(Unrepeatable::Gone { what }));
        let Some(webhook) = shared.store.webhook(account, id.lane.webhook).await? else {
            return gone("webhook");
        };
        let from = shared.store.rendered_from(account, id, &delivery.lead.site, rendering).await?;
        let RenderedFrom { lead: Some(lead), site, settings } = from else { return gone("lead") };
        let Some(site) = site else { return gone("site") };
        let Some(settings) = settings else { return gone("webhook") };
        let Some(found) = transforms(delivery, rendering, &settings.transform) else {
            return Ok(Err(Unrepeatable::RunsForgotten));
        };
        Ok(Ok(Self {
            transforms: found.into_iter().map(|(place, run)| (place, run.clone())).collect(),
            webhook: Webhook { settings: Arc::new(settings), ..(*webhook).clone() },
            lead,
            site,
            keys: shared.keys.of(account).await?,
            rendering: rendering.clone(),
        }))
    }

    /// What the last request was made from that a delivery sent.
    pub(crate) async fn of_first(
        shared: &Shared,
        account: AccountId,
        first: DeliveryId,
    ) -> Result<Repeatable<Self>> {
        let Some(shown) = shared.store.delivery(account, first).await? else {
            return Ok(Err(Unrepeatable::Gone { what: "delivery" }));
        };
        match shown.delivery.renderings.last() {
            Some(rendering) => Self::of(shared, account, &shown.delivery, rendering).await,
            None => Ok(Err(Unrepeatable::NeverRendered)),
        }
    }

    /// The same with recordings linked only where the site as it is now allows it too (the contract, "Resend").
    pub(crate) fn allowing(mut self, now: &Site) -> Self {
        self.site.allow_reclink &= now.allow_reclink;
        self
    }

    /// The scene of a rendering at `now`, for the delivery that was rendered or one that sends it again.
    pub(crate) fn scene(&self, delivery: &Delivery, lane_goes_on: bool, now: Timestamp) -> Scene<'_> {
        Scene {
            delivery: delivery.id,
            trigger: delivery.trigger,
            lead: &self.lead,
            site: &self.site,
            settings: &self.webhook.settings,
            revision: self.rendering.revision,
            previous: None,
            lane_goes_on,
            keys: &self.keys,
            now,
        }
    }

    /// The request as its chain got it, to where the delivery that is rendered goes; no filter is asked.
    pub(crate) fn sketch(&self, delivery: &Delivery, scene: &Scene<'_>) -> Sketch {
        let mut sketch = sketch_again(scene, self.rendering.changed_fields.as_deref());
        if let Some(url) = delivery.resend_of.as_ref().and_then(|of| of.url.as_ref()) {
            sketch.request.url.clone_from(url);
        }
        sketch
    }

    /// Passes a sketch through the transforms of then: at the time that they were told, with the same random numbers, and
    /// over the state that they read. What they write is dropped.
    pub(crate) async fn pass(
        &self,
        shared: &Shared,
        delivery: &Delivery,
        sketch: &Sketch,
    ) -> Repeatable<(End, Vec<Run>)> {
        let Some((_, first)) = self.transforms.first() else {
            return Ok((End::Send(sketch.request.clone()), Vec::new()));
        };
        let Some(plugins) = &shared.plugins else { return Err(Unrepeatable::NoPlugins) };
        let chain = ChainOf::new(&self.webhook, delivery, sketch.lead.clone(), first.at);
        let links = &self.webhook.settings.transform;
        let again: Vec<(&Link, &Run)> =
            self.transforms.iter().map(|(place, run)| (&links[*place], run)).collect();
        plugins.pass_again(chain, &again, sketch.request.clone()).await
    }
}
