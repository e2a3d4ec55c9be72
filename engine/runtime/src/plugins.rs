//! The plugins of every account, ready to run: the bundled ones, and uploads as they are asked for.

mod breakers;
mod run;
mod state;

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
    thread::available_parallelism,
};

use leadhook_core::{
    account::quotas::Quotas,
    id::AccountId,
    plugin::{Exports, PluginKind, PluginVersion},
    time::Timestamp,
};
use leadhook_sandbox::{Limits, Plugin, Refusal, Runner, Sandbox, SandboxError};
use leadhook_store::{KnownPlugin, Store, StoreError, Upload};
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

use breakers::Breakers;
pub(crate) use run::{ChainOf, Judging, Outcomes};
use state::Pending;

use crate::metrics::PluginMetrics;

/// What runs plugins, and which come with the engine.
pub struct PluginParts {
    /// Where they run.
    pub sandbox: Sandbox,
    /// The wasm that runs scripts.
    pub runner: &'static [u8],
    /// Plugins that every account has, by name.
    pub bundled: Vec<(&'static str, &'static [u8])>,
}

/// The most versions that are held ready at one time; the rest are loaded again, from the compile cache.
const READY_MAX: usize = 256;

/// The plugins of every account.
pub struct Plugins {
    store: Arc<dyn Store>,
    sandbox: Sandbox,
    runner_wasm: &'static [u8],
    runner: OnceLock<Runner>,
    bundled: BTreeMap<&'static str, &'static [u8]>,
    bundled_versions: OnceLock<BTreeMap<&'static str, PluginVersion>>,
    ready: Mutex<HashMap<VersionKey, Plugin>>,
    breakers: Breakers,
    pending: Arc<Pending>,
    /// One permit for each chain that runs.
    places: Arc<Semaphore>,
    limits: RwLock<Limits>,
    metrics: PluginMetrics,
}

/// Whose it is, its name and its SHA-256: what one account made ready is no other's.
type VersionKey = (AccountId, String, String);

/// One version of a plugin, ready to run.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The plugin's name.
    pub name: String,
    /// The version's SHA-256 in hex.
    pub sha256: String,
    /// What runs.
    pub plugin: Plugin,
}

/// Why a plugin could not be made ready or taken in.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is no such plugin, or no such version of it.
    #[error("there is no plugin `{0}`")]
    Unknown(String),
    /// The upload is at fault.
    #[error(transparent)]
    Refused(Refusal),
    /// The sandbox could not do its part.
    #[error("the sandbox cannot make the plugin ready")]
    Sandbox(#[source] SandboxError),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that loads ended early.
    #[error("loading the plugin broke off")]
    Load(#[source] JoinError),
}

impl From<SandboxError> for PluginError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Refused(refusal) => Self::Refused(refusal),
            other => Self::Sandbox(other),
        }
    }
}

type Result<T> = std::result::Result<T, PluginError>;

impl Plugins {
    /// The plugins over this store; each of their calls may use as much as the limits say.
    pub fn new(parts: PluginParts, store: Arc<dyn Store>, limits: Limits) -> Self {
        Self {
            store,
            sandbox: parts.sandbox,
            runner_wasm: parts.runner,
            runner: OnceLock::new(),
            bundled: parts.bundled.into_iter().collect(),
            bundled_versions: OnceLock::new(),
            ready: Mutex::default(),
            breakers: Breakers::default(),
            pending: Arc::default(),
            places: Arc::new(Semaphore::new(places())),
            limits: RwLock::new(limits),
            metrics: PluginMetrics::default(),
        }
    }

    /// As [`Engine::register`](crate::Engine::register).
    pub(crate) fn register(&self, registry: &prometheus::Registry) -> prometheus::Result<()> {
        self.metrics.register(registry)
    }

    /// What holds for accounts that the operator gave nothing else.
    pub(super) fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What one call of an account's plugins may use: what the operator gave the account, else what holds for all.
    pub async fn limits_of(&self, account: AccountId) -> Result<Limits> {
        let known = self.store.known_account(account).await?;
        let limits = self.limits();
        Ok(known.map_or(limits, |known| given(&known.terms.quotas, limits)))
    }

