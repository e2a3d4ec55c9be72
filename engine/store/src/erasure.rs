//! Erasing one client: the commands, and what they answer.

use std::collections::BTreeSet;

use async_trait::async_trait;
use leadhook_core::{
    erasure::{Erasure, Subject},
    id::{AccountId, ErasureId, WebhookId},
    time::{Serial, Timestamp},
};

use crate::{Result, query::Page};

/// What became of asking for an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureBegun {
    /// It is stored, and goes on from its first place.
    Begun(Erasure),
    /// As many of the account are under way as may be: [`RUNNING_MAX`](leadhook_core::erasure::RUNNING_MAX).
    TooMany,
    /// There is no such account.
    UnknownAccount,
}

/// What a step of an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureStep {
    /// The webhooks of which it cancelled deliveries.
    pub cancelled: BTreeSet<WebhookId>,
    /// When the next step is worth while.
    pub next: NextErasureStep,
}

/// When the next step of an erasure is worth while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextErasureStep {
    /// At once.
    Now,
    /// A little later: a delivery of the next lead is being sent.
    AfterSending,
    /// Never: every lead was looked at.
    Never,
}

/// The commands of erasures, a part of [`Upkeep`](crate::Upkeep). Each is one transaction or a consistent
/// read.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// Begins the erasure of a client. Of each account the newest
    /// [`ERASURES_KEPT_MAX`](leadhook_core::erasure::ERASURES_KEPT_MAX) are kept.
    async fn begin_erasure(
        &self,
        account: AccountId,
        subject: Subject,
        now: Timestamp,
    ) -> Result<ErasureBegun>;
    /// An erasure as it stands.
    async fn erasure(&self, account: AccountId, id: ErasureId) -> Result<Option<Erasure>>;
    /// An account's erasures, newest first: at most `limit`, 1 to [`LIMIT_MAX`](crate::query::LIMIT_MAX),
    /// begun before the serial `before`, which is the `next` of the page before.
    async fn erasures(
        &self,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
    ) -> Result<Page<Erasure>>;
    /// The erasures of all accounts that have not ended, for the start of an engine.
    async fn running_erasures(&self) -> Result<Vec<(AccountId, ErasureId)>>;
    /// Goes on with an erasure: looks at a bounded number of the account's leads, the newest first, and
    /// erases those of the client, with all that names them and their deliveries; and moves the place, all of
    /// it in one transaction. A lead of which a delivery is being sent waits for that.
    async fn step_erasure(&self, account: AccountId, id: ErasureId, now: Timestamp) -> Result<ErasureStep>;
    /// By which erasure the lead of this number was erased, if it was.
    async fn erased(&self, account: AccountId, lead: Serial) -> Result<Option<ErasureId>>;
}
