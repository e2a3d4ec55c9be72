//! The stage of the demonstration: a real engine on a temporary folder, a receiver on loopback, a clock moved by hand.

use std::{
    collections::HashMap,
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::http::StatusCode;
use leadhook_core::{
    address::AddressPolicy,
    delivery::Delivery,
    event::Event,
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::{Settings, SigningSecret},
};
use leadhook_courier::{Courier, CourierSettings};
use leadhook_runtime::{
    Activation, Engine, Parts,
    clock::{Clock as _, ManualClock, SystemClock},
    limits::Limits,
};
use leadhook_sandbox::{Limits as PluginLimits, Options, Sandbox};
use leadhook_store::{
    Account, Store,
    query::{DeliveryQuery, LIMIT_MAX},
    redb::{self, RedbStore},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    checks::Check,
    script::{self, Role},
};
use crate::{
    cli::{
        received::Received,
        receiver::{Answer, Receiver},
    },
    serve::plugin_parts,
};

const ACCOUNT: AccountId = AccountId::DEFAULT;
/// How often it is looked whether the engine has come to rest.
const LOOK: Duration = Duration::from_millis(3);
/// How long the engine may take to end.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Everything that runs.
pub(super) struct Stage {
    engine: Engine,
    clock: Arc<ManualClock>,
    receiver: Receiver,
    folder: TempDir,
    webhooks: HashMap<WebhookId, Role>,
    received: Vec<Received>,
    /// What the signed webhooks are signed with.
    pub(super) secrets: Vec<SigningSecret>,
}

/// An event that was accepted.
pub(super) struct Posted {
    /// Its type.
    pub(super) kind: String,
    /// Its lead.
    pub(super) lead: String,
    /// How many deliveries it made owed.
    pub(super) deliveries: usize,
}

impl Stage {
    /// Starts everything; nothing is sent yet.
    pub(super) async fn set() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("leadhook-demo-")
            .tempdir()
            .context("no temporary folder can be made")?;
        let receiver = Receiver::start(0, answers()).await?;
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), redb::Options::default())?);
        store.put_account(account()).await?;
        let courier = CourierSettings { addresses: loopback(), ..CourierSettings::default() };
        // A machine that is busy with something else must not look like a plugin that is too slow.
        let plugin = PluginLimits { deadline_ms: PluginLimits::MAX.deadline_ms, ..PluginLimits::DEFAULT };
        let engine = Engine::start(Parts {
            store,
            carrier: Arc::new(Courier::new(courier)?),
            clock: clock.clone(),
            limits: Limits { plugin, ..Limits::default() },
            plugins: Some(plugin_parts(Sandbox::new(Options::default())?)),
            public_url: None,
            cities: None,
            collector: None,
        })
        .await?;
        let secrets = SigningSecret::parse(script::SECRET).into_iter().collect();
        let mut stage =
            Self { engine, clock, receiver, folder, webhooks: HashMap::new(), received: Vec::new(), secrets };
        stage.furnish().await?;
        Ok(stage)
    }

    /// The site and the webhooks, switched off as new ones are.
    async fn furnish(&mut self) -> anyhow::Result<()> {
        let id = SiteId::new(script::SITE_ID).context("the site's id is none")?;
        let site = Site::parse(id, 1, &serde_json::from_str(script::SITE)?)?;
        let store = self.engine.store();
        store.put_site(ACCOUNT, site, self.engine.now()).await?;
        let addresses = loopback();
        let known = Known { addresses: &addresses, account: None };
        for role in Role::ALL {
            let settings = Settings::parse(&role.settings(&self.base_url()), &known)?;
            let id = WebhookId(rand::random());
            store.create_webhook(ACCOUNT, id, settings, self.engine.now()).await?;
            self.webhooks.insert(id, role);
        }
        Ok(())
    }

    /// Switches the webhooks on, each after its probe.
    pub(super) async fn activate(&mut self) -> anyhow::Result<()> {
        for (id, role) in &self.webhooks {
            match self.engine.activate(ACCOUNT, *id, false).await? {
                Activation::On { .. } => {}
                Activation::Refused { outcome, .. } => {
                    bail!("the webhook {} was not switched on: {}", role.name(), outcome.summary())
                }
                Activation::Unknown => bail!("the webhook {} was not found", role.name()),
            }
        }
        Ok(())
    }

    /// Posts a file's events, in order.
    pub(super) async fn post(&self, file: &str, text: &str) -> anyhow::Result<Vec<Posted>> {
        let values: Vec<Value> = serde_json::from_str(text).with_context(|| format!("in {file}"))?;
        let events = values.iter().map(Event::parse).collect::<Result<Vec<_>, _>>();
        let events = events.with_context(|| format!("in {file}"))?;
        let named: Vec<_> = events.iter().map(|event| (event.kind, event.lead.clone())).collect();
        let answers = self.engine.accept(ACCOUNT, events).await?;
        let mut posted = Vec::with_capacity(answers.len());
        for (answer, (kind, lead)) in answers.into_iter().zip(named) {
            let receipt = answer.with_context(|| format!("in {file}"))?;
            posted.push(Posted {
                kind: kind.to_string(),
                lead: format!("{} {}", lead.kind, lead.id),
                deliveries: receipt.deliveries.len(),
            });
        }
        Ok(posted)
    }

    /// Waits until nothing is being sent and nothing is due by the stage's clock.
    pub(super) async fn come_to_rest(&mut self) -> anyhow::Result<()> {
        while !self.is_at_rest().await? {
            while let Some(received) = self.receiver.arrived() {
                self.received.push(received);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn is_at_rest(&self) -> anyhow::Result<bool> {
        let now = self.engine.now();
        let page = self.engine.store().deliveries(ACCOUNT, everything()).await?;
        let mut heads: HashMap<Lane, (DeliveryId, Timestamp)> = HashMap::new();
        for shown in &page.rows {
            let Some(due) = shown.delivery.state.due() else { continue };
            if shown.sending {
                return Ok(false);
            }
            let id = shown.delivery.id;
            let head = heads.entry(id.lane).or_insert((id, due));
            *head = (*head).min((id, due));
        }
        Ok(heads.values().all(|(_, due)| *due > now))
    }

    /// What arrived since it was last asked.
    pub(super) fn collect(&mut self) -> Vec<Received> {
        let mut received = std::mem::take(&mut self.received);
        received.extend(std::iter::from_fn(|| self.receiver.arrived()));
        received
    }

    /// Every delivery, the oldest first.
    pub(super) async fn deliveries(&self) -> anyhow::Result<Vec<Delivery>> {
        let page = self.engine.store().deliveries(ACCOUNT, everything()).await?;
        let mut deliveries: Vec<_> = page.rows.into_iter().map(|shown| shown.delivery).collect();
        deliveries.sort_by_key(|delivery| delivery.id.serial);
        Ok(deliveries)
    }

    /// Moves the clock; answers by how many milliseconds.
    pub(super) fn move_clock_to(&self, time: Timestamp) -> i64 {
        let milliseconds = time.0.saturating_sub(self.clock.now().0).max(0);
        self.clock.advance(milliseconds);
        milliseconds
    }

    /// The time by the stage's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where the receiver listens.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.receiver.address)
    }

    /// Where the engine keeps everything.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Which webhook this is.
    pub(super) fn role(&self, id: WebhookId) -> Option<Role> {
        self.webhooks.get(&id).copied()
    }

    /// Ends everything, and looks whether anything is left.
    pub(super) async fn clear(self) -> Check {
        let (address, folder) = (self.receiver.address, self.folder());
        self.engine.shutdown(SHUTDOWN).await;
        self.receiver.stop().await;
        let removed = self.folder.close();
        let says = "nothing is left behind: no folder, nothing that listens";
        Check::that(says, || {
            if let Err(error) = removed {
                return Some(format!("{} was not removed: {error}", folder.display()));
            }
            TcpStream::connect(address).is_ok().then(|| format!("{address} still listens"))
        })
    }
}

fn everything() -> DeliveryQuery {
    DeliveryQuery { limit: LIMIT_MAX, ..DeliveryQuery::default() }
}

fn account() -> Account {
    Account {
        id: ACCOUNT,
        name: "demo".to_owned(),
        client_id_key: rand::random(),
        recording_key: rand::random(),
    }
}

/// The engine of the demonstration sends to this machine only by what is allowed here.
fn loopback() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.1/32".parse().expect("one address is a block")])
}

/// 200 to all, but 503 to the bot's first lead.
fn answers() -> Answer {
    let failed = AtomicBool::new(false);
    Box::new(move |received: &Received| {
        let is_bots_lead = received.path == Role::Bot.path() && !received.is_test();
        match is_bots_lead && !failed.swap(true, Ordering::Relaxed) {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::OK,
        }
    })
}
