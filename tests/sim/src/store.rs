//! The store as the engine has it: the real one on the simulated disk, one command after another in an order that the
//! seed decides, each noted as the engine was told of it.
//!
//! A command is carried out while nothing else runs, so that the store's threads make no difference to a run. It may be
//! held up before and after, so commands of deliveries under way meet in any order, also between a commit and its answer;
//! those that only write meet in one transaction too (`store/together.rs`).

mod forward;
mod mutate;
mod noted;
pub(crate) mod resolve;
mod together;

use std::{sync::Arc, time::Duration};

use leadhook_core::{
    accept::Refusal,
    event::Event,
    id::{AccountId, DeliveryId, WebhookId},
    time::Timestamp,
    webhook::Webhook,
};
use leadhook_store::{
    ByHand, Claims, Receipt, Result, Settled, Settlement, Store as _, StoreError, Want, redb::RedbStore,
};

use self::together::{Joined, Together};
use crate::{
    history::What,
    world::{Doubt, World, locked},
};

/// How often the store is looked at while it opens its file again; it takes 100 ms and more.
const REOPEN_LOOKS_MAX: u32 = 6_000;

type Accepted = Vec<std::result::Result<Receipt, Refusal>>;

/// The store of one life of the engine. Clones are the same store.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub(crate) inner: Arc<RedbStore>,
    pub(crate) world: Arc<World>,
    together: Arc<Together>,
}

/// Carries a command out while nothing else runs.
pub(crate) fn now<T>(command: impl Future<Output = T>) -> T {
    futures::executor::block_on(tokio::task::unconstrained(command))
}

/// What a process that is gone answers.
async fn never<T>() -> T {
    std::future::pending().await
}

impl SimStore {
    pub(crate) fn new(inner: RedbStore, world: &Arc<World>) -> Self {
        Self { inner: Arc::new(inner), world: Arc::clone(world), together: Arc::default() }
    }

    /// Something takes its time, or not.
    async fn pause(&self, chance: u64) {
        let wait_ms = {
            let mut dice = locked(&self.world.store_dice);
            if dice.chance(chance) { dice.below(15) + 1 } else { 0 }
        };
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Carries a command out. `None` when the machine went down meanwhile; `doubt` is then what nobody knows.
    fn carry_out<T>(
        &self,
        doubt: Option<Doubt>,
        command: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        self.carry_all_out(doubt.into_iter().collect(), || {
            let answer = now(command);
            let is_in_doubt = matches!(answer, Err(StoreError::Unavailable(_)));
            (answer, is_in_doubt)
        })
    }

    /// Carries out what `run` does, and finds out what became of it where that says that nobody knows.
    fn carry_all_out<T>(&self, doubts: Vec<Doubt>, run: impl FnOnce() -> (T, bool)) -> Option<T> {
        let world = &self.world;
        if world.disk.is_down() {
            return None;
        }
        *locked(&world.doubts) = doubts;
        let (answer, is_in_doubt) = run();
        if is_in_doubt && !world.disk.is_down() {
            self.wait_until_open();
        }
        if world.disk.is_down() {
            world.now_living().crashed.notify_one();
            return None;
        }
        if is_in_doubt {
            resolve::resolve(world, &self.inner);
        }
        locked(&world.doubts).clear();
        Some(answer)
    }

    /// Waits until the store has opened its file again after a failure: until it takes a command that changes nothing.
    fn wait_until_open(&self) {
        for _ in 0..REOPEN_LOOKS_MAX {
            let nobody = AccountId(u32::MAX);
            if now(self.inner.delete_relay(nobody, [0; 32])).is_ok() || self.world.disk.is_down() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A command of which nothing is noted.
    async fn plain<T>(&self, command: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.pause(10).await;
        let answer = self.carry_out(None, command);
        match answer {
            Some(answer) => answer,
            None => never().await,
        }
    }

    /// A command that changes a webhook, which is noted as it is after it.
    async fn changing<T>(
        &self,
        account: AccountId,
        webhook: WebhookId,
        command: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
    {
        self.pause(10).await;
        let answer = self.carry_out_together(Doubt::Webhook { account, webhook }, command).await;
        let Some(Joined { answer, .. }) = answer else { return never().await };
        if answer.is_ok() {
            resolve::webhook(&self.world, &self.inner, account, webhook);
        }
        self.pause(10).await;
        answer
    }

    async fn accepting(&self, account: AccountId, events: Vec<Event>, now: Timestamp) -> Result<Accepted> {
        self.pause(25).await;
        let (store, given) = (self.clone(), events.clone());
        let accepting = async move { mutate::accept(&store, account, given, now).await };
        let doubt = Doubt::Accept { account, events: events.clone() };
        let answer = match self.carry_out_together(doubt, accepting).await {
            Some(Joined { answer, of }) => mutate::acknowledge(&self.world, &events, answer, of),
            None => never().await,
        };
        for (event, answer) in events.iter().zip(answer.iter().flatten()) {
            if let (Some(event), Ok(receipt)) = (event.id.clone(), answer) {
                self.world.note(What::Stored { event, at: now, deliveries: receipt.deliveries.clone() });
            }
        }
        self.pause(15).await;
        answer
    }

    async fn claiming(&self, wants: Vec<Want>, at: Timestamp, until: Timestamp) -> Result<Vec<Claims>> {
        self.pause(25).await;
        let answer = self.carry_out(None, mutate::claim(self, wants, at, until));
        let Some(answer) = answer else { return never().await };
        for claims in answer.iter().flatten() {
            for claimed in &claims.claimed {
                let delivery = claimed.lease.delivery;
                self.world.note(What::Claimed { account: claims.account, delivery, at });
            }
        }
        self.pause(15).await;
        answer
    }

    async fn settling(&self, settlements: Vec<Settlement>, now: Timestamp) -> Result<Vec<Settled>> {
        self.pause(25).await;
        let settlements = mutate::settlements(&self.world, settlements, now);
        let Some(doubt) = settlements.first().map(|one| Doubt::Settle { settlement: one.clone() }) else {
            return Ok(Vec::new());
        };
        let (store, told) = (self.clone(), settlements.clone());
        let settling = async move { mutate::settle(&store, settlements, now).await };
        let Some(Joined { answer, .. }) = self.carry_out_together(doubt, settling).await else {
            return never().await;
        };
        for (settlement, settled) in told.iter().zip(answer.iter().flatten()) {
            resolve::note_settled(&self.world, settlement, matches!(settled, Settled::Stored { .. }));
        }
        self.pause(15).await;
        answer
    }

    async fn by_hand(
        &self,
        account: AccountId,
        delivery: DeliveryId,
        command: impl Future<Output = Result<ByHand>> + Send,
    ) -> Result<ByHand> {
        self.pause(10).await;
        let answer = self.carry_out(Some(Doubt::ByHand { account, delivery }), command);
        let Some(answer) = answer else { return never().await };
        if let Ok(answer) = &answer {
            self.world.note(What::ByHand { account, delivery, answer: Some(answer.clone()) });
        }
        self.pause(10).await;
        answer
    }
}

/// Which of the run's rules a webhook's settings are.
fn place_of_rules(webhook: &Webhook) -> usize {
    webhook.settings.name.parse().unwrap_or(usize::MAX)
}
