//! Resends of periods under way: each goes on in steps of the store, as its webhook has room beside fresh leads.
//!
//! One loop takes the steps. It sleeps until something happened to a webhook that has a resend: a delivery of it was
//! settled, it was switched, a resend began. It does not poll the store.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use leadhook_core::{
    id::{AccountId, ResendId},
    resend::{Resend, Wanted},
};
use leadhook_store::{NextStep, ResendBegun, Result, Stepped};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Key,
    dispatch::Signal,
    engine::{Engine, Shared, carry_through},
};

/// The pause between two rounds of steps: deliveries that end meanwhile are answered by one step.
const REST: Duration = Duration::from_millis(5);
/// The pause after a step that the store could not take.
const PAUSE: Duration = Duration::from_secs(1);

/// Which webhooks have a resend, and which of those may go on.
#[derive(Debug, Default)]
pub(crate) struct Resends {
    state: Mutex<State>,
    touched: Notify,
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<Key, ResendId>,
    /// Those to which something happened since their last step.
    touched: BTreeSet<Key>,
}

impl Resends {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change below is whole, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: Key, id: ResendId) {
        self.lock().running.insert(key, id);
        self.touch(key);
    }

    /// Something happened to a webhook: if it has a resend, that may go on.
    pub(crate) fn touch(&self, key: Key) {
        let mut state = self.lock();
        if state.running.contains_key(&key) && state.touched.insert(key) {
            self.touched.notify_one();
        }
    }

    /// The resends that may go on; each is given once until it is touched again.
    fn take_touched(&self) -> Vec<(Key, ResendId)> {
        let mut state = self.lock();
        let touched = std::mem::take(&mut state.touched);
        touched.into_iter().filter_map(|key| Some((key, *state.running.get(&key)?))).collect()
    }

    /// A resend has ended; another of its webhook may have begun meanwhile.
    fn remove(&self, key: Key, id: ResendId) {
        let mut state = self.lock();
        if state.running.get(&key) == Some(&id) {
            state.running.remove(&key);
        }
    }
}

impl Engine {
    /// Begins a resend, which goes on by itself; see [`Resends::begin_resend`](leadhook_store::Resends::begin_resend).
    pub async fn begin_resend(&self, account: AccountId, wanted: Wanted) -> Result<ResendBegun> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let webhook = wanted.webhook;
            let begun = shared.store.begin_resend(account, wanted, shared.clock.now()).await;
            let begun = shared.unless_in_doubt(begun)?;
            if let ResendBegun::Begun(resend) = &begun {
                shared.resends.add((account, webhook), resend.id);
            }
            Ok(begun)
        })
        .await
    }

    /// Ends a resend; see [`Resends::cancel_resend`](leadhook_store::Resends::cancel_resend).
    pub async fn cancel_resend(&self, account: AccountId, id: ResendId) -> Result<Option<Resend>> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let now = shared.clock.now();
            let resend = shared.store.cancel_resend(account, id, now).await?;
            if let Some(resend) = &resend {
                let key = (account, resend.wanted.webhook);
                shared.resends.remove(key, id);
                // What waited behind the cancelled ones in their lanes may be due.
                shared.signal(Signal::Wake { key, due: now });
            }
            Ok(resend)
        })
        .await
    }
}

/// Takes up what was under way when the engine last ended.
pub(crate) async fn resume(shared: &Shared) -> Result<()> {
    for (account, webhook, id) in shared.store.running_resends().await? {
        shared.resends.add((account, webhook), id);
    }
    Ok(())
}

/// Goes on with every resend, until stopped.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = shared.resends.touched.notified() => {}
            () = stop.cancelled() => return,
        }
        let mut pause = REST;
        for (key, id) in shared.resends.take_touched() {
            if let Err(error) = step(&shared, key, id).await {
                tracing::warn!(%error, resend = %id, "a resend waits for the store");
                shared.resends.touch(key);
                pause = PAUSE;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn step(shared: &Shared, key: Key, id: ResendId) -> Result<()> {
    let now = shared.clock.now();
    let Stepped { made, next } = shared.store.step_resend(key.0, id, now).await?;
    if made > 0 {
        shared.signal(Signal::Wake { key, due: now });
    }
    match next {
        NextStep::Now => shared.resends.touch(key),
        NextStep::AfterChange => {}
        NextStep::Never => {
            tracing::info!(webhook = %key.1, resend = %id, "the resend has ended");
            shared.resends.remove(key, id);
        }
    }
    Ok(())
}
