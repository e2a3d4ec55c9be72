//! What outlives the engine in a run: the disk, the handlers, the sources' memory, and the history.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use leadhook_core::{
    event::Event,
    id::{AccountId, DeliveryId, WebhookId},
    resend::Wanted,
    time::Timestamp,
};
use leadhook_runtime::clock::Clock as _;
use leadhook_store::Settlement;
use tokio::sync::Notify;

use crate::{
    clock::SimClock,
    dice::Dice,
    disk::Disk,
    handler::Mode,
    history::{Entry, What},
    model::{Post, Rules},
    mutation::Mutation,
};

/// A lock whose holder's panic changes nothing: each change under it is whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One life of the engine, from a start to a crash or a shutdown.
pub(crate) struct Life {
    /// 1 for the first.
    pub(crate) number: u32,
    pub(crate) clock: SimClock,
    /// Told when the machine goes down.
    pub(crate) crashed: Notify,
}

/// A command of which nobody was told whether it was carried out; with others that were to be one transaction with it.
#[derive(Debug, Clone)]
pub(crate) enum Doubt {
    Accept { account: AccountId, events: Vec<Event> },
    Webhook { account: AccountId, webhook: WebhookId },
    Settle { settlement: Settlement },
    ByHand { account: AccountId, delivery: DeliveryId },
    Resend { account: AccountId, wanted: Wanted },
}

/// What outlives the engine.
pub(crate) struct World {
    pub(crate) mutation: Option<Mutation>,
    pub(crate) disk: Disk,
    life: Mutex<Option<Arc<Life>>>,
    pub(crate) store_dice: Mutex<Dice>,
    pub(crate) handler_dice: Mutex<Dice>,
    pub(crate) modes: Mutex<BTreeMap<(u32, u64), Mode>>,
    /// Every event that a source ever posted, by its id.
    pub(crate) posts: Mutex<BTreeMap<String, Post>>,
    /// Every set of rules that was ever saved for a webhook.
    pub(crate) rules: Mutex<Vec<Rules>>,
    pub(crate) doubts: Mutex<Vec<Doubt>>,
    /// How many transactions had several commands.
    pub(crate) grouped: Mutex<u64>,
    /// Deliveries of which an outcome was skipped on purpose: of each, one.
    pub(crate) skipped: Mutex<BTreeSet<DeliveryId>>,
    history: Mutex<Vec<Entry>>,
    sendings: Mutex<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, mutation: Option<Mutation>) -> Self {
        let disk = Disk::new(seed);
        if mutation == Some(Mutation::DiskIgnoresSync) {
            disk.ignore_syncs();
        }
        Self {
            mutation,
            disk,
            life: Mutex::default(),
            store_dice: Mutex::new(Dice::new(seed, "store")),
            handler_dice: Mutex::new(Dice::new(seed, "handler")),
            modes: Mutex::default(),
            posts: Mutex::default(),
            rules: Mutex::default(),
            doubts: Mutex::default(),
            grouped: Mutex::default(),
            skipped: Mutex::default(),
            history: Mutex::default(),
            sendings: Mutex::new(0),
        }
    }

    /// The life that is now.
    pub(crate) fn now_living(&self) -> Arc<Life> {
        locked(&self.life).clone().expect("a run begins with a life")
    }

    /// The next life begins.
    pub(crate) fn begin_life(&self, life: Life) {
        self.disk.begin_life();
        *locked(&self.life) = Some(Arc::new(life));
    }

    /// The time by the wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.now_living().clock.now()
    }

    /// Whether the deliberate mistake of this run is this one.
    pub(crate) fn makes(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Notes what happened.
    pub(crate) fn note(&self, what: What) {
        let life = self.now_living();
        let entry = Entry { clock: life.clock.now(), passed: life.clock.passed(), life: life.number, what };
        locked(&self.history).push(entry);
    }

    /// The number of the next sending.
    pub(crate) fn next_sending(&self) -> u64 {
        let mut sendings = locked(&self.sendings);
        *sendings += 1;
        *sendings
    }

    /// What happened until now.
    pub(crate) fn history(&self) -> Vec<Entry> {
        locked(&self.history).clone()
    }
}
