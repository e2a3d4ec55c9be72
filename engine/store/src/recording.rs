//! The keys that sign links to recordings: the commands, and what they answer.

use async_trait::async_trait;
use leadhook_core::{id::AccountId, parameter::recording::key::RecordingKey, time::Timestamp};

use crate::Result;

/// What became of putting another key in the place of the one that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRotated {
    /// This one signs from now on.
    Rotated(RecordingKey),
    /// The account has as many as it may.
    TooMany,
    /// There is no such account.
    UnknownAccount,
}

/// What became of revoking a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRevoked {
    /// What it signed opens nothing from now on.
    Revoked,
    /// It is the one that signs.
    Signs,
    /// The account has no such key.
    Unknown,
}

/// The commands of these keys, a part of [`Store`](crate::Store). Each is one transaction or a consistent read.
#[async_trait]
pub trait RecordingKeys: Send + Sync {
    /// An account's keys, the one that signs first, at most
    /// [`RECORDING_KEYS_MAX`](leadhook_core::parameter::recording::key::RECORDING_KEYS_MAX); none where there is
    /// no such account. Retired ones stand here until another is rotated in after their links have expired.
    async fn recording_keys(&self, account: AccountId) -> Result<Vec<RecordingKey>>;
    /// Makes a key of this secret, which signs from now on. The one before goes on opening what it signed.
    async fn rotate_recording_key(
        &self,
        account: AccountId,
        secret: [u8; 32],
        now: Timestamp,
    ) -> Result<KeyRotated>;
    /// Deletes a key that signs no longer.
    async fn revoke_recording_key(&self, account: AccountId, number: u32) -> Result<KeyRevoked>;
}
