//! The engine as its surfaces see it: events in, commands by hand, start and shutdown.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use leadhook_core::{
    accept::Refusal,
    delivery::Request,
    event::Event,
    id::{AccountId, DeliveryId, WebhookId},
    outcome::Outcome,
    parameter::Keys,
    relay::Relayed,
    time::Timestamp,
    webhook::{Settings, Switch, Webhook},
};
use leadhook_courier::Courier;
use leadhook_store::{ByHand, Receipt, Result, Saved, Store, StoreError, carried};
use prometheus::Registry;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    cities::Cities,
    clock::Clock,
    dispatch::{Dispatcher, Signal},
    erasures::{self, Erasures},
    keys::KeyRing,
    limits::{Changeable, Limits},
    metrics::Metrics,
    operations::OperationsSet,
    plugins::{PluginParts, Plugins},
    resends::{self, Resends},
    spans::{Collector, Spans},
};

/// Takes one request to its handler; the courier in service, something scripted in tests.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Sends it with these further headers, and answers within `timeout` whatever the peer does.
    async fn carry(&self, request: &Request, headers: &[(String, String)], timeout: Duration) -> Outcome;
}

#[async_trait]
impl Carrier for Courier {
    async fn carry(&self, request: &Request, headers: &[(String, String)], timeout: Duration) -> Outcome {
        self.send(request, headers, timeout).await
    }
}

