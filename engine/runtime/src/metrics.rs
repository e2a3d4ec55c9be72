//! What the engine counts of its work, for whoever asks for metrics. Counting costs a few atomic additions.
//!
//! No label has values without bound: no webhook, no account, nothing of a lead.

use std::time::Duration;

use leadhook_core::{
    outcome::{BrokenKind, Outcome},
    plugin::{Decided, Run},
};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// What the engine counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    accepted: IntCounter,
    refused: IntCounter,
    attempts: IntCounterVec,
    attempt_seconds: Histogram,
    operations: IntCounterVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            accepted: counter(
                "leadhook_events_accepted_total",
                "Events that were acknowledged, repeats of known ones among them.",
            ),
            refused: counter(
                "leadhook_events_refused_total",
                "Events that were well-formed and refused all the same, such as those of unknown sites.",
            ),
            attempts: counters(
                "leadhook_attempts_total",
                "Attempts to hand over a delivery, by what came of them: the class of the handler's status, or why there was none.",
                "outcome",
                &labels(),
            ),
            attempt_seconds: histogram(
                "leadhook_attempt_seconds",
                "How long attempts took, from connecting to the end of the answer.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0],
            ),
            operations: counters(
                "leadhook_operations_attempts_total",
                "Attempts to send a notification to an operations webhook, by what came of them.",
                "outcome",
                &labels(),
            ),
        }
    }
}

impl Metrics {
    /// Adds what is counted here to those who are asked for metrics. Fails where the same was added before.
    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.accepted.clone()))?;
        registry.register(Box::new(self.refused.clone()))?;
        registry.register(Box::new(self.attempts.clone()))?;
        registry.register(Box::new(self.attempt_seconds.clone()))?;
        registry.register(Box::new(self.operations.clone()))
    }

    /// Events were answered: so many accepted, so many refused.
    pub(crate) fn answered(&self, accepted: usize, refused: usize) {
        self.accepted.inc_by(accepted as u64);
        self.refused.inc_by(refused as u64);
    }

    /// An attempt has ended.
    pub(crate) fn attempted(&self, outcome: &Outcome, took: Duration) {
        self.attempts.with_label_values(&[label(outcome)]).inc();
        self.attempt_seconds.observe(took.as_secs_f64());
    }

    /// An attempt to send a notification to an operations webhook has ended.
    pub(crate) fn notified(&self, outcome: &Outcome) {
        self.operations.with_label_values(&[label(outcome)]).inc();
    }
}

/// What plugins and scripts cost.
#[derive(Debug)]
pub(crate) struct PluginMetrics {
    runs: IntCounterVec,
    seconds: Histogram,
    fuel: IntCounter,
}

impl Default for PluginMetrics {
    fn default() -> Self {
        Self {
            runs: counters(
                "leadhook_plugin_runs_total",
                "Runs of plugins and scripts, by how they ended: ok, or in which way they failed.",
                "outcome",
                &["ok"],
            ),
            seconds: histogram(
                "leadhook_plugin_seconds",
                "How long runs of plugins and scripts took.",
                &[
                    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5,
                    1.0,
                ],
            ),
            fuel: counter("leadhook_plugin_fuel_total", "Fuel that plugins and scripts used."),
        }
    }
}

impl PluginMetrics {
    /// As [`Metrics::register`].
    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.runs.clone()))?;
        registry.register(Box::new(self.seconds.clone()))?;
        registry.register(Box::new(self.fuel.clone()))
    }

    /// Plugins were run.
    pub(crate) fn ran(&self, runs: &[Run]) {
        for run in runs {
            self.runs.with_label_values(&[run_label(run)]).inc();
            self.seconds.observe(Duration::from_micros(run.elapsed_us).as_secs_f64());
            self.fuel.inc_by(run.fuel);
        }
    }
}

/// The classes of statuses that an answer can have.
const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// How a plugin's run ended, as one of few words.
pub(crate) fn run_label(run: &Run) -> &str {
    match &run.decided {
        // The sandbox knows nine kinds.
        Decided::Broken(broken) => broken.kind.as_str(),
        _ => "ok",
    }
}

/// What came of an attempt, as one of few words.
pub(crate) fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered(answer) => {
            let class = usize::from(answer.status / 100).saturating_sub(2);
            STATUS_CLASSES[class.min(STATUS_CLASSES.len() - 1)]
        }
        Outcome::Broken { kind, .. } => kind.word(),
        Outcome::Withheld { .. } => "withheld",
    }
}

/// A counter from 0 on.
pub(crate) fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect("the name is a constant that fits")
}

/// Counters by a label, each of these values counted from 0 on: what never was is told too.
fn counters(name: &str, help: &str, by: &str, values: &[&str]) -> IntCounterVec {
    let counters =
        IntCounterVec::new(Opts::new(name, help), &[by]).expect("name and label are constants that fit");
    for value in values {
        counters.with_label_values(&[value]);
    }
    counters
}

/// What [`label`] can answer.
fn labels() -> Vec<&'static str> {
    let broken = BrokenKind::ALL.iter().map(|kind| kind.word());
    STATUS_CLASSES.into_iter().chain(broken).chain(["withheld"]).collect()
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    Histogram::with_opts(options).expect("name and buckets are constants that fit")
}
