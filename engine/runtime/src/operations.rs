//! Sends each account's notifications to its operations webhook, in order and at least once.
//!
//! The place is in the store, so a restart goes on where the last process was. What fails here is in the log, in the
//! metrics and at the place; it makes no notification, which would fail in its turn.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use leadhook_core::{
    id::AccountId, notification::Notification, operations::OperationsWebhook, outcome::Outcome,
    time::Timestamp,
};
use leadhook_store::{Followed, Following, Operations, Result};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    deliver::identity,
    engine::{Engine, Shared, carry_through},
};

/// The deadline of one attempt.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Accounts that are sent to at one time.
const ACCOUNTS_AT_ONCE_MAX: usize = 16;
/// How many notifications one look at the store gives.
const LOOK_MAX: usize = 100;
/// The pause after the store could not be asked, in milliseconds.
const PAUSE_MS: i64 = 1_000;

/// Accounts whose operations webhook was set, for the loop to take up.
#[derive(Debug, Default)]
pub(crate) struct OperationsSet {
    accounts: Mutex<BTreeSet<AccountId>>,
    changed: Notify,
}

impl OperationsSet {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<AccountId>> {
        // Each change is whole, so a panic elsewhere leaves nothing half done.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Sets an account's operations webhook, which is sent to from now on; see
    /// [`put_operations_webhook`](leadhook_store::OperationsWebhooks::put_operations_webhook).
    pub async fn set_operations_webhook(
        &self,
        account: AccountId,
        webhook: OperationsWebhook,
    ) -> Result<Operations> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let set = shared.store.put_operations_webhook(account, webhook, shared.clock.now()).await?;
            shared.operations.lock().insert(account);
            shared.operations.changed.notify_one();
            Ok(set)
        })
        .await
    }
}

/// What the loop knows.
struct Sender {
    shared: Arc<Shared>,
    /// When each account that has something to be sent is looked at next.
    due: BTreeMap<AccountId, Timestamp>,
    /// Those that are being sent to.
    busy: BTreeSet<AccountId>,
    under_way: JoinSet<(AccountId, Option<Timestamp>)>,
}

/// Sends until stopped. What is under way then is sent again after the next start.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut sender =
        Sender { shared, due: BTreeMap::new(), busy: BTreeSet::new(), under_way: JoinSet::new() };
    stop.run_until_cancelled(sender.run()).await;
}

impl Sender {
    async fn run(&mut self) {
        let mut following = self.take_up().await;
        loop {
            self.start_due();
            let clock = Arc::clone(&self.shared.clock);
            let shared = Arc::clone(&self.shared);
            let next = self.next_due();
            let due = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                happened = following.next() => match happened {
                    Some((account, _)) => self.look_at(account),
                    // More came at one time than waits for a follower.
                    None => following = self.take_up().await,
                },
                () = shared.operations.changed.notified() => {
                    let accounts = std::mem::take(&mut *shared.operations.lock());
                    accounts.into_iter().for_each(|account| self.look_at(account));
                }
                Some(ended) = self.under_way.join_next() => self.take_in(ended),
                () = due => {}
            }
        }
    }

    /// Follows what is noted from now on, and has every account looked at for what was noted before.
    async fn take_up(&mut self) -> Following {
        let followed = Followed { account: None, webhook: None, deliveries: false, notifications: true };
        loop {
            let store = &self.shared.store;
            let taken = async {
                Ok((store.follow(followed).await?, store.accounts_with_operations_webhook().await?))
            };
            let taken: Result<_> = taken.await;
            match taken {
                Ok((following, accounts)) => {
                    accounts.into_iter().for_each(|account| self.look_at(account));
                    return following;
                }
                Err(error) => {
                    tracing::warn!(%error, "operations webhooks wait for the store");
                    let until = self.shared.clock.now().plus_ms(PAUSE_MS);
                    self.shared.clock.sleep_until(until).await;
                }
            }
        }
    }

    fn look_at(&mut self, account: AccountId) {
        self.due.insert(account, self.shared.clock.now());
    }

    /// When the next account is to be looked at, while there is room for it.
    fn next_due(&self) -> Option<Timestamp> {
        let free = self.due.iter().filter(|(account, _)| !self.busy.contains(account));
        let has_room = self.busy.len() < ACCOUNTS_AT_ONCE_MAX;
        free.map(|(_, due)| *due).min().filter(|_| has_room)
    }

    fn start_due(&mut self) {
        let now = self.shared.clock.now();
        let due: Vec<_> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(account, _)| *account).collect();
        for account in due {
            if self.busy.len() >= ACCOUNTS_AT_ONCE_MAX {
                break;
            }
            if self.busy.insert(account) {
                self.due.remove(&account);
                let shared = Arc::clone(&self.shared);
                self.under_way.spawn(async move { (account, send_waiting(&shared, account).await) });
            }
        }
    }

    fn take_in(
        &mut self,
        ended: std::result::Result<(AccountId, Option<Timestamp>), tokio::task::JoinError>,
    ) {
        match ended {
            Ok((account, next)) => {
                self.busy.remove(&account);
                if let Some(next) = next {
                    // What was noted meanwhile is looked at as soon as it asked for that.
                    let due = self.due.entry(account).or_insert(next);
                    *due = next.min(*due);
                }
            }
            Err(error) => {
                // Who it was is not known: all that were being sent to are looked at again.
                tracing::error!(%error, "sending to an operations webhook broke off");
                let at = self.shared.clock.now().plus_ms(PAUSE_MS);
                let busy = std::mem::take(&mut self.busy);
                self.due.extend(busy.into_iter().map(|account| (account, at)));
            }
        }
    }
}

