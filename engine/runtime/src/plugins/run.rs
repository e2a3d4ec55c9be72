//! Runs the plugins of one delivery: its webhook's chain when it is rendered, the judge of its answer afterwards.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{
    delivery::Delivery,
    encode::Unencoded,
    event::Trigger,
    id::{AccountId, DeliveryId, SiteId, WebhookId},
    notification::News,
    outcome::Answer,
    plugin::{Broken, Decided, Run, StateChange, Step, Stored},
    render::Scene,
    time::Timestamp,
    webhook::{Link, OnError, Webhook},
};
use leadhook_sandbox::{
    Delivery as Told, Judgement, Keep, Kv, Limits,
    chain::{self, End, Judged, Passed, Scratch, Stage},
};
use tokio::{
    runtime::Handle,
    task::{JoinError, spawn_blocking},
};

use super::{PluginError, Plugins, state::StateOf};
use crate::again::Unrepeatable;
use crate::notify::notify;

/// What a chain is run for.
pub(crate) struct ChainOf<'a> {
    pub(crate) webhook: &'a Webhook,
    pub(crate) told: Told,
    pub(crate) delivery: DeliveryId,
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
}

/// What is the same for all calls of a delivery, whichever thread makes them.
struct OwnStage {
    account: String,
    told: Told,
    now: Timestamp,
    seed: u64,
    limits: Limits,
}

impl OwnStage {
    fn lit(&self) -> Stage<'_> {
        let keep = Some(Keep { account: &self.account, webhook: &self.told.webhook });
        Stage { delivery: &self.told, now: self.now, seed: self.seed, limits: self.limits, keep }
    }
}

/// What an answer is judged for.
pub(crate) struct Judging<'a> {
    pub(crate) chain: ChainOf<'a>,
    pub(crate) judge: &'a str,
    pub(crate) answer: &'a Answer,
    pub(crate) elapsed_ms: u32,
}

/// What plugins leave to be recorded with their delivery's outcome.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) runs: Vec<Run>,
    pub(crate) changes: Vec<StateChange>,
}

impl<'a> ChainOf<'a> {
    /// The chain of a delivery, told of it as its plugins see it.
    pub(crate) fn new(webhook: &'a Webhook, delivery: &Delivery, lead: String, now: Timestamp) -> Self {
        let (site, occurred_at) = (&delivery.lead.site, delivery.occurred_at);
        let told = told(webhook, delivery.id, site, delivery.trigger, occurred_at, lead);
        let told = Told { resend: delivery.resend_of.is_some(), ..told };
        let seed = seed(delivery.resend_of.as_ref().map_or(delivery.id, |of| of.first));
        Self { webhook, told, delivery: delivery.id, seed, now }
    }

    /// The chain of a probe: it is told so, and leaves no state behind.
    pub(crate) fn of_sample(webhook: &'a Webhook, scene: &Scene<'_>, lead: String) -> Self {
        let told = told(webhook, scene.delivery, &scene.site.id, scene.trigger, scene.now, lead);
        let (delivery, now) = (scene.delivery, scene.now);
        Self { webhook, told: Told { sample: true, ..told }, delivery, seed: seed(delivery), now }
    }

    fn leaves_nothing(&self) -> bool {
        self.told.sample || self.told.resend
    }
}

fn told(
    webhook: &Webhook,
    delivery: DeliveryId,
    site: &SiteId,
    trigger: Trigger,
    occurred_at: Timestamp,
    lead: String,
) -> Told {
    Told {
        id: delivery.to_string(),
        webhook: webhook.id.to_string(),
        site: site.to_string(),
        trigger: trigger.word().to_owned(),
        occurred_at_ms: u64::try_from(occurred_at.0).unwrap_or(0),
        resend: false,
        sample: false,
        lead,
    }
}

/// What random numbers begin with: the same for a delivery that sends another again as for that one. One more for each
/// delivery is enough: the sandbox's generator spreads neighbours.
fn seed(delivery: DeliveryId) -> u64 {
    delivery.serial.0 ^ delivery.lane.webhook.0
}

impl Plugins {
    /// Passes a request through the webhook's chain. What it changes is seen by later calls at once, and is to be
    /// settled with the delivery, or [`Plugins::forget`]ten.
    pub(crate) async fn pass(self: &Arc<Self>, of: ChainOf<'_>, request: Unencoded) -> (End, Outcomes) {
        let account = of.webhook.account;
        let links = match self.links(&of).await {
            Ok(links) => links,
            Err(end) => return (end, Outcomes::default()),
        };
        let (delivery, now, leaves_nothing) = (of.delivery, of.now, of.leaves_nothing());
        let key = (account, of.webhook.id);
        let stage = self.stage(of).await;
        let draft = chain::draft(request);
        let passed = match chain::pass_in_place(&stage.lit(), &links, &draft) {
            Some(passed) => Ok(passed),
            None => self.apart(stage, move |stage| chain::pass(stage, &links, &draft)).await,
        };
        match passed {
            Ok(Passed { end, runs, changes }) => {
                (end, self.keep(key, delivery, now, leaves_nothing, Outcomes { runs, changes }).await)
            }
            Err(error) => (broken("chain", &error.to_string()), Outcomes::default()),
        }
    }

