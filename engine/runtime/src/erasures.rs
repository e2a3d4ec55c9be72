//! Erasures of clients under way: each goes on in steps of the store until every lead was looked at.
//!
//! One loop takes the steps, of all erasures in turn. It sleeps until one begins, and rests between steps so
//! that events are not held up.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use leadhook_core::{
    erasure::Subject,
    id::{AccountId, ErasureId},
};
use leadhook_store::{ErasureBegun, ErasureStep, NextErasureStep, Result};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    dispatch::Signal,
    engine::{Engine, Shared, carry_through},
};

/// The pause between two rounds of steps.
const REST: Duration = Duration::from_millis(5);
/// The pause where each waits for a delivery that is being sent.
const SENDING: Duration = Duration::from_millis(100);
/// The pause after a step that the store could not take.
const PAUSE: Duration = Duration::from_secs(1);

/// Which erasures are under way.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    running: Mutex<BTreeSet<(AccountId, ErasureId)>>,
    begun: Notify,
}

impl Erasures {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(AccountId, ErasureId)>> {
        // Each change below is one statement, so a panic elsewhere leaves nothing half done.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, account: AccountId, id: ErasureId) {
        self.lock().insert((account, id));
        self.begun.notify_one();
    }
}

impl Engine {
    /// Begins an erasure, which goes on by itself; see
    /// [`Erasures::begin_erasure`](leadhook_store::Erasures::begin_erasure).
    ///
    /// # Errors
    /// When the store did not take it.
    pub async fn begin_erasure(&self, account: AccountId, subject: Subject) -> Result<ErasureBegun> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let begun = shared.store.begin_erasure(account, subject, shared.clock.now()).await;
            let begun = shared.unless_in_doubt(begun)?;
            if let ErasureBegun::Begun(erasure) = &begun {
                shared.erasures.add(account, erasure.id);
            }
            Ok(begun)
        })
        .await
    }
}

/// Takes up what was under way when the engine last ended.
pub(crate) async fn resume(shared: &Shared) -> Result<()> {
    for (account, id) in shared.store.running_erasures().await? {
        shared.erasures.add(account, id);
    }
    Ok(())
}

/// Goes on with every erasure, until stopped.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let running = shared.erasures.lock().clone();
        if running.is_empty() {
            tokio::select! {
                () = shared.erasures.begun.notified() => continue,
                () = stop.cancelled() => return,
            }
        }
        let mut pause = PAUSE;
        for (account, id) in running {
            let rest = match step(&shared, account, id).await {
                Ok(NextErasureStep::Now | NextErasureStep::Never) => REST,
                Ok(NextErasureStep::AfterSending) => SENDING,
                Err(error) => {
                    tracing::warn!(%error, erasure = %id, "an erasure waits for the store");
                    PAUSE
                }
            };
            pause = pause.min(rest);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn step(shared: &Shared, account: AccountId, id: ErasureId) -> Result<NextErasureStep> {
    let now = shared.clock.now();
    let ErasureStep { cancelled, next } = shared.store.step_erasure(account, id, now).await?;
    for webhook in cancelled {
        let key = (account, webhook);
        shared.signal(Signal::Wake { key, due: now });
        // A resend counts those of its deliveries that ended so.
        shared.resends.touch(key);
    }
    if next == NextErasureStep::Never {
        tracing::info!(erasure = %id, "the erasure has ended");
        shared.erasures.lock().remove(&(account, id));
    }
    Ok(next)
}