    /// The versions of the plugins that every account has, by name.
    pub fn bundled(&self) -> &BTreeMap<&'static str, PluginVersion> {
        self.bundled_versions.get_or_init(|| {
            let version = |(name, wasm): (&&'static str, &&'static [u8])| {
                let inspected = self.sandbox.check(wasm).ok()?;
                let exports = exports(inspected.exports);
                Some((
                    *name,
                    version(name, inspected.hash, PluginKind::Wasm, exports, wasm.len(), Timestamp(0)),
                ))
            };
            self.bundled.iter().filter_map(version).collect()
        })
    }

    /// What each plugin of the account has functions for, the bundled ones among them; an own one goes before a
    /// bundled one of its name.
    pub async fn known(&self, account: AccountId) -> Result<BTreeMap<String, Exports>> {
        let bundled = self.bundled().iter().map(|(name, version)| ((*name).to_owned(), version.exports));
        let mut known: BTreeMap<String, Exports> = bundled.collect();
        for KnownPlugin { current, .. } in self.store.plugins(account).await? {
            known.insert(current.name, current.exports);
        }
        Ok(known)
    }

    /// Checks and compiles an upload, stores it and makes it the current version. What begins with the magic of
    /// wasm is wasm, other text a script.
    pub async fn upload(
        self: &Arc<Self>,
        account: AccountId,
        name: &str,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<KnownPlugin> {
        let this = Arc::clone(self);
        let loaded = spawn_blocking(move || this.load(&bytes).map(|loaded| (loaded, bytes))).await;
        let ((plugin, kind), bytes) = loaded.map_err(PluginError::Load)??;
        let version =
            version(name, plugin.hash().to_owned(), kind, exports(plugin.exports()), bytes.len(), now);
        self.keep_ready((account, name.to_owned(), version.sha256.clone()), plugin);
        Ok(self.store.put_plugin(account, Upload { version, bytes }).await?)
    }

    /// The version that a settings' `name` or `name@sha256` means now, ready to run.
    pub async fn resolve(self: &Arc<Self>, account: AccountId, reference: &str) -> Result<Resolved> {
        let (name, pinned) = match reference.split_once('@') {
            Some((name, sha256)) => (name, Some(sha256)),
            None => (reference, None),
        };
        let own = match pinned {
            Some(_) => None,
            None => self.store.plugins(account).await?.into_iter().find(|known| known.current.name == name),
        };
        let bundled =
            || self.bundled().get(name).filter(|version| pinned.is_none_or(|sha| sha == version.sha256));
        let sha256 = match (pinned, own) {
            (Some(sha256), _) => sha256.to_owned(),
            (None, Some(own)) => own.current.sha256,
            (None, None) => match bundled() {
                Some(version) => version.sha256.clone(),
                None => return Err(PluginError::Unknown(reference.to_owned())),
            },
        };
        let key = (account, name.to_owned(), sha256);
        if let Some(plugin) = self.ready(&key) {
            return Ok(resolved(key, plugin));
        }
        let bytes = match self.store.plugin(account, name, Some(&key.2)).await? {
            Some(upload) => upload.bytes,
            None => match bundled() {
                Some(version) => self.kept(version).await?,
                None => match self.store.plugin(AccountId::ENGINE, name, Some(&key.2)).await? {
                    Some(of_earlier_engine) => of_earlier_engine.bytes,
                    None => return Err(PluginError::Unknown(reference.to_owned())),
                },
            },
        };
        let this = Arc::clone(self);
        let loaded = spawn_blocking(move || this.load(&bytes)).await.map_err(PluginError::Load)?;
        let (plugin, _) = loaded?;
        self.keep_ready(key.clone(), plugin.clone());
        Ok(resolved(key, plugin))
    }

    /// The bytes of a plugin that comes with the engine. They are stored before they first run, so that a later engine,
    /// with which another version comes, can still repeat what this one did.
    async fn kept(&self, version: &PluginVersion) -> Result<Vec<u8>> {
        let name = version.name.as_str();
        let bytes = self.bundled[name].to_vec();
        let stored = self.store.plugin_versions(AccountId::ENGINE, name).await?;
        if stored.iter().all(|one| one.sha256 != version.sha256) {
            let upload = Upload { version: version.clone(), bytes: bytes.clone() };
            self.store.put_plugin(AccountId::ENGINE, upload).await?;
        }
        Ok(bytes)
    }

    fn load(&self, bytes: &[u8]) -> Result<(Plugin, PluginKind)> {
        if bytes.starts_with(b"\0asm") {
            return Ok((self.sandbox.load(bytes)?, PluginKind::Wasm));
        }
        let source = std::str::from_utf8(bytes).map_err(|_| {
            let detail = "it is neither WebAssembly nor a script in UTF-8".to_owned();
            PluginError::Refused(Refusal::NotAPlugin { detail })
        })?;
        let runner = match self.runner.get() {
            Some(runner) => runner.clone(),
            None => {
                let loaded = self.sandbox.load_runner(self.runner_wasm)?;
                self.runner.get_or_init(|| loaded).clone()
            }
        };
        Ok((self.sandbox.load_script(&runner, source)?, PluginKind::Script))
    }

    fn ready(&self, key: &VersionKey) -> Option<Plugin> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep_ready(&self, key: VersionKey, plugin: Plugin) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        ready.insert(key, plugin);
    }
}

