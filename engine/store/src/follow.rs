//! Following what happens: changes of deliveries and notifications, told as they are committed.

use async_trait::async_trait;
use leadhook_core::{
    delivery::{Delivery, StateName},
    event::Trigger,
    id::{AccountId, DeliveryId, LeadRef, WebhookId},
    notification::{News, Notification},
    time::{Serial, Timestamp},
};
use tokio::sync::mpsc;

use crate::{Result, query::Page};

/// How much waits for one follower; one that falls behind by more is cut off.
pub const FOLLOWER_QUEUE_MAX: usize = 1_024;

/// What is to be told to a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Of which account; `None`: of all, for what serves every account.
    pub account: Option<AccountId>,
    /// Of which webhook; `None`: of all.
    pub webhook: Option<WebhookId>,
    /// Whether changes of deliveries are told.
    pub deliveries: bool,
    /// Whether notifications are told.
    pub notifications: bool,
}

/// Something that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A delivery has come to another state.
    Delivery(Change),
    /// An account's people are told of something.
    Notification(Notification),
}

/// A delivery in the state to which it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The delivery.
    pub id: DeliveryId,
    /// Its lead.
    pub lead: LeadRef,
    /// What fired.
    pub trigger: Trigger,
    /// The state.
    pub state: StateName,
    /// When it may go out, while it waits.
    pub due: Option<Timestamp>,
    /// When it ended, once it has.
    pub ended_at: Option<Timestamp>,
    /// Why it was skipped, failed or cancelled.
    pub reason: Option<String>,
    /// How many attempts were made.
    pub attempt_count: usize,
    /// What the last attempt came to, in words.
    pub last_outcome: Option<String>,
}

impl Change {
    /// A delivery as it stands in the store.
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            lead: delivery.lead.clone(),
            trigger: delivery.trigger,
            state: delivery.state.name(),
            due: delivery.state.due(),
            ended_at: delivery.state.ended_at(),
            reason: delivery.state.reason().map(str::to_owned),
            attempt_count: delivery.attempts.len(),
            last_outcome: delivery.attempts.last().map(|attempt| attempt.outcome.summary()),
        }
    }

    /// A delivery that is being sent from now on.
    pub fn sending(delivery: &Delivery) -> Self {
        Self { state: StateName::Sending, due: None, ..Self::of(delivery) }
    }
}

/// One follower's end: what happens, in the order in which it was committed.
#[derive(Debug)]
pub struct Following(mpsc::Receiver<(AccountId, Happening)>);

impl Following {
    /// A follower's end, and the end at which it is told.
    pub(crate) fn new() -> (mpsc::Sender<(AccountId, Happening)>, Self) {
        let (told, heard) = mpsc::channel(FOLLOWER_QUEUE_MAX);
        (told, Self(heard))
    }

    /// The next that happens, and to whose account. `None` once the follower was cut off, since it fell behind by more
    /// than [`FOLLOWER_QUEUE_MAX`]; what came before that is told first. May be dropped at any point.
    pub async fn next(&mut self) -> Option<(AccountId, Happening)> {
        self.0.recv().await
    }
}

/// The commands by which an account's people are told of what happens, a part of [`Store`](crate::Store).
#[async_trait]
pub trait Follow: Send + Sync {
    /// Notes something that the account's people are to be told of. Of each account the newest
    /// [`NOTIFICATIONS_MAX`](leadhook_core::notification::NOTIFICATIONS_MAX) are kept.
    async fn notify(&self, account: AccountId, news: News, now: Timestamp) -> Result<()>;
    /// An account's notifications, newest first: at most `limit`, 1 to [`LIMIT_MAX`](crate::query::LIMIT_MAX), noted before the serial
    /// `before`, which is the `next` of the page before.
    async fn notifications(
        &self,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
    ) -> Result<Page<Notification>>;
    /// Tells what is committed from now on, until the answer is dropped or falls behind. Nothing of it is durable: who
    /// must not miss a notification asks [`Follow::notifications_after`].
    async fn follow(&self, followed: Followed) -> Result<Following>;
    /// An account's notifications after a serial, oldest first, at most `limit`.
    async fn notifications_after(
        &self,
        account: AccountId,
        after: Serial,
        limit: usize,
    ) -> Result<Vec<Notification>>;
}