    /// Passes a request once more through transforms that ran before, in the versions and over the state of then. It
    /// leaves nothing behind but its record.
    pub(crate) async fn pass_again(
        self: &Arc<Self>,
        of: ChainOf<'_>,
        transforms: &[(&Link, &Run)],
        request: Unencoded,
    ) -> Result<(End, Vec<Run>), Unrepeatable> {
        let mut links = Vec::with_capacity(transforms.len());
        for (link, run) in transforms {
            let (name, sha256) = (run.plugin.clone(), run.sha256.clone());
            let pinned =
                Link { plugin: format!("{name}@{sha256}"), on_error: OnError::Retry, ..(*link).clone() };
            let reads: BTreeMap<String, Option<Stored>> = run.reads.iter().cloned().collect();
            match self.link(&of, &pinned).await {
                Ok(link) => links.push(chain::Link { state: Arc::new(reads), ..link }),
                Err(PluginError::Unknown(_)) => return Err(Unrepeatable::PluginGone { name, sha256 }),
                Err(PluginError::Refused(refusal)) => {
                    return Err(Unrepeatable::PluginRefused { name, sha256, why: refusal.to_string() });
                }
                Err(error) => return Ok((broken(&name, &error.to_string()), Vec::new())),
            }
        }
        let (stage, draft) = (self.stage(of).await, chain::draft(request));
        match self.apart(stage, move |stage| chain::pass_again(stage, &links, &draft)).await {
            Ok(Passed { end, runs, .. }) => Ok((end, runs)),
            Err(error) => Ok((broken("chain", &error.to_string()), Vec::new())),
        }
    }

    /// Asks the judging plugin what an answer means; `None` when it cannot say, or is left alone since it kept failing.
    pub(crate) async fn judge(self: &Arc<Self>, of: Judging<'_>) -> (Option<Judgement>, Outcomes) {
        let link = link_of_judge(&of);
        if self.paused_until(&of.chain, name_of(&link.plugin), &[Step::Receipt]).is_some() {
            return (None, Outcomes::default());
        }
        let Ok(link) = self.link(&of.chain, &link).await else { return (None, Outcomes::default()) };
        let Judging { chain: of, answer, elapsed_ms, .. } = of;
        let (delivery, now, leaves_nothing) = (of.delivery, of.now, of.leaves_nothing());
        let key = (of.webhook.account, of.webhook.id);
        let stage = self.stage(of).await;
        let judged = match chain::judge_in_place(&stage.lit(), &link, answer, elapsed_ms) {
            Some(judged) => Ok(judged),
            None => {
                let answer = answer.clone();
                self.apart(stage, move |stage| chain::judge(stage, &link, &answer, elapsed_ms)).await
            }
        };
        match judged {
            Ok(Judged { judgement, run, changes }) => {
                let outcomes = Outcomes { runs: vec![run], changes };
                (judgement.ok(), self.keep(key, delivery, now, leaves_nothing, outcomes).await)
            }
            Err(_) => (None, Outcomes::default()),
        }
    }

    /// What the calls of a delivery are given. Where the account's terms cannot be read they run on those that hold for
    /// all.
    async fn stage(&self, of: ChainOf<'_>) -> OwnStage {
        let account = of.webhook.account;
        let limits = self.limits_of(account).await.unwrap_or_else(|_| self.limits());
        OwnStage { account: account.0.to_string(), told: of.told, now: of.now, seed: of.seed, limits }
    }

    /// Runs plugins off the threads that serve others, few at a time: what waits for a processor anyway had better wait
    /// here, where its deadline does not run yet.
    async fn apart<T: Send + 'static>(
        &self,
        stage: OwnStage,
        work: impl FnOnce(&Stage<'_>) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the places are never closed");
        spawn_blocking(move || {
            let _place = place;
            work(&stage.lit())
        })
        .await
    }

    /// Shows later calls what was changed, and lets the breakers know. A sample and a resend leave only their record.
    async fn keep(
        &self,
        key: (AccountId, WebhookId),
        delivery: DeliveryId,
        now: Timestamp,
        leaves_nothing: bool,
        outcomes: Outcomes,
    ) -> Outcomes {
        self.metrics.ran(&outcomes.runs);
        if leaves_nothing {
            return Outcomes { changes: Vec::new(), ..outcomes };
        }
        self.pending.note(key.0, delivery, &outcomes.changes);
        for run in &outcomes.runs {
            if self.breakers.note(key, run, now) {
                self.tell(key, run, now).await;
            }
        }
        outcomes
    }

