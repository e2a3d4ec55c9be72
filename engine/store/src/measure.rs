//! How the store is: what a look at it costs little to tell, and whether it takes anything.

use async_trait::async_trait;
use leadhook_core::time::Timestamp;

use crate::Result;

/// How much is in the store, and how far it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// Deliveries that have not ended: those that wait, and those under lease.
    pub open: u64,
    /// Deliveries under lease: being prepared, sent or recorded.
    pub leased: u64,
    /// When the delivery fell due that has waited longest without being under lease; `None` when none is due.
    pub oldest_due: Option<Timestamp>,
    /// Rows that could not be read and were set aside.
    pub quarantined: u64,
    /// The size of what is stored on disk, in bytes; `None` where it is not known.
    pub stored_bytes: Option<u64>,
}

/// The commands that tell how the store is, a part of [`Store`](crate::Store).
#[async_trait]
pub trait Measured: Send + Sync {
    /// Measures; the cost is one seek for each webhook that owes something.
    async fn measures(&self, now: Timestamp) -> Result<Measures>;
    /// Whether what is written becomes durable: something was within the last second, or is by this call.
    async fn check_writes(&self) -> Result<()>;
}
