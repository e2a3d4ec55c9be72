//! Runs the plugins of one delivery: its webhook's chain when it is rendered, the judge of its answer afterwards.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{
    delivery::Delivery,
    encode::Unencoded,
    id::{AccountId, DeliveryId},
    outcome::Answer,
    plugin::{Broken, Decided, Run, StateChange},
    render::Scene,
    time::Timestamp,
    webhook::{Link, OnError, Webhook},
};
use leadhook_sandbox::{
    Delivery as Told, Judgement, Keep, Kv,
    chain::{self, End, Judged, Passed, Scratch, Stage},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{PluginError, Plugins, state::StateOf};

/// What a chain is run for.
pub(crate) struct ChainOf<'a> {
    pub(crate) webhook: &'a Webhook,
    pub(crate) told: Told,
    pub(crate) delivery: DeliveryId,
    pub(crate) now: Timestamp,
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
        let told = Told {
            id: delivery.id.to_string(),
            webhook: webhook.id.to_string(),
            site: delivery.lead.site.to_string(),
            trigger: delivery.trigger.word().to_owned(),
            occurred_at_ms: u64::try_from(delivery.occurred_at.0).unwrap_or(0),
            resend: false,
            sample: false,
            lead,
        };
        Self { webhook, told, delivery: delivery.id, now }
    }

    /// The chain of a probe: it is told so, and leaves no state behind.
    pub(crate) fn of_sample(webhook: &'a Webhook, scene: &Scene<'_>, lead: String) -> Self {
        let told = Told {
            id: scene.delivery.to_string(),
            webhook: webhook.id.to_string(),
            site: scene.site.id.to_string(),
            trigger: scene.trigger.word().to_owned(),
            occurred_at_ms: u64::try_from(scene.now.0).unwrap_or(0),
            resend: false,
            sample: true,
            lead,
        };
        Self { webhook, told, delivery: scene.delivery, now: scene.now }
    }

    fn seed(&self) -> u64 {
        // One more for each delivery is enough: the sandbox's generator spreads neighbours.
        self.delivery.serial.0 ^ self.delivery.lane.webhook.0
    }
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
        let (seed, now, told) = (of.seed(), of.now, of.told);
        let (is_sample, limits) = (told.sample, self.limits);
        let passing = spawn_blocking(move || {
            let (account, webhook) = (account.0.to_string(), told.webhook.clone());
            let keep = Some(Keep { account: &account, webhook: &webhook });
            let stage = Stage { delivery: &told, now, seed, limits, keep };
            chain::pass(&stage, &links, request)
        });
        let Passed { end, runs, changes } = match passing.await {
            Ok(passed) => passed,
            Err(error) => return (broken("chain", &error.to_string()), Outcomes::default()),
        };
        if is_sample {
            return (end, Outcomes { runs, changes: Vec::new() });
        }
        for run in &runs {
            let failed = matches!(run.decided, Decided::Broken(_));
            self.note_run((account, of.delivery.lane.webhook, run.plugin.clone()), failed, now);
        }
        self.pending.note(account, of.delivery, &changes);
        (end, Outcomes { runs, changes })
    }

    /// Asks the judging plugin what an answer means; `None` when it cannot say.
    pub(crate) async fn judge(self: &Arc<Self>, of: Judging<'_>) -> (Option<Judgement>, Outcomes) {
        let (account, webhook) = (of.chain.webhook.account, of.chain.webhook.id);
        let link = Link {
            plugin: of.judge.to_owned(),
            config: self.config_of_judge(&of),
            secrets: self.secrets_of_judge(&of),
            on_error: OnError::Retry,
        };
        let Ok(link) = self.link(&of.chain, &link).await else { return (None, Outcomes::default()) };
        let (seed, now, told, delivery) = (of.chain.seed(), of.chain.now, of.chain.told, of.chain.delivery);
        let (answer, elapsed_ms) = (of.answer.clone(), of.elapsed_ms);
        let (is_sample, limits) = (told.sample, self.limits);
        let judging = spawn_blocking(move || {
            let (account, webhook) = (account.0.to_string(), told.webhook.clone());
            let keep = Some(Keep { account: &account, webhook: &webhook });
            let stage = Stage { delivery: &told, now, seed, limits, keep };
            chain::judge(&stage, &link, &answer, elapsed_ms)
        });
        let Ok(Judged { judgement, run, changes }) = judging.await else {
            return (None, Outcomes::default());
        };
        if is_sample {
            return (judgement.ok(), Outcomes { runs: vec![run], changes: Vec::new() });
        }
        self.note_run((account, webhook, run.plugin.clone()), judgement.is_err(), now);
        self.pending.note(account, delivery, &changes);
        (judgement.ok(), Outcomes { runs: vec![run], changes })
    }

    /// Forgets what a delivery changed: it is durable now, or never will be.
    pub(crate) fn forget(&self, account: AccountId, delivery: DeliveryId, changes: &[StateChange]) {
        self.pending.forget(account, delivery, changes);
    }

    /// The judge's configuration is that of its link in the chain, where it has one: a target's plugin that makes
    /// the request also reads the answer.
    fn config_of_judge(&self, of: &Judging<'_>) -> serde_json::Value {
        link_of(of).map_or_else(|| serde_json::json!({}), |link| link.config.clone())
    }

    fn secrets_of_judge(&self, of: &Judging<'_>) -> Vec<String> {
        link_of(of).map_or_else(Vec::new, |link| link.secrets.clone())
    }

    /// The links of the webhook's chain, ready to run; an end where a link cannot be.
    async fn links(self: &Arc<Self>, of: &ChainOf<'_>) -> Result<Vec<chain::Link>, End> {
        let mut links = Vec::with_capacity(of.webhook.settings.transform.len());
        for link in &of.webhook.settings.transform {
            let name = link.plugin.split('@').next().unwrap_or_default();
            let key = (of.webhook.account, of.webhook.id, name.to_owned());
            match (self.paused_until(&key, of.now), link.on_error) {
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

fn link_of<'a>(of: &Judging<'a>) -> Option<&'a Link> {
    let name = |reference: &'a str| reference.split('@').next().unwrap_or_default();
    of.chain.webhook.settings.transform.iter().find(|link| name(&link.plugin) == name(of.judge))
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
