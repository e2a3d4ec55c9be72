//! Measures of the store: what is counted as it happens, and what a look at the tables tells.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::redb::ReadableTableMetadata as _;
use async_trait::async_trait;
use leadhook_core::{
    id::{AccountId, DeliveryId, Lane, WebhookId},
    time::{Serial, Timestamp},
};
use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

use super::{RedbStore, happened::Ended, shared::Shared, table, view::View};
use crate::{Measured, Measures, Result};

/// How long ago a commit may be that shows that the storage takes something.
const FRESH: Duration = Duration::from_secs(1);

/// What the writer counts. Counting costs a few atomic additions for each commit.
#[derive(Debug)]
pub(super) struct Counts {
    commit_seconds: Histogram,
    commit_commands: Histogram,
    ended: IntCounterVec,
    last_commit: Mutex<Option<Instant>>,
}

impl Default for Counts {
    fn default() -> Self {
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            Histogram::with_opts(options).expect("name and buckets are constants that fit")
        };
        let options =
            Opts::new("leadhook_deliveries_total", "Deliveries that ended, by the state in which they did.");
        let ended = IntCounterVec::new(options, &["state"]).expect("name and label are constants that fit");
        for (state, _) in by_state(Ended::default()) {
            // What never was is told too, as 0.
            ended.with_label_values(&[state]);
        }
        Self {
            commit_seconds: histogram(
                "leadhook_commit_seconds",
                "How long commits of the store took.",
                &[
                    0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0,
                    4.0,
                ],
            ),
            commit_commands: histogram(
                "leadhook_commit_commands",
                "How many commands were committed together.",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0],
            ),
            ended,
            last_commit: Mutex::default(),
        }
    }
}

impl Counts {
    /// A transaction was committed.
    pub(super) fn committed(&self, took: Duration, commands: usize, ended: Ended) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_commands.observe(commands as f64);
        for (state, count) in by_state(ended) {
            self.ended.with_label_values(&[state]).inc_by(count);
        }
        *self.last_commit.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn committed_lately(&self) -> bool {
        let last = *self.last_commit.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < FRESH)
    }

    /// The database is open no longer: what was committed before shows nothing any more.
    pub(super) fn closed(&self) {
        *self.last_commit.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn by_state(ended: Ended) -> [(&'static str, u64); 4] {
    let Ended { delivered, skipped, failed, cancelled } = ended;
    [("delivered", delivered), ("skipped", skipped), ("failed", failed), ("cancelled", cancelled)]
}

impl RedbStore {
    /// Adds what the store counts to those who are asked for metrics. Fails where the same was added before.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let Counts { commit_seconds, commit_commands, ended, .. } = &self.shared.counts;
        registry.register(Box::new(commit_seconds.clone()))?;
        registry.register(Box::new(commit_commands.clone()))?;
        registry.register(Box::new(ended.clone()))
    }
}

#[async_trait]
impl Measured for RedbStore {
    async fn measures(&self, now: Timestamp) -> Result<Measures> {
        let file = self.file.clone();
        self.on_blocking_thread(move |shared| {
            let stored_bytes = file.and_then(|file| std::fs::metadata(file).ok()).map(|file| file.len());
            Ok(Measures { stored_bytes, ..shared.read(|view| measure(shared, view, now))? })
        })
        .await
    }

    async fn check_writes(&self) -> Result<()> {
        if self.shared.counts.committed_lately() {
            return Ok(());
        }
        // Every transaction writes the last serial.
        self.queue.call(|_| Ok(()), |(), _| ()).await
    }
}

fn measure(shared: &Shared, view: &View, now: Timestamp) -> Result<Measures> {
    let leased = shared.leases.lock().count();
    Ok(Measures {
        open: view.table(table::OPEN)?.len()?,
        leased,
        oldest_due: oldest_due(shared, view, now)?,
        quarantined: view.table(table::QUARANTINE)?.len()?,
        stored_bytes: None,
    })
}

/// The first due row of each webhook that nobody holds; what lies behind is not read.
fn oldest_due(shared: &Shared, view: &View, now: Timestamp) -> Result<Option<Timestamp>> {
    let due = view.table(table::DUE)?;
    let mut oldest: Option<Timestamp> = None;
    let mut from = (0, 0, i64::MIN, 0);
    while let Some((key, value)) = due.range(from..)?.next().transpose()? {
        let (account, webhook, due_ms, serial) = key.value();
        let lane = Lane { webhook: WebhookId(webhook), lead: Serial(value.value().0) };
        let id = DeliveryId { lane, serial: Serial(serial) };
        if shared.leases.lock().is_held(AccountId(account), id, now) {
            from = (account, webhook, due_ms, serial.saturating_add(1));
            continue;
        }
        if due_ms <= now.0 {
            oldest = Some(oldest.map_or(Timestamp(due_ms), |oldest| oldest.min(Timestamp(due_ms))));
        }
        from = (account, webhook, i64::MAX, u64::MAX);
    }
    Ok(oldest)
}