/// Sends what waits for an account, one after another. When to look again; `None`: when something is noted.
async fn send_waiting(shared: &Shared, account: AccountId) -> Option<Timestamp> {
    loop {
        match send_next(shared, account).await {
            Ok(Next::AtOnce) => {}
            Ok(Next::At(due)) => return Some(due),
            Ok(Next::AfterNews) => return None,
            Err(error) => {
                tracing::warn!(%error, account = account.0, "an operations webhook waits for the store");
                return Some(shared.clock.now().plus_ms(PAUSE_MS));
            }
        }
    }
}

/// What follows for an account.
enum Next {
    AtOnce,
    At(Timestamp),
    AfterNews,
}

async fn send_next(shared: &Shared, account: AccountId) -> Result<Next> {
    let Some(Operations { webhook, place }) = shared.store.operations_webhook(account).await? else {
        return Ok(Next::AfterNews);
    };
    if place.stopped {
        return Ok(Next::AfterNews);
    }
    if place.due > shared.clock.now() {
        return Ok(Next::At(place.due));
    }
    let waiting = shared.store.notifications_after(account, place.after, LOOK_MAX).await?;
    let Some(last) = waiting.last() else { return Ok(Next::AfterNews) };
    let to = match waiting.iter().find(|notification| webhook.takes(notification.news.kind())) {
        None => place.passing(last.serial),
        Some(notification) => {
            let outcome = send(shared, &webhook, notification).await;
            shared.metrics.notified(&outcome);
            let to = place.after(notification.serial, &outcome, shared.clock.now());
            if let Some(failure) = &to.last_failure {
                let (account, notification, stopped) = (account.0, notification.id(), to.stopped);
                tracing::warn!(account, notification, failure, stopped, "a notification was not taken");
            }
            to
        }
    };
    // Where it was set or deleted meanwhile the next look sees that.
    shared.store.move_operations_place(account, place, to).await?;
    Ok(Next::AtOnce)
}

/// One signed exchange, as with deliveries (Standard Webhooks 1.0).
async fn send(shared: &Shared, webhook: &OperationsWebhook, notification: &Notification) -> Outcome {
    let request = webhook.request(notification);
    let id = format!("ntf_{}", notification.id());
    let headers = identity(id, &request, std::slice::from_ref(&webhook.secret), shared.clock.now());
    shared.carrier.carry(&request, &headers, TIMEOUT).await
}
