//! An engine over the real store, with a scripted handler and a clock moved by hand.

use std::{
    collections::VecDeque,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::{
    address::AddressPolicy,
    delivery::{Delivery, Request, StateName},
    event::Event,
    id::{AccountId, DeliveryId, SiteId, WebhookId},
    outcome::{Answer, BrokenKind, Outcome},
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::{Settings, Switch},
};
use leadhook_runtime::{
    Carrier, Collector, Engine, Parts, PluginParts,
    clock::{Clock, ManualClock},
    limits::Limits,
};
use leadhook_sandbox::Sandbox;
use leadhook_store::{
    Account, Receipt, Saved, Store,
    redb::{Options, RedbStore},
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// One request as the handler saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) request: Request,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The decoded pairs of the body.
    pub(crate) fn pair(&self, name: &str) -> Option<String> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&self.request.body).unwrap();
        pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// A handler that answers by a script, then 200; and can hold its answers back.
pub(crate) struct Handler {
    clock: Arc<ManualClock>,
    script: Mutex<VecDeque<Outcome>>,
    always: Mutex<Outcome>,
    seen: watch::Sender<Vec<Seen>>,
    open: watch::Sender<bool>,
    panics: AtomicBool,
}

#[async_trait]
impl Carrier for Handler {
    async fn carry(&self, request: &Request, headers: &[(String, String)], _timeout: Duration) -> Outcome {
        let seen = Seen { at: self.clock.now(), request: request.clone(), headers: headers.to_vec() };
        self.seen.send_modify(|all| all.push(seen));
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        assert!(!self.panics.swap(false, Ordering::Relaxed), "a carrier gone wrong");
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| self.always.lock().unwrap().clone())
    }
}

pub(crate) fn status(status: u16) -> Outcome {
    Outcome::Answered(Answer { status, ..Answer::default() })
}

pub(crate) fn refused() -> Outcome {
    Outcome::Broken { kind: BrokenKind::ConnectionRefused, detail: "refused".to_owned(), status: None }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) handler: Arc<Handler>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) limits: Limits,
    next_webhook: std::cell::Cell<u64>,
}

type Rows<K> = redb::TableDefinition<'static, K, &'static [u8]>;
const PLUGIN: Rows<(u32, &str)> = Rows::new("plugin");
const PLUGIN_VERSION: Rows<(u32, &str, &str)> = Rows::new("plugin_version");

