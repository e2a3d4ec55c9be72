//! Sending a period again: the commands, and what they answer.

use async_trait::async_trait;
use leadhook_core::{
    fault::Faults,
    id::{AccountId, ResendId, WebhookId},
    resend::{Resend, Wanted},
    time::{Serial, Timestamp},
};

use crate::{Result, query::Page};

/// What became of asking for a resend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendBegun {
    /// It is stored, and goes on from its first place.
    Begun(Resend),
    /// The period cannot be meant.
    Refused(Faults),
    /// The webhook is off.
    WebhookOff,
    /// Another resend of the webhook has not ended: this one.
    AlreadyRunning(ResendId),
    /// There is no such webhook.
    UnknownWebhook,
}

/// What a step of a resend came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// How many deliveries it made owed, due at once.
    pub made: usize,
    /// When the next step is worth while.
    pub next: NextStep,
}

/// When the next step of a resend is worth while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// At once: this one counted, or looked at as many rows as one step may.
    Now,
    /// When a delivery of its webhook was settled or cancelled, or the webhook was switched.
    AfterChange,
    /// Never: it has ended.
    Never,
}

/// The commands of resends, a part of [`Store`](crate::Store). Each is one transaction or a consistent read.
#[async_trait]
pub trait Resends: Send + Sync {
    /// Begins a resend, of each webhook one at a time. Of each account the newest
    /// [`RESENDS_KEPT_MAX`](leadhook_core::resend::RESENDS_KEPT_MAX) are kept.
    async fn begin_resend(&self, account: AccountId, wanted: Wanted, now: Timestamp) -> Result<ResendBegun>;
    /// A resend as it stands.
    async fn resend(&self, account: AccountId, id: ResendId) -> Result<Option<Resend>>;
    /// An account's resends, newest first: at most `limit`, 1 to [`LIMIT_MAX`](crate::query::LIMIT_MAX), begun before
    /// the serial `before`, which is the `next` of the page before.
    async fn resends(&self, account: AccountId, limit: usize, before: Option<Serial>)
    -> Result<Page<Resend>>;
    /// Ends a resend: nothing more is selected, and what waits of it is cancelled. What is being sent ends in its own
    /// way. The resend as it is then, one that had ended as it was; `None` when there is none.
    async fn cancel_resend(&self, account: AccountId, id: ResendId, now: Timestamp)
    -> Result<Option<Resend>>;
    /// The resends of all accounts that have not ended, for the start of an engine.
    async fn running_resends(&self) -> Result<Vec<(AccountId, WebhookId, ResendId)>>;
    /// Goes on with a resend: first counts, a bounded number of rows at a step, how much there is; then selects the next few deliveries, makes owed those that send them again and moves the
    /// place, all of it in one transaction; so a crash neither loses nor doubles anything. Selects nothing while
    /// enough of it is due, other deliveries of the webhook wait, or the webhook is off. The step after the last
    /// delivery has ended ends the resend and notes that for the account's people.
    async fn step_resend(&self, account: AccountId, id: ResendId, now: Timestamp) -> Result<Stepped>;
}
