//! The operations webhook: where an account's notifications are sent, and how far they were.

use async_trait::async_trait;
use leadhook_core::{
    id::AccountId,
    operations::{OperationsWebhook, Place},
    time::Timestamp,
};

use crate::Result;

/// An account's operations webhook as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Operations {
    /// Where notifications are sent.
    pub webhook: OperationsWebhook,
    /// How far they were.
    pub place: Place,
}

/// The commands of operations webhooks, a part of [`Store`](crate::Store). Each is one transaction or a consistent read.
#[async_trait]
pub trait OperationsWebhooks: Send + Sync {
    /// Sets an account's operations webhook. Where there was none, notifications are sent from `now` on; where there was
    /// one, sending goes on at its place, at once and also where it had stopped.
    async fn put_operations_webhook(
        &self,
        account: AccountId,
        webhook: OperationsWebhook,
        now: Timestamp,
    ) -> Result<Operations>;
    /// An account's operations webhook.
    async fn operations_webhook(&self, account: AccountId) -> Result<Option<Operations>>;
    /// The accounts that have one, for the start of an engine.
    async fn accounts_with_operations_webhook(&self) -> Result<Vec<AccountId>>;
    /// Deletes it with its place. Whether there was one.
    async fn delete_operations_webhook(&self, account: AccountId) -> Result<bool>;
    /// Moves the place on from `from`, unless it was moved or set meanwhile. Whether it was moved.
    async fn move_operations_place(&self, account: AccountId, from: Place, to: Place) -> Result<bool>;
}