pub(crate) const ACCOUNT: AccountId = AccountId::DEFAULT;
/// Where every webhook sends unless another URL is saved.
const URL: &str = "https://crm.example/hook";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let world = Self::on(tempfile::tempdir().unwrap(), start(), limits).await;
        world.set_up().await;
        world
    }

    /// The same over a store of the case's own.
    pub(crate) async fn over(store: RedbStore) -> Self {
        let world = Self::with_store(store, tempfile::tempdir().unwrap(), start(), Limits::default()).await;
        world.set_up().await;
        world
    }

    async fn set_up(&self) {
        let account = Account {
            id: ACCOUNT,
            name: "default".to_owned(),
            client_id_key: [1; 32],
            recording_key: [2; 32],
        };
        self.store().put_account(account).await.unwrap();
        self.site(json!({})).await;
    }

    /// An engine on a folder as it is.
    pub(crate) async fn on(folder: tempfile::TempDir, start: Timestamp, limits: Limits) -> Self {
        let store = RedbStore::open(folder.path(), Options::default()).unwrap();
        Self::with_store(store, folder, start, limits).await
    }

    async fn with_store(
        store: RedbStore,
        folder: tempfile::TempDir,
        start: Timestamp,
        limits: Limits,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(start));
        let handler = Arc::new(Handler {
            clock: Arc::clone(&clock),
            script: Mutex::default(),
            always: Mutex::new(status(200)),
            seen: watch::Sender::default(),
            open: watch::Sender::new(true),
            panics: AtomicBool::new(false),
        });
        let parts = parts(store, &handler, &clock, limits, plugins());
        let engine = Engine::start(parts).await.unwrap();
        Self { engine, clock, handler, folder, limits, next_webhook: std::cell::Cell::new(1) }
    }

    /// Stops the engine and starts another on the same folder.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(plugins(), None).await;
    }

    /// The same with an engine that tells traces.
    pub(crate) async fn restart_traced(&mut self, collector: Collector) {
        self.restart_with(plugins(), Some(collector)).await;
    }

    /// The same with another engine's plugins: none of them comes with it.
    pub(crate) async fn restart_without_bundled(&mut self) {
        self.restart_with(PluginParts { bundled: Vec::new(), ..plugins() }, None).await;
    }

    /// The same after every version of every plugin was lost.
    pub(crate) async fn restart_without_plugins_kept(&mut self) {
        self.engine.shutdown(Duration::from_secs(10)).await;
        let file = self.folder.path().join(leadhook_store::redb::FILE_NAME);
        let txn = redb::Database::open(file).unwrap().begin_write().unwrap();
        txn.open_table(PLUGIN).unwrap().retain(|_, _| false).unwrap();
        txn.open_table(PLUGIN_VERSION).unwrap().retain(|_, _| false).unwrap();
        txn.commit().unwrap();
        self.restart_without_bundled().await;
    }

    async fn restart_with(&mut self, plugins: PluginParts, collector: Option<Collector>) {
        self.engine.shutdown(Duration::from_secs(10)).await;
        let store = RedbStore::open(self.folder.path(), Options::default()).unwrap();
        let parts = parts(store, &self.handler, &self.clock, self.limits, plugins);
        self.engine = Engine::start(Parts { collector, ..parts }).await.unwrap();
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.engine.store()
    }

    /// An active webhook with these settings; its URL unless given.
    pub(crate) async fn webhook(&self, settings: Value) -> WebhookId {
        let id = WebhookId(self.next_webhook.replace(self.next_webhook.get() + 1));
        self.store().create_webhook(ACCOUNT, id, parse(URL, settings), self.clock.now()).await.unwrap();
        self.engine.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap().unwrap();
        id
    }

    /// Uploads a script.
    pub(crate) async fn script(&self, name: &str, source: &str) {
        let plugins = self.engine.plugins().unwrap();
        plugins.upload(ACCOUNT, name, source.as_bytes().to_vec(), self.clock.now()).await.unwrap();
    }

    /// Saves the site of all calls with these settings.
    pub(crate) async fn site(&self, settings: Value) {
        let site = Site::parse(SiteId::new("60001").unwrap(), 1, &settings).unwrap();
        self.store().put_site(ACCOUNT, site, self.clock.now()).await.unwrap();
    }

    pub(crate) async fn save(&self, id: WebhookId, settings: Value) {
        self.save_at(id, URL, settings).await;
    }

    /// Saves settings with another URL.
    pub(crate) async fn save_at(&self, id: WebhookId, url: &str, settings: Value) {
        let saved = self.engine.save_webhook(ACCOUNT, id, parse(url, settings), None).await.unwrap();
        assert!(matches!(saved, Saved::Saved(_)));
    }

    /// Posts one event about a call and answers what it made owed.
    pub(crate) async fn post(&self, kind: &str, call: &str, facts: Value) -> Vec<DeliveryId> {
        self.receipt(kind, call, facts).await.deliveries
    }

    pub(crate) async fn receipt(&self, kind: &str, call: &str, facts: Value) -> Receipt {
        let event = Event::parse(&json!({
            "type": kind, "site": "60001", "lead": {"type": "call", "id": call},
            "time": self.clock.now().to_rfc3339(), "data": facts,
        }));
        let answers = self.engine.accept(ACCOUNT, vec![event.unwrap()]).await.unwrap();
        answers.into_iter().next().unwrap().unwrap()
    }

    pub(crate) async fn call(&self, call: &str) -> DeliveryId {
        self.post("call.ended", call, json!({"duration": 40, "callerphone": "79990000012"})).await[0]
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store().delivery(ACCOUNT, id).await.unwrap().unwrap().delivery
    }

    /// Waits until nothing of the delivery is under way and it stands in this state.
    pub(crate) async fn stands(&self, id: DeliveryId, state: StateName) -> Delivery {
        self.stands_while(id, state, 0).await
    }

    /// Like [`World::stands`], with the clock going on by 10 ms at each look: for what falls due a short time after
    /// something else, so that nobody can say from outside how far to move the clock, or when.
    pub(crate) async fn stands_as_time_passes(&self, id: DeliveryId, state: StateName) -> Delivery {
        self.stands_while(id, state, 10).await
    }

    async fn stands_while(&self, id: DeliveryId, state: StateName, step_ms: i64) -> Delivery {
        for _ in 0..20_000 {
            let shown = self.store().delivery(ACCOUNT, id).await.unwrap().unwrap();
            if !shown.sending && shown.delivery.state.name() == state {
                return shown.delivery;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.clock.advance(step_ms);
        }
        let delivery = self.delivery(id).await;
        panic!("{id} is not {state} but {:?} after {:?}", delivery.state, delivery.attempts.last());
    }

    /// Moves the clock to the time at which a waiting delivery falls due.
    pub(crate) async fn advance_to_due(&self, id: DeliveryId) {
        let due = self.delivery(id).await.state.due().unwrap();
        self.clock.advance((due.0 - self.clock.now().0).max(0));
    }
}

