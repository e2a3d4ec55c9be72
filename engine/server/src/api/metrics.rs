//! Metrics of the process, in the text form that Prometheus reads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::time::Timestamp;
use leadhook_runtime::Engine;
use leadhook_store::Measures;
use prometheus::{
    Gauge, IntCounter, IntCounterVec, Opts, Registry, TEXT_FORMAT, TextEncoder, proto::MetricFamily,
};
use tokio::sync::Mutex;

use super::{Api, problem::Problem};

/// How long the store may take to be measured; without that the rest is told.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What is asked for metrics.
#[derive(Debug)]
pub(super) struct Scrape {
    /// Where everything is registered that counts as it goes.
    registry: Registry,
    /// Answers by the class of their status, from 2xx on.
    answers: [IntCounter; 4],
    /// Held by the scrape that measures the store: they take turns.
    turn: Mutex<()>,
}

impl Scrape {
    /// Asks all that counts into this registry, of which the engine becomes a part.
    pub(super) fn new(engine: &Engine, registry: Registry) -> Self {
        engine.register(&registry).expect("a registry is of one engine");
        let options = Opts::new(
            "leadhook_http_answers_total",
            "Answers of the HTTP interface, by the class of their status.",
        );
        let answers =
            IntCounterVec::new(options, &["status"]).expect("name and label are constants that fit");
        register(&registry, answers.clone());
        register(&registry, version());
        register(
            &registry,
            gauge("process_start_time_seconds", "When the process began, in Unix seconds.", start_seconds()),
        );
        Self {
            answers: ["2xx", "3xx", "4xx", "5xx"].map(|class| answers.with_label_values(&[class])),
            registry,
            turn: Mutex::default(),
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(self.answers.len() - 1);
        self.answers[class].inc();
    }
}

/// Each registry is asked by one API.
fn register(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    registry.register(Box::new(collector)).expect("the names are constants, each registered once");
}

fn version() -> Gauge {
    let options = Opts::new("leadhook_build_info", "The version that runs; always 1.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let info = Gauge::with_opts(options).expect("name and label are constants that fit");
    info.set(1.0);
    info
}

fn start_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn gauge(name: &str, help: &str, value: f64) -> Gauge {
    let gauge = Gauge::new(name, help).expect("the name is a constant that fits");
    gauge.set(value);
    gauge
}

/// Metrics
///
/// In the text form of Prometheus, for all accounts together and without their data. Where the store cannot be measured,
/// `leadhook_store_up` is 0 and what it would tell is left out.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let _turn = api.scrape.turn.lock().await;
    let now = api.engine.now();
    let measured = tokio::time::timeout(STORE_PATIENCE, api.engine.store().measures(now)).await;
    let mut families = api.scrape.registry.gather();
    families.extend(at_this_moment(measured.ok().and_then(Result::ok), now));
    let text = TextEncoder::new().encode_to_string(&families);
    let text = text.map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

/// What is not counted as it goes but looked at.
fn at_this_moment(measures: Option<Measures>, now: Timestamp) -> Vec<MetricFamily> {
    let registry = Registry::new();
    let tell = |name: &str, help: &str, value: f64| register(&registry, gauge(name, help, value));
    tell(
        "leadhook_store_up",
        "Whether the store can be read: 1, or 0.",
        f64::from(u8::from(measures.is_some())),
    );
    if let Some(measures) = measures {
        let scheduled = measures.open.saturating_sub(measures.leased);
        tell(
            "leadhook_deliveries_scheduled",
            "Deliveries that wait for their time or turn, retries among them.",
            scheduled as f64,
        );
        tell(
            "leadhook_deliveries_in_flight",
            "Deliveries that are being prepared, sent or recorded.",
            measures.leased as f64,
        );
        let oldest_ms = measures.oldest_due.map_or(0, |due| now.0.saturating_sub(due.0).max(0));
        tell(
            "leadhook_oldest_due_seconds",
            "How long the delivery has been due that has waited longest; 0 when none is due.",
            oldest_ms as f64 / 1_000.0,
        );
        tell(
            "leadhook_rows_quarantined",
            "Rows that were found damaged and set aside.",
            measures.quarantined as f64,
        );
        if let Some(bytes) = measures.stored_bytes {
            tell("leadhook_store_bytes", "The size of the database file.", bytes as f64);
        }
    }
    if let Some(bytes) = resident_bytes() {
        tell("process_resident_memory_bytes", "Memory that the process holds.", bytes as f64);
    }
    registry.gather()
}

/// The memory that the process holds, where the system tells it (proc(5), `/proc/pid/status`).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
