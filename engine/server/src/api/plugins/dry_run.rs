//! Runs plugins to be looked at: with no state, marked as a sample, and nothing of it kept or sent.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{
    encode::Unencoded, id::AccountId, outcome::Answer, render::Scene, time::Timestamp, webhook::Link,
};
use leadhook_runtime::plugins::{PluginError, Resolved};
use leadhook_sandbox::{
    Delivery, Limits, NoState,
    chain::{self, End, Judged, Passed, Stage},
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::plugins;
use crate::api::{Api, problem::Problem};

/// What would become of a delivery.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub(in crate::api) struct VerdictShown {
    /// `send`; `skip`: it would be held back; `defer`: a plugin wants to be asked later; `fail`: a plugin failed, and it
    /// would be tried again. The request is shown all the same.
    #[schema(example = "send")]
    decision: &'static str,
    /// Why it would not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Until when it would be deferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    until: Option<String>,
}

impl VerdictShown {
    /// It would be sent.
    pub(in crate::api) const SEND: Self = Self { decision: "send", reason: None, until: None };

    /// It would be held back.
    pub(in crate::api) fn skip(reason: String) -> Self {
        Self { decision: "skip", reason: Some(reason), until: None }
    }

    /// How a chain ends.
    pub(in crate::api) fn of(end: &End) -> Self {
        match end {
            End::Send(_) => Self::SEND,
            End::Skip { reason } => Self::skip(reason.clone()),
            End::Defer { until } => Self { decision: "defer", reason: None, until: Some(until.to_rfc3339()) },
            End::Failed { plugin, broken } => {
                let reason = format!("the plugin `{plugin}` failed ({}): {}", broken.kind, broken.detail);
                Self { decision: "fail", reason: Some(reason), until: None }
            }
        }
    }
}

/// A rendering that plugins are run on.
pub(in crate::api) struct DryRun {
    delivery: Delivery,
    now: Timestamp,
    seed: u64,
    limits: Limits,
}

impl DryRun {
    /// A run on this scene, with the lead as plugins read it.
    pub(in crate::api) async fn of(
        api: &Api,
        account: AccountId,
        scene: &Scene<'_>,
        lead: String,
    ) -> Result<Self, Problem> {
        let limits = plugins(api)?.limits_of(account).await?;
        let delivery = Delivery {
            id: scene.delivery.to_string(),
            webhook: scene.delivery.lane.webhook.to_string(),
            site: scene.lead.reference.site.to_string(),
            trigger: scene.trigger.word().to_owned(),
            occurred_at_ms: u64::try_from(scene.lead.newest_event_time.0).unwrap_or(0),
            resend: false,
            sample: true,
            lead,
        };
        Ok(Self { delivery, now: scene.now, seed: scene.delivery.serial.0, limits })
    }

    /// Passes a request through links.
    pub(in crate::api) async fn pass(
        &self,
        api: &Api,
        links: Vec<chain::Link>,
        request: Unencoded,
    ) -> Result<Passed, Problem> {
        self.blocking(api, move |stage| chain::pass(stage, &links, &chain::draft(request))).await
    }

    /// Asks a link what an answer means.
    pub(in crate::api) async fn judge(
        &self,
        api: &Api,
        link: chain::Link,
        answer: Answer,
        elapsed_ms: u32,
    ) -> Result<Judged, Problem> {
        self.blocking(api, move |stage| chain::judge(stage, &link, &answer, elapsed_ms)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        api: &Api,
        run: impl FnOnce(&Stage<'_>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (delivery, now, seed, limits) = (self.delivery.clone(), self.now, self.seed, self.limits);
        let place = api.plugin_place().await;
        let running = spawn_blocking(move || {
            let _place = place;
            run(&Stage { delivery: &delivery, now, seed, limits, keep: None })
        });
        running.await.map_err(|error| Problem::internal(&error))
    }
}

/// Links ready to run; a plugin that is not there is a fault of the link.
pub(in crate::api) async fn ready(
    api: &Api,
    account: AccountId,
    links: &[Link],
) -> Result<Vec<chain::Link>, Problem> {
    let mut ready = Vec::with_capacity(links.len());
    for (index, link) in links.iter().enumerate() {
        let resolved = plugins(api)?.resolve(account, &link.plugin).await.map_err(|error| match error {
            PluginError::Unknown(_) => {
                let detail = format!("there is no plugin `{}`", link.plugin);
                Problem::fault(&format!("transform[{index}].plugin"), "unknown_plugin", detail)
            }
            other => other.into(),
        })?;
        ready.push(self::link(api, account, resolved, link).await?);
    }
    Ok(ready)
}

/// A plugin with what its link gives it.
pub(in crate::api) async fn link(
    api: &Api,
    account: AccountId,
    resolved: Resolved,
    link: &Link,
) -> Result<chain::Link, Problem> {
    let secrets = match link.secrets.is_empty() {
        true => BTreeMap::new(),
        false => api.engine.store().granted(account, &link.secrets).await?,
    };
    Ok(chain::Link {
        name: resolved.name,
        plugin: resolved.plugin,
        config: link.config.to_string().into(),
        secrets: Arc::new(secrets),
        on_error: link.on_error,
        state: Arc::new(NoState),
    })
}