impl Handler {
    pub(crate) fn answers(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.script.lock().unwrap().extend(outcomes);
    }

    pub(crate) fn always_answers(&self, outcome: Outcome) {
        *self.always.lock().unwrap() = outcome;
    }

    /// Has the next sending end in a panic.
    pub(crate) fn panics_once(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    pub(crate) fn hold(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn let_go(&self) {
        self.open.send_replace(true);
    }

    /// Waits until this many requests were seen, and answers all.
    pub(crate) async fn seen(&self, count: usize) -> Vec<Seen> {
        let mut changes = self.seen.subscribe();
        let waited =
            tokio::time::timeout(Duration::from_secs(20), changes.wait_for(|all| all.len() >= count)).await;
        assert!(waited.is_ok(), "{} of {count} requests came", self.count());
        self.seen.borrow().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.borrow().len()
    }
}

fn start() -> Timestamp {
    Timestamp::from_rfc3339("2026-03-02T10:00:00Z").unwrap()
}

fn parts(
    store: RedbStore,
    handler: &Arc<Handler>,
    clock: &Arc<ManualClock>,
    limits: Limits,
    plugins: PluginParts,
) -> Parts {
    Parts {
        store: Arc::new(store),
        carrier: Arc::clone(handler) as Arc<dyn Carrier>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        limits: Limits { plugin: leadhook_sandbox::Limits::MAX, ..limits },
        plugins: Some(plugins),
        public_url: Some("https://hooks.example".to_owned()),
        cities: None,
        collector: None,
    }
}

/// One sandbox for all tests of this process; the tests of all processes share what is compiled.
pub(crate) fn plugins() -> PluginParts {
    static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
        let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
        Sandbox::new(leadhook_sandbox::Options { cache: Some(cache), ..Default::default() }).unwrap()
    });
    let bundled = leadhook_bundled::all().iter().map(|plugin| (plugin.name, plugin.wasm)).collect();
    PluginParts { sandbox: SANDBOX.clone(), runner: leadhook_bundled::RHAI_RUNNER, bundled }
}

fn parse(url: &str, mut settings: Value) -> Settings {
    settings["url"] = json!(url);
    Settings::parse(&settings, &Known { addresses: &AddressPolicy::default(), account: None }).unwrap()
}
