//! Commands that are one transaction: those that come within a while are handed to the writer as one batch, now and then
//! with one among them that fails by itself.

use std::{
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use leadhook_store::{Result, StoreError};
use tokio::sync::oneshot;

use super::{SimStore, now};
use crate::world::{Doubt, locked};

/// How long the first waits for others, in milliseconds.
const WAIT_MS: u64 = 25;
/// How many batches in a hundred have a command among them that fails by itself.
const SPOILED_PERCENT: u64 = 15;

/// A command that waits for others; whether it is in doubt when it has ended.
type Waiting = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The commands of the next batch.
#[derive(Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<(Doubt, Waiting)>>,
    /// How many the last batch had.
    of: AtomicUsize,
    is_spoiled: AtomicBool,
}

impl Together {
    /// Whether one of the batch that is carried out fails by itself.
    pub(super) fn is_spoiled(&self) -> bool {
        self.is_spoiled.load(Ordering::Relaxed)
    }
}

/// What a command of a batch was answered.
pub(super) struct Joined<T> {
    pub(super) answer: Result<T>,
    /// How many were in the batch.
    pub(super) of: usize,
}

impl SimStore {
    /// Carries a command out in one transaction with those that come in the meantime. `None` when the machine went down.
    pub(super) async fn carry_out_together<T: Send + 'static>(
        &self,
        doubt: Doubt,
        command: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Option<Joined<T>> {
        let (tell, told) = oneshot::channel();
        let waiting = async move {
            let answer = command.await;
            let is_in_doubt = matches!(answer, Err(StoreError::Unavailable(_)));
            // Whoever asked waits for it, or went down with the machine.
            let _ = tell.send(answer);
            is_in_doubt
        };
        let is_first = {
            let mut all = locked(&self.together.waiting);
            all.push((doubt, Box::pin(waiting)));
            all.len() == 1
        };
        if is_first {
            let wait_ms = locked(&self.world.store_dice).below(WAIT_MS);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            self.carry_batch_out();
        }
        let answer = told.await.ok().filter(|_| !self.world.disk.is_down())?;
        Some(Joined { answer, of: self.together.of.load(Ordering::Relaxed) })
    }

    fn carry_batch_out(&self) {
        let all = std::mem::take(&mut *locked(&self.together.waiting));
        let (doubts, mut commands): (Vec<Doubt>, Vec<Waiting>) = all.into_iter().unzip();
        self.together.of.store(commands.len(), Ordering::Relaxed);
        *locked(&self.world.grouped) += u64::from(commands.len() > 1);
        let spoils = {
            let mut dice = locked(&self.world.store_dice);
            dice.chance(SPOILED_PERCENT).then(|| dice.below(commands.len() as u64 + 1))
        };
        self.together.is_spoiled.store(spoils.is_some(), Ordering::Relaxed);
        if let Some(place) = spoils {
            let inner = self.inner.clone();
            let spoil = async move { matches!(inner.spoil().await, Err(StoreError::Unavailable(_))) };
            commands.insert(usize::try_from(place).unwrap_or(0), Box::pin(spoil));
        }
        self.carry_all_out(doubts, || {
            let mut batch = futures::future::join_all(commands);
            self.inner.gather();
            let begun = Pin::new(&mut batch).poll(&mut Context::from_waker(Waker::noop()));
            self.inner.let_go();
            let ended = match begun {
                std::task::Poll::Ready(ended) => ended,
                std::task::Poll::Pending => now(batch),
            };
            ((), ended.into_iter().any(|is_in_doubt| is_in_doubt))
        });
    }
}
