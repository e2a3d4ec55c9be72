//! `leadhook serve`: puts the engine together, serves its interface, and ends in order.

mod account;
mod cities;
mod collector;
pub(crate) mod connections;
pub(crate) mod master_key;
pub(crate) mod reload;
pub(crate) mod signal;
mod uses;

use std::{
    convert::Infallible,
    env, fs,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use leadhook_core::address::AddressPolicy;
use leadhook_courier::{Courier, CourierSettings, Roots};
use leadhook_runtime::{Cities, Engine, Parts, PluginParts, clock::SystemClock, limits::Limits};
use leadhook_sandbox::{Compile, Sandbox};
use leadhook_store::Store;
use prometheus::Registry;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, ApiSettings, Readiness, Reload},
    cli::terminal::Terminal,
    config::Config,
};
use account::FirstKey;
use cities::CityFile;
use collector::collector;
use reload::{Configuration, Reloader};
use signal::{Hangups, Signals};

/// The subcommand by which a child of the engine compiles one plugin.
pub(crate) const COMPILE_PLUGIN: &str = "compile-plugin";
/// The folder of compiled plugins in the data folder. It may be deleted while the engine is down.
const PLUGIN_CACHE: &str = "plugins-cache";
/// The exit code after a second signal: nothing was waited for.
const HURRIED: u8 = 130;

/// Serves until a signal asks for the end.
pub(crate) async fn run(
    config: Config,
    configuration: Configuration,
    mut terminal: Terminal,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("the system's signals cannot be taken")?;
    let hangups = Hangups::listen().context("the system's signals cannot be taken")?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; another address can be given with --listen", config.listen)
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let registry = Registry::new();
    let store = master_key::open(&config.data, &config.master_keys)?;
    store.register(&registry)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let first_key = account::prepare(&*store, &config.data, config.api_key.as_deref()).await?;
    let courier = Arc::new(courier(&config)?);
    let (operator, operator_key) = account::operator(&config.data, config.operator_key.as_deref())?;
    let engine = start_engine(store, Arc::clone(&courier), &config).await?;
    let readiness = Readiness::default();
    let reload: Arc<dyn Reload> = Arc::new(Reloader {
        configuration: Mutex::new(configuration),
        engine: engine.clone(),
        destinations: Arc::clone(courier.destinations()),
    });
    let settings = ApiSettings {
        operator: Some(operator),
        addresses: Arc::clone(courier.destinations()),
        reload: Some(reload.clone()),
        source_addresses: config.source_address.clone(),
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
    show_once(&mut terminal, "the account `default` was made; its API key", first_key)?;
    show_once(&mut terminal, "the operator's key, which makes accounts and keys", operator_key)?;
    let uses = tokio::spawn(uses::keep(Arc::clone(engine.store()), stop.clone()));
    terminal.line(format!("listening on http://{address}"))?;
    tracing::info!(%address, data = %config.data.display(), version = env!("CARGO_PKG_VERSION"), "ready");
    tokio::select! {
        () = signals.next() => {}
        never = reload_at(hangups, &reload) => match never {},
    }
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

/// Reads the configuration again at each SIGHUP, for as long as this is waited for.
async fn reload_at(mut hangups: Hangups, reload: &Arc<dyn Reload>) -> Infallible {
    loop {
        hangups.next().await;
        let reload = Arc::clone(reload);
        // What came of it is in the log.
        if let Err(error) = tokio::task::spawn_blocking(move || drop(reload.reload())).await {
            tracing::error!(%error, "reading the configuration again ended in a panic");
        }
    }
}

/// Prints a key that was made, with what it is.
fn show_once(terminal: &mut Terminal, what: &str, made: Option<FirstKey>) -> anyhow::Result<()> {
    if let Some(FirstKey { key, file }) = made {
        terminal.line(format!("{what}, shown this once (and kept in {}):", file.display()))?;
        terminal.line(format!("  {key}"))?;
    }
    Ok(())
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
