//! Keeping a store in order over months: backups of it while it runs, and what has grown old.

use std::collections::BTreeSet;

use async_trait::async_trait;
use leadhook_core::{
    id::{AccountId, WebhookId},
    retention::Retention,
    time::Timestamp,
};

use crate::{Erasures, Result};

/// A backup under way: a consistent view of all that was stored when it began.
pub trait Backup: Send {
    /// The next bytes, about a MiB of them; `None` at the end. Blocks while it reads.
    fn next_block(&mut self) -> Result<Option<Vec<u8>>>;
}

/// What grows old, in the order in which it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aged {
    /// The bodies of deliveries that ended.
    #[default]
    Bodies,
    /// Deliveries that ended, with their attempts.
    Attempts,
    /// Leads with their history.
    Leads,
}

/// How far retention has come; the default is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPlace {
    /// What goes.
    pub what: Aged,
    /// The UTC day, since 1970, of whose rows it goes on.
    pub day: u32,
    /// The key from which: of attempts their own, of leads the account and the lead.
    pub(crate) from: (u32, u64, u64),
}

impl RetentionPlace {
    /// On this day: where it was on it already, and otherwise at its beginning.
    pub(crate) fn at(self, what: Aged, day: u32) -> Self {
        match (self.what, self.day) == (what, day) {
            true => self,
            false => Self { what, day, from: (0, 0, 0) },
        }
    }
}

/// A step of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionStep {
    /// How many rows it looked at.
    pub rows: usize,
    /// From where to go on.
    pub next: RetentionPlace,
    /// Whether it has come to the end of a day.
    pub day_ended: bool,
}

/// How far a round through what is open has come; the default is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundPlace {
    /// The key from which it goes on: account, webhook and serial.
    pub(crate) from: (u32, u64, u64),
}

/// A step of a round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoundStep {
    /// From where to go on; `None` where the round has ended.
    pub next: Option<RoundPlace>,
    /// The webhooks of which a delivery was not due as its own row says, and is again.
    pub mended: BTreeSet<(AccountId, WebhookId)>,
}

/// The commands of upkeep, a part of [`Store`](crate::Store).
#[async_trait]
pub trait Upkeep: Erasures + Send + Sync {
    /// Begins a backup. What is stored from now on is not in it; the file grows by what is changed until it is dropped.
    async fn begin_backup(&self, now: Timestamp) -> Result<Box<dyn Backup>>;
    /// Removes some of what is no longer to be kept: of the oldest day, from a place on. `None` when nothing is left to go.
    /// What is still needed stays, such as a lead of which a delivery is open.
    async fn step_retention(
        &self,
        keep: Retention,
        place: RetentionPlace,
        now: Timestamp,
    ) -> Result<Option<RetentionStep>>;
    /// Looks at a few hundred deliveries that are open, from a place on: each is to stand in its lane and to be due as its
    /// own row says, which the rows that it is found by cannot show of themselves. Those that do not are put right.
    async fn step_round(&self, place: RoundPlace) -> Result<RoundStep>;
}
