//! Keeping a store in order over months: backups of it while it runs.

use async_trait::async_trait;
use leadhook_core::time::Timestamp;

use crate::Result;

/// A backup under way: a consistent view of all that was stored when it began.
pub trait Backup: Send {
    /// The next bytes, about a MiB of them; `None` at the end. Blocks while it reads.
    fn next_block(&mut self) -> Result<Option<Vec<u8>>>;
}

/// The commands of upkeep, a part of [`Store`](crate::Store).
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Begins a backup. What is stored from now on is not in it; the file grows by what is changed until it is dropped.
    async fn begin_backup(&self, now: Timestamp) -> Result<Box<dyn Backup>>;
}