/// These limits with those in their place that an account's quotas name.
fn given(quotas: &Quotas, limits: Limits) -> Limits {
    let in_place =
        |quota: Option<u32>, unit: u64, limit: u64| quota.map_or(limit, |quota| u64::from(quota) * unit);
    let exchange = |limit| in_place(quotas.plugin_exchange_kib, 1 << 10, limit);
    Limits {
        fuel: in_place(quotas.plugin_fuel_millions, 1_000_000, limits.fuel),
        deadline_ms: in_place(quotas.plugin_deadline_ms, 1, limits.deadline_ms),
        memory_bytes: in_place(quotas.plugin_memory_mib, 1 << 20, limits.memory_bytes),
        input_bytes: exchange(limits.input_bytes),
        output_bytes: exchange(limits.output_bytes),
    }
    .bounded()
}

/// Two chains for each processor, since one may wait for its state.
fn places() -> usize {
    2 * available_parallelism().map_or(1, NonZeroUsize::get)
}

fn resolved((_, name, sha256): VersionKey, plugin: Plugin) -> Resolved {
    Resolved { name, sha256, plugin }
}

fn version(
    name: &str,
    sha256: String,
    kind: PluginKind,
    exports: Exports,
    bytes: usize,
    uploaded_at: Timestamp,
) -> PluginVersion {
    PluginVersion { name: name.to_owned(), sha256, kind, exports, bytes: bytes as u64, uploaded_at }
}

fn exports(found: leadhook_sandbox::Exports) -> Exports {
    Exports { filter: found.filter, transform: found.transform, receipt: found.receipt }
}

#[cfg(test)]
mod tests {
    use leadhook_core::account::quotas::max;

    use super::*;

    #[test]
    fn what_an_account_is_given_goes_before_what_holds_for_all() {
        let quotas = Quotas { plugin_deadline_ms: Some(200), ..Quotas::default() };
        assert_eq!(given(&quotas, Limits::DEFAULT), Limits { deadline_ms: 200, ..Limits::DEFAULT });
    }

    #[test]
    fn the_most_that_an_account_can_be_given_is_the_most_that_the_sandbox_takes() {
        let quotas = Quotas {
            plugin_fuel_millions: Some(max::PLUGIN_FUEL_MILLIONS),
            plugin_deadline_ms: Some(max::PLUGIN_DEADLINE_MS),
            plugin_memory_mib: Some(max::PLUGIN_MEMORY_MIB),
            plugin_exchange_kib: Some(max::PLUGIN_EXCHANGE_KIB),
            ..Quotas::default()
        };
        assert_eq!(given(&quotas, Limits::DEFAULT), Limits::MAX);
    }
}
