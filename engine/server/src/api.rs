//! The HTTP API: its routes, what stands before all of them, and what it is configured with.

mod accounts;
mod activation;
mod audit;
mod auth;
mod backups;
mod body;
mod deliveries;
mod erasures;
mod events;
mod gate;
mod health;
mod leads;
mod meter;
mod metrics;
mod notifications;
mod openapi;
mod operations;
mod plugins;
mod preview;
mod problem;
mod query;
mod recordings;
mod reference;
mod relay;
mod reload;
mod resends;
mod schema;
mod scope;
mod secrets;
mod sites;
mod stream;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, middleware};
use leadhook_core::address::AddressPolicy;
use leadhook_courier::Destinations;
use leadhook_runtime::Engine;
use leadhook_store::KeyDigest;
use prometheus::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use openapi::openapi;
pub(crate) use recordings::{Passing, PassingLimits};
pub(crate) use reload::{Reload, Reloaded};

/// How many plugins are compiled or run at one time for somebody who looks on.
const PLUGIN_PLACES: usize = 4;

/// What the API is configured with.
#[derive(Debug, Clone)]
pub(crate) struct ApiSettings {
    /// The SHA-256 of the operator's key; without one nobody is the operator.
    pub(crate) operator: Option<KeyDigest>,
    /// Which addresses a webhook's URL may name.
    pub(crate) addresses: Arc<Destinations>,
    /// The local addresses that sending is bound to; empty: the operating system chooses.
    pub(crate) source_addresses: Vec<IpAddr>,
    /// The most bytes that one body of events may have; other bodies have limits of their own.
    pub(crate) body_bytes_max: usize,
    /// The most bytes that the bodies of all requests under way may have together.
    pub(crate) body_bytes_at_once_max: usize,
    /// The most events of one request.
    pub(crate) events_per_batch_max: usize,
    /// The most requests at one time; more are answered 503 at once.
    pub(crate) requests_at_once_max: usize,
    /// How long a request's body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// What passes recordings on; without it no link opens.
    pub(crate) recordings: Option<Arc<Passing>>,
    /// Says whether the process wants requests; its owner keeps a clone.
    pub(crate) readiness: Readiness,
    /// What reads the configuration again; without it nobody can ask for that.
    pub(crate) reload: Option<Arc<dyn Reload>>,
    /// What is asked for metrics; one of its own for each engine.
    pub(crate) registry: Registry,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            operator: None,
            addresses: Arc::default(),
            source_addresses: Vec::new(),
            body_bytes_max: 8 * 1024 * 1024,
            body_bytes_at_once_max: 256 * 1024 * 1024,
            events_per_batch_max: 1_000,
            requests_at_once_max: 1_024,
            body_timeout: Duration::from_secs(30),
            recordings: None,
            readiness: Readiness::default(),
            reload: None,
            registry: Registry::new(),
        }
    }
}

/// Whether the process still wants requests. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness(CancellationToken);

impl Readiness {
    /// From now on `/readyz` answers 503, so that balancers send requests elsewhere, and streams end; other requests that
    /// come are served.
    pub(crate) fn shut_down(&self) {
        self.0.cancel();
    }

    fn is_shutting_down(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once it is.
    async fn shutting_down(&self) {
        self.0.cancelled().await;
    }
}

/// What every call works on. Clones share it: each layer and each call takes one.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

/// What the clones of [`Api`] share.
pub(crate) struct Shared {
    engine: Engine,
    settings: ApiSettings,
    meters: meter::Meters,
    /// One permit for each request under way.
    requests: Semaphore,
    /// One permit for each KiB of body under way.
    body_kib: Arc<Semaphore>,
    /// The permit of the backup under way.
    backup_place: Arc<Semaphore>,
    /// One permit for each upload that is compiled and each run that somebody looks at.
    plugin_places: Arc<Semaphore>,
    streams: Arc<stream::Streams>,
    scrape: metrics::Scrape,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Api {
    fn new(engine: Engine, settings: ApiSettings) -> Self {
        Self(Arc::new(Shared {
            scrape: metrics::Scrape::new(&engine, settings.registry.clone()),
            engine,
            meters: meter::Meters::default(),
            requests: Semaphore::new(settings.requests_at_once_max),
            body_kib: Arc::new(Semaphore::new(settings.body_bytes_at_once_max / 1024)),
            backup_place: Arc::new(Semaphore::new(1)),
            plugin_places: Arc::new(Semaphore::new(PLUGIN_PLACES)),
            streams: Arc::default(),
            settings,
        }))
    }

    /// Which addresses a webhook's URL may name now.
    fn addresses(&self) -> Arc<AddressPolicy> {
        self.settings.addresses.current()
    }

    /// Waits for a place among the plugins that are compiled or run for somebody who looks on, so that deliveries keep
    /// threads to run theirs on.
    async fn plugin_place(&self) -> OwnedSemaphorePermit {
        let place = Arc::clone(&self.plugin_places).acquire_owned().await;
        place.expect("the places are never closed")
    }
}

/// The API of this engine, ready to be served.
pub(crate) fn router(engine: Engine, settings: ApiSettings) -> Router {
    let api = Api::new(engine, settings);
    let (router, _) = calls().split_for_parts();
    router
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(api.clone(), gate::pass))
        .with_state(api)
}

/// Every call with its description; the one place where they are listed.
fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(events::post))
        .routes(routes!(sites::list))
        .routes(routes!(sites::put, sites::get, sites::delete))
        .routes(routes!(relay::get, relay::post))
        .routes(routes!(relay::tokens::create, relay::tokens::list))
        .routes(routes!(relay::tokens::delete))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::get, webhooks::put, webhooks::delete))
        .routes(routes!(webhooks::revisions))
        .routes(routes!(activation::activate))
        .routes(routes!(activation::deactivate))
        .routes(routes!(activation::copy))
        .routes(routes!(preview::post))
        .routes(routes!(leads::list))
        .routes(routes!(leads::get))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::send))
        .routes(routes!(deliveries::cancel))
        .routes(routes!(deliveries::replay::replay))
        .routes(routes!(resends::create, resends::list))
        .routes(routes!(resends::get, resends::cancel))
        .routes(routes!(erasures::create, erasures::list))
        .routes(routes!(erasures::get))
        .routes(routes!(notifications::list))
        .routes(routes!(stream::follow))
        .routes(routes!(operations::put, operations::get, operations::delete))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::put, plugins::get, plugins::delete))
        .routes(routes!(plugins::versions::list))
        .routes(routes!(plugins::versions::rollback))
        .routes(routes!(plugins::logs::logs))
        .routes(routes!(plugins::run::run))
        .routes(routes!(recordings::get))
        .routes(routes!(recordings::keys::list, recordings::keys::rotate))
        .routes(routes!(recordings::keys::revoke))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::put, secrets::delete))
        .routes(routes!(audit::list))
        .routes(routes!(accounts::create, accounts::list))
        .routes(routes!(accounts::get, accounts::patch))
        .routes(routes!(accounts::keys::create, accounts::keys::list))
        .routes(routes!(accounts::keys::delete))
        .routes(routes!(backups::create))
        .routes(routes!(reload::reload))
        .routes(routes!(reference::parameters))
        .routes(routes!(reference::egress))
        .routes(routes!(reference::document))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}
