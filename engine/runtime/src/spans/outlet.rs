//! The way of spans out of the process: a bounded queue, and one task that posts batches of it to the collector.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use leadhook_core::{
    delivery::{Method, Request},
    outcome::{BrokenKind, Outcome},
};
use prometheus::IntCounter;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Collector, otlp, span::Span};

/// The most spans that wait; beyond that the oldest is dropped.
pub(super) const WAITING_MAX: usize = 8_192;
/// The most spans of one request.
const BATCH_MAX: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// The deadline of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The waits before a batch is posted again; after the last failure it is dropped.
const PAUSES_MS: [u64; 3] = [500, 1_000, 2_000];

/// Takes spans to a collector.
pub(super) struct Outlet {
    queue: Arc<Queue>,
    posting: Mutex<Option<JoinHandle<()>>>,
}

struct Queue {
    waiting: Mutex<VecDeque<Span>>,
    came: Notify,
    closing: CancellationToken,
    dropped: IntCounter,
}

impl Outlet {
    /// Begins to post what is put in. Must be called within a tokio runtime.
    pub(super) fn open(collector: Collector, dropped: IntCounter) -> Self {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            came: Notify::new(),
            closing: CancellationToken::new(),
            dropped,
        });
        let posting = tokio::spawn(post_all(Arc::clone(&queue), collector));
        Self { queue, posting: Mutex::new(Some(posting)) }
    }

    /// Puts a span in, at the cost of the oldest one where too many wait.
    pub(super) fn put(&self, span: Span) {
        let mut waiting = self.queue.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
            self.queue.dropped.inc();
        }
        waiting.push_back(span);
        if waiting.len() == 1 || waiting.len() >= BATCH_MAX {
            self.queue.came.notify_one();
        }
    }

    /// Posts what waits, each batch once and none after one that is not taken, and ends: within this time.
    pub(super) async fn close(&self, within: Duration) {
        self.queue.closing.cancel();
        let posting = self.posting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut posting) = posting else { return };
        if timeout(within, &mut posting).await.is_err() {
            posting.abort();
            tracing::warn!(spans = self.queue.lock().len(), "spans were not told before the end");
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a batch is full or its first span has waited long enough, or the end.
    async fn gather(&self) {
        let grow_to = async |count| {
            while self.lock().len() < count {
                self.came.notified().await;
            }
        };
        let gathered = async {
            grow_to(1).await;
            let _ = timeout(GATHER, grow_to(BATCH_MAX)).await;
        };
        self.closing.run_until_cancelled(gathered).await;
    }

    fn take(&self) -> Vec<Span> {
        let mut waiting = self.lock();
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }
}

async fn post_all(queue: Arc<Queue>, collector: Collector) {
    loop {
        queue.gather().await;
        let spans = queue.take();
        if spans.is_empty() && queue.closing.is_cancelled() {
            return;
        }
        if !spans.is_empty()
            && let Err(outcome) = post(&queue, &collector, &spans).await
        {
            queue.dropped.inc_by(spans.len() as u64);
            let why = outcome.summary();
            tracing::warn!(spans = spans.len(), why, "the collector did not take spans; they are dropped");
            if queue.closing.is_cancelled() {
                // What waits would fare no better, and the end waits for this.
                return;
            }
        }
    }
}

/// Posts a batch until it is taken, refused for good, or was posted often enough: what came of it last.
async fn post(queue: &Queue, collector: &Collector, spans: &[Span]) -> Result<(), Outcome> {
    let request = Request {
        method: Method::Post,
        url: collector.url.clone(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: otlp::encode(spans),
    };
    let mut pauses = PAUSES_MS.into_iter().map(Duration::from_millis);
    loop {
        let outcome = collector.carrier.carry(&request, &[], TIMEOUT).await;
        if matches!(&outcome, Outcome::Answered(answer) if (200..300).contains(&answer.status)) {
            return Ok(());
        }
        let pause = pauses.next().filter(|_| may_pass(&outcome) && !queue.closing.is_cancelled());
        let Some(pause) = pause else { return Err(outcome) };
        queue.closing.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Whether the same batch may be taken later (OpenTelemetry Protocol 1, "Failures").
fn may_pass(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(answer) => matches!(answer.status, 429 | 502 | 503 | 504),
        Outcome::Broken { kind, .. } => *kind != BrokenKind::RequestInvalid,
        Outcome::Withheld { .. } => false,
    }
}