    /// Tells that a plugin is left alone from now on.
    async fn tell(&self, (account, webhook): (AccountId, WebhookId), run: &Run, now: Timestamp) {
        let Decided::Broken(broken) = &run.decided else { return };
        let (plugin, step, kind) = (run.plugin.clone(), run.step, &broken.kind);
        tracing::warn!(%webhook, plugin, %step, kind, "the plugin keeps failing; it is tried again after a pause");
        let failure = format!("{kind}: {}", broken.detail);
        let news = News::PluginFailing { webhook, plugin, step, failure };
        notify(&*self.store, account, news, now).await;
    }

    /// Forgets what a delivery changed: it is durable now, or never will be.
    pub(crate) fn forget(&self, account: AccountId, delivery: DeliveryId, changes: &[StateChange]) {
        self.pending.forget(account, delivery, changes);
    }

    /// Until when a plugin is left alone since one of these functions kept failing. A sample is for somebody who looks on,
    /// and is run all the same.
    fn paused_until(&self, of: &ChainOf<'_>, plugin: &str, steps: &[Step]) -> Option<Timestamp> {
        let key = (of.webhook.account, of.webhook.id);
        self.breakers.paused_until(key, plugin, steps, of.now).filter(|_| !of.told.sample)
    }

    /// The links of the webhook's chain, ready to run; an end where a link cannot be.
    async fn links(self: &Arc<Self>, of: &ChainOf<'_>) -> Result<Vec<chain::Link>, End> {
        let mut links = Vec::with_capacity(of.webhook.settings.transform.len());
        for link in &of.webhook.settings.transform {
            let name = name_of(&link.plugin);
            match (self.paused_until(of, name, &[Step::Filter, Step::Transform]), link.on_error) {
                (None, _) => {}
                (Some(_), OnError::SendOriginal) => continue,
                (Some(_), OnError::Skip) => {
                    return Err(End::Skip {
                        reason: format!(
                            "skipped: the plugin `{name}` keeps failing, and its link says to skip then"
                        ),
                    });
                }
                (Some(until), OnError::Retry) => return Err(End::Defer { until }),
            }
            match self.link(of, link).await {
                Ok(link) => links.push(link),
                Err(error) => match link.on_error {
                    OnError::SendOriginal => {}
                    OnError::Retry | OnError::Skip => return Err(broken(name, &error.to_string())),
                },
            }
        }
        Ok(links)
    }

    async fn link(self: &Arc<Self>, of: &ChainOf<'_>, link: &Link) -> Result<chain::Link, PluginError> {
        let account = of.webhook.account;
        let resolved = self.resolve(account, &link.plugin).await?;
        let secrets = match link.secrets.is_empty() {
            true => BTreeMap::new(),
            false => self.store.granted(account, &link.secrets).await?,
        };
        let state: Arc<dyn Kv> = match of.told.sample {
            true => Arc::new(Scratch::default()),
            false => Arc::new(StateOf {
                store: Arc::clone(&self.store),
                pending: Arc::clone(&self.pending),
                account,
                webhook: of.webhook.id,
                plugin: resolved.name.clone(),
                now: of.now,
                handle: Handle::current(),
            }),
        };
        Ok(chain::Link {
            name: resolved.name,
            plugin: resolved.plugin,
            config: link.config.to_string().into(),
            secrets: Arc::new(secrets),
            on_error: link.on_error,
            state,
        })
    }
}

/// The link by which a judge runs. Its configuration and secrets are those of its link in the chain, where it has one:
/// a target's plugin that makes the request also reads the answer.
fn link_of_judge(of: &Judging<'_>) -> Link {
    let links = &of.chain.webhook.settings.transform;
    let in_chain = links.iter().find(|link| name_of(&link.plugin) == name_of(of.judge));
    Link {
        plugin: of.judge.to_owned(),
        config: in_chain.map_or_else(|| serde_json::json!({}), |link| link.config.clone()),
        secrets: in_chain.map_or_else(Vec::new, |link| link.secrets.clone()),
        on_error: OnError::Retry,
    }
}

/// The plugin's name in a settings' `name` or `name@sha256`.
fn name_of(reference: &str) -> &str {
    reference.split('@').next().unwrap_or_default()
}

/// The end of a chain that could not even begin.
fn broken(plugin: &str, detail: &str) -> End {
    let broken = Broken {
        kind: "sandbox".to_owned(),
        detail: detail.to_owned(),
        code: None,
        retryable: Some(true),
        frames: Vec::new(),
    };
    End::Failed { plugin: plugin.to_owned(), broken }
}