/// What an engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What sends.
    pub carrier: Arc<dyn Carrier>,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// How much is done at one time.
    pub limits: Limits,
    /// What runs plugins; without it a webhook with a chain sends nothing.
    pub plugins: Option<PluginParts>,
    /// Where this engine can be reached from outside, for recording links; without it none are sent.
    pub public_url: Option<String>,
    /// What knows cities by address; without it a lead has the cities that are stated.
    pub cities: Option<Arc<dyn Cities>>,
    /// Where traces of events and deliveries go; without it none are made.
    pub collector: Option<Collector>,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What the surfaces, the dispatcher and the deliveries under way have in common.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) clock: Arc<dyn Clock>,
    limits: RwLock<Limits>,
    pub(crate) keys: KeyRing,
    pub(crate) cities: Option<Arc<dyn Cities>>,
    pub(crate) plugins: Option<Arc<Plugins>>,
    pub(crate) resends: Resends,
    pub(crate) erasures: Erasures,
    pub(crate) operations: OperationsSet,
    pub(crate) metrics: Metrics,
    pub(crate) spans: Spans,
    pub(crate) signals: mpsc::UnboundedSender<Signal>,
    stop: CancellationToken,
    dispatcher: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(crate) fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Starts the dispatcher on what the store owes. Fails when the store cannot be read.
    pub async fn start(parts: Parts) -> Result<Self> {
        // Unbounded, yet bounded: at most one signal per event whose acceptance is awaited, per
        // delivery in flight and per command by hand, each of which is limited where it begins.
        let (signals, received) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            plugins: parts.plugins.map(|plugins| {
                Arc::new(Plugins::new(plugins, Arc::clone(&parts.store), parts.limits.plugin))
            }),
            resends: Resends::default(),
            erasures: Erasures::default(),
            operations: OperationsSet::default(),
            metrics: Metrics::default(),
            spans: Spans::start(parts.collector),
            keys: KeyRing::new(Arc::clone(&parts.store), parts.public_url),
            cities: parts.cities,
            store: parts.store,
            carrier: parts.carrier,
            clock: parts.clock,
            limits: RwLock::new(parts.limits),
            signals,
            stop: stop.clone(),
            dispatcher: std::sync::Mutex::new(None),
        });
        resends::resume(&shared).await?;
        erasures::resume(&shared).await?;
        let dispatcher = Dispatcher::open(Arc::clone(&shared), received, stop).await?;
        let running = tokio::spawn(dispatcher.run());
        if let Ok(mut slot) = shared.dispatcher.lock() {
            *slot = Some(running);
        }
        Ok(Self { shared })
    }

    /// The store, for what needs no engine: sites, lists, single rows.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The time by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The account's keys for rendering, as previews need them.
    pub async fn keys(&self, account: AccountId) -> Result<Arc<Keys>> {
        self.shared.keys.of(account).await
    }

    /// Adds what the engine counts to those who are asked for metrics. Fails where the same was added before.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.shared.metrics.register(registry)?;
        self.shared.spans.register(registry)?;
        self.plugins().map_or(Ok(()), |plugins| plugins.register(registry))
    }

    /// Whether deliveries are claimed and sent: not after a shutdown, nor where the dispatcher came to a bad end.
    pub fn is_dispatching(&self) -> bool {
        let running = self.shared.dispatcher.lock();
        running.is_ok_and(|running| running.as_ref().is_some_and(|running| !running.is_finished()))
    }

    /// The plugins of every account; `None` where this engine runs none.
    pub fn plugins(&self) -> Option<&Arc<Plugins>> {
        self.shared.plugins.as_ref()
    }

    /// From now on these limits of what may change at run time: when a webhook is switched off, how long things are kept, and
    /// what a call of a plugin may use. Calls that have begun keep theirs.
    pub fn change_limits(&self, limits: Changeable) {
        let Changeable { switch_off_after_days, retention, plugin } = limits;
        let mut now = self.shared.limits.write().unwrap_or_else(PoisonError::into_inner);
        *now = Limits { switch_off_after_days, retention, plugin, ..*now };
        drop(now);
        if let Some(plugins) = self.plugins() {
            plugins.change_limits(plugin);
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Accepts events in order, and wakes the dispatcher for what they make owed. When this answers
    /// `Ok`, every receipt in it is durable.
    pub async fn accept(
        &self,
        account: AccountId,
        mut events: Vec<Event>,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>> {
        self.find_cities(&mut events);
        let shared = Arc::clone(&self.shared);
        let span = shared.spans.begin(shared.clock.now());
        carry_through(async move {
            let answers = shared.store.accept(account, events, shared.clock.now()).await;
            let answers = shared.unless_in_doubt(answers)?;
            shared.spans.accepted(span, account, &answers);
            shared.wake_for(account, &answers);
            Ok(answers)
        })
        .await
    }

    /// Accepts a relayed webhook, and wakes the dispatcher as [`Engine::accept`] does; see [`Store::relay`].
    pub async fn relay(
        &self,
        account: AccountId,
        mut webhook: Relayed,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>> {
        if let Some(cities) = &self.shared.cities {
            webhook.find_cities(|address| cities.city_of(address.parse().ok()?));
        }
        let shared = Arc::clone(&self.shared);
        let span = shared.spans.begin(shared.clock.now());
        carry_through(async move {
            let answers = shared.store.relay(account, webhook, shared.clock.now()).await;
            let answers = shared.unless_in_doubt(answers)?;
            shared.spans.accepted(span, account, &answers);
            shared.wake_for(account, &answers);
            Ok(answers)
        })
        .await
    }

    /// Saves a webhook's settings; see [`Store::save_webhook`].
    pub async fn save_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        expected: Option<u32>,
    ) -> Result<Saved> {
        let shared = Arc::clone(&self.shared);
        carry_through(async move {
            let now = shared.clock.now();
            let saved = shared.store.save_webhook(account, id, settings, expected, now).await;
            let saved = shared.unless_in_doubt(saved)?;
            if let Saved::Saved(webhook) = &saved {
                shared.changed(webhook);
            }
            Ok(saved)
        })
        .await
    }

    /// Switches a webhook on, off, or deletes it; `None` when there is none.
    pub async fn switch_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        switch: Switch,
    ) -> Result<Option<Arc<Webhook>>> {
        let shared = Arc::clone(&self.shared);
        carry_through(async move {
            let webhook = shared.store.switch_webhook(account, id, switch).await;
            let webhook = shared.unless_in_doubt(webhook)?;
            if let Some(webhook) = &webhook {
                shared.changed(webhook);
            }
            Ok(webhook)
        })
        .await
    }

    /// Makes a waiting delivery due now, or sends one again that has ended; see [`Store::send_now`].
    pub async fn send_now(&self, account: AccountId, id: DeliveryId) -> Result<ByHand> {
        let shared = Arc::clone(&self.shared);
        carry_through(async move {
            let done = shared.store.send_now(account, id, shared.clock.now()).await;
            let done = shared.unless_in_doubt(done)?;
            if let ByHand::Done { due: Some(due) } | ByHand::SentAgain { due, .. } = done {
                shared.signal(Signal::Wake { key: (account, id.lane.webhook), due });
            }
            Ok(done)
        })
        .await
    }

    /// Cancels a waiting delivery; see [`Store::cancel`].
    pub async fn cancel(&self, account: AccountId, id: DeliveryId) -> Result<ByHand> {
        let shared = Arc::clone(&self.shared);
        carry_through(async move {
            let now = shared.clock.now();
            let done = shared.store.cancel(account, id, "cancelled by hand".to_owned(), now).await;
            let done = shared.unless_in_doubt(done)?;
            // The next of its lane may be due already.
            if let ByHand::Done { due: Some(due) } = done {
                shared.signal(Signal::Wake { key: (account, id.lane.webhook), due });
            }
            shared.resends.touch((account, id.lane.webhook));
            Ok(done)
        })
        .await
    }

    /// Claims nothing more, gives what is under way until `deadline` to end, then spans to be told, and closes the store.
    /// What does not end in time is sent again, under the same id, after the next start.
    pub async fn shutdown(&self, deadline: Duration) {
        let began = Instant::now();
        self.shared.stop.cancel();
        let running = self.shared.dispatcher.lock().ok().and_then(|mut slot| slot.take());
        if let Some(mut running) = running
            && tokio::time::timeout(deadline, &mut running).await.is_err()
        {
            tracing::warn!(
                "deliveries still under way at the deadline are abandoned; they are sent again after the next start"
            );
            running.abort();
        }
        self.shared.spans.close(deadline.saturating_sub(began.elapsed())).await;
        self.shared.store.close().await;
    }
}

/// Runs a command to its end even when whoever asked goes away: a client that disconnects between the commit
/// and the signal must not leave the dispatcher asleep on what is owed.
pub(crate) async fn carry_through<T: Send + 'static>(
    command: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(carried(command)).await {
        Ok(done) => done,
        Err(error) => Err(StoreError::Unavailable(format!("the command did not end: {error}"))),
    }
}

impl Shared {
    /// Tells the dispatcher; once it has ended nobody need be told.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = self.signals.send(signal);
    }

    /// The answer of a command that makes something owed. Where the storage failed meanwhile it may be stored all the same,
    /// and whoever asks again is told what was made then, not that it waits: so the dispatcher looks for itself.
    pub(crate) fn unless_in_doubt<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            self.signal(Signal::InDoubt);
        }
        answer
    }

    /// Wakes the dispatcher for what accepted events made owed.
    fn wake_for(&self, account: AccountId, answers: &[std::result::Result<Receipt, Refusal>]) {
        let accepted = answers.iter().flatten().count();
        self.metrics.answered(accepted, answers.len() - accepted);
        for (webhook, due) in answers.iter().flatten().flat_map(|receipt| &receipt.wake) {
            self.signal(Signal::Wake { key: (account, *webhook), due: *due });
        }
    }

    pub(crate) fn changed(&self, webhook: &Webhook) {
        let key = (webhook.account, webhook.id);
        self.signal(Signal::Changed { key, rate: webhook.settings.rate });
        if webhook.is_on() {
            // What waited for it to be switched on is due.
            self.signal(Signal::Wake { key, due: self.clock.now() });
        }
        self.resends.touch(key);
    }
}
