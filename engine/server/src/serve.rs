//! `leadhook serve`: puts the engine together, serves its interface, and ends in order.

mod account;
mod cities;
mod collector;
pub(crate) mod connections;
pub(crate) mod signal;
mod uses;
mod uses;

use std::{env, fs, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use leadhook_core::address::AddressPolicy;
use leadhook_courier::{Courier, CourierSettings, Roots};
use leadhook_runtime::{Cities, Engine, Parts, PluginParts, clock::SystemClock, limits::Limits};
use leadhook_sandbox::{Compile, Sandbox};
use leadhook_store::{
    Store,
    redb::{Options, RedbStore},
};
use prometheus::Registry;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, ApiSettings, Readiness},
    cli::terminal::Terminal,
    config::Config,
};
use account::FirstKey;
use cities::CityFile;
use collector::collector;
use signal::Signals;

/// The subcommand by which a child of the engine compiles one plugin.
pub(crate) const COMPILE_PLUGIN: &str = "compile-plugin";
/// The folder of compiled plugins in the data folder. It may be deleted while the engine is down.
const PLUGIN_CACHE: &str = "plugins-cache";
/// The exit code after a second signal: nothing was waited for.
const HURRIED: u8 = 130;

/// Serves until a signal asks for the end.
pub(crate) async fn run(config: Config, mut terminal: Terminal) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("the system's signals cannot be taken")?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; another address can be given with --listen", config.listen)
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let registry = Registry::new();
    let store = RedbStore::open(&config.data, Options::default())?;
    store.register(&registry)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let first_key = account::prepare(&*store, &config.data, config.api_key.as_deref()).await?;
    let courier = Arc::new(courier(&config)?);
    let (operator, operator_key) = account::operator(&config.data, config.operator_key.as_deref())?;
    let engine = start_engine(store, Arc::clone(&courier), &config).await?;
    let readiness = Readiness::default();
    let settings = ApiSettings {
        operator: Some(operator),
        addresses: Arc::new(AddressPolicy::new(config.allow_destination.clone())),
        source_addresses: config.source_address.clone(),
        plugin_limits: config.plugin_limits,
        recordings: Some(Arc::new(api::Passing::new(courier, api::PassingLimits::default()))),
        readiness: readiness.clone(),
        registry,
        ..ApiSettings::default()
    };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(connections::serve(
        listener,
        api::router(engine.clone(), settings),
        connections::Limits::default(),
        stop.clone(),
        grace_of_requests(config.shutdown),
    ));
    if let Some(FirstKey { key, file }) = first_key {
        terminal.line(format!(
            "the account `default` was made; its API key, shown this once (and kept in {}):",
            file.display()
        ))?;
        terminal.line(format!("  {key}"))?;
    }
    if let Some(FirstKey { key, file }) = operator_key {
        terminal.line(format!(
            "the operator's key, which makes accounts and keys, shown this once (and kept in {}):",
            file.display()
        ))?;
        terminal.line(format!("  {key}"))?;
    }
    let uses = tokio::spawn(uses::keep(Arc::clone(engine.store()), stop.clone()));
    terminal.line(format!("listening on http://{address}"))?;
    tracing::info!(%address, data = %config.data.display(), version = env!("CARGO_PKG_VERSION"), "ready");
    signals.next().await;
    readiness.shut_down();
    stop.cancel();
    tokio::select! {
        ended = end(engine, serving, uses, config.shutdown) => ended,
        () = signals.next() => {
            tracing::warn!("a second signal: ending at once");
            Ok(ExitCode::from(HURRIED))
        }
    }
}

/// Requests first, since they need the engine; then the deliveries under way get what is left of the time.
async fn end(
    engine: Engine,
    serving: JoinHandle<()>,
    uses: JoinHandle<()>,
    within: Duration,
) -> anyhow::Result<ExitCode> {
    tracing::info!(seconds = within.as_secs(), "ending: no new connections, what is under way may end");
    let began = tokio::time::Instant::now();
    serving.await.context("serving ended unexpectedly")?;
    uses.await.context("noting the uses of keys ended unexpectedly")?;
    engine.shutdown(within.saturating_sub(began.elapsed())).await;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}

/// A client that stalls must not take the time that deliveries under way need.
fn grace_of_requests(shutdown: Duration) -> Duration {
    (shutdown / 2).min(Duration::from_secs(10))
}

/// Whose certificates are believed.
fn roots(config: &Config) -> anyhow::Result<Roots> {
    let mut roots = Roots::default();
    for file in &config.root_certificate {
        let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        roots = roots.and_pem(&text).with_context(|| format!("in {}", file.display()))?;
    }
    Ok(roots)
}

/// What sends webhooks and fetches recordings.
fn courier(config: &Config) -> anyhow::Result<Courier> {
    Ok(Courier::new(CourierSettings {
        addresses: AddressPolicy::new(config.allow_destination.clone()),
        source_addresses: config.source_address.clone(),
        roots: roots(config)?,
        ..CourierSettings::default()
    })?)
}

async fn start_engine(
    store: Arc<dyn Store>,
    courier: Arc<Courier>,
    config: &Config,
) -> anyhow::Result<Engine> {
    let to_collector = config.otlp_traces.clone().map(|url| collector(url, roots(config)?));
    let parts = Parts {
        store,
        carrier: courier,
        clock: Arc::new(SystemClock),
        limits: Limits {
            plugin: config.plugin_limits,
            retention: config.retention,
            switch_off_after_days: config.switch_off_after_days,
            ..Limits::default()
        },
        plugins: Some(plugins(&config.data)?),
        public_url: config.public_url.clone(),
        cities: cities(config)?,
        collector: to_collector.transpose()?,
    };
    Ok(Engine::start(parts).await?)
}

/// What knows cities by address, where that is set.
fn cities(config: &Config) -> anyhow::Result<Option<Arc<dyn Cities>>> {
    let file = config.city_database.clone().map(CityFile::open).transpose()?;
    Ok(file.map(|file| file as Arc<dyn Cities>))
}

/// What runs plugins: uploads are compiled in a child of this very program, and what is compiled is kept.
fn plugins(data: &Path) -> anyhow::Result<PluginParts> {
    // Where there is one, a name that means this very program also after its file was replaced by an upgrade.
    let own = Path::new("/proc/self/exe");
    let program = match own.exists() {
        true => own.to_owned(),
        false => env::current_exe().context("the program's own file is not known")?,
    };
    let args = vec![COMPILE_PLUGIN.into()];
    let sandbox = Sandbox::new(leadhook_sandbox::Options {
        cache: Some(data.join(PLUGIN_CACHE)),
        compile: Compile::Child { program, args },
        ..leadhook_sandbox::Options::default()
    })?;
    Ok(plugin_parts(sandbox))
}

/// A sandbox with all that comes with this program.
pub(crate) fn plugin_parts(sandbox: Sandbox) -> PluginParts {
    let bundled = leadhook_bundled::all().iter().map(|plugin| (plugin.name, plugin.wasm)).collect();
    PluginParts { sandbox, runner: leadhook_bundled::RHAI_RUNNER, bundled }
}
