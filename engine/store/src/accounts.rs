//! Accounts, their keys, what they have stored, and the trail of who changed what: the commands.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use leadhook_core::{
    account::{
        Change, Terms, Wanted,
        key::{Key, KeyId},
    },
    audit::Entry,
    id::AccountId,
    time::{MINUTE_MS, Serial, Timestamp},
};
use subtle::ConstantTimeEq as _;

use crate::{KeyDigest, Result, query::Page};

/// An account as it is known: without what signs and hides for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// Its number.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// On which terms it is served.
    pub terms: Terms,
}

/// What is made up for a new account: random.
#[derive(Clone, Copy)]
pub struct AccountSecrets {
    /// The key of the hash that `ctCallerId` is.
    pub client_id_key: [u8; 32],
    /// The key that signs recording links.
    pub recording_key: [u8; 32],
}

/// What became of making an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountMade {
    /// It is there.
    Made(Arc<KnownAccount>),
    /// Another account has the name: this one.
    NameTaken(AccountId),
    /// There are as many as there may be.
    TooMany,
}

/// What became of changing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChanged {
    /// This is how it is served now.
    Changed(Arc<KnownAccount>),
    /// Another account has the name: this one.
    NameTaken(AccountId),
    /// There is no such account.
    Unknown,
}

/// What became of making a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMade {
    /// It opens from now on.
    Made,
    /// The account has as many as it may.
    TooMany,
    /// There is no such account.
    UnknownAccount,
}

/// A key with what it is known by, shared by all who look at it.
#[derive(Debug)]
pub struct KnownKey {
    /// The key.
    pub key: Key,
    digest: KeyDigest,
    /// Unix milliseconds; 0 stands for never.
    last_use_ms: AtomicI64,
    /// What of it is stored.
    stored_use_ms: AtomicI64,
}

impl KnownKey {
    pub(crate) fn new(key: Key, digest: KeyDigest, last_use_ms: i64) -> Self {
        let [last_use_ms, stored_use_ms] = [last_use_ms; 2].map(AtomicI64::new);
        Self { key, digest, last_use_ms, stored_use_ms }
    }

    /// Whether the key with this SHA-256 is this one, in a time that does not depend on where they differ.
    pub fn is_opened_by(&self, digest: &KeyDigest) -> bool {
        self.digest.ct_eq(digest).into()
    }

    pub(crate) fn digest(&self) -> &KeyDigest {
        &self.digest
    }

    /// Notes that it was used, to the minute: most uses write nothing, not even to memory.
    pub fn note_use(&self, now: Timestamp) {
        if now.0.saturating_sub(self.last_use_ms.load(Ordering::Relaxed)) >= MINUTE_MS {
            self.last_use_ms.store(now.0, Ordering::Relaxed);
        }
    }

    /// When it was last used, where that is later than what is stored.
    pub(crate) fn use_to_store(&self) -> Option<Timestamp> {
        self.last_use().filter(|at| at.0 > self.stored_use_ms.load(Ordering::Relaxed))
    }

    /// That it was last used then is stored.
    pub(crate) fn is_stored(&self, last_use: Timestamp) {
        self.stored_use_ms.store(last_use.0, Ordering::Relaxed);
    }

    /// When it was last used, to the minute.
    pub fn last_use(&self) -> Option<Timestamp> {
        let last_use_ms = self.last_use_ms.load(Ordering::Relaxed);
        (last_use_ms > 0).then_some(Timestamp(last_use_ms))
    }
}

/// The commands of accounts, a part of [`Store`](crate::Store). Each is one transaction or a consistent read; accounts
/// and keys are read from memory.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes an account under the next number.
    async fn make_account(
        &self,
        wanted: Wanted,
        secrets: AccountSecrets,
        now: Timestamp,
    ) -> Result<AccountMade>;
    /// Changes an account's name, state or quotas.
    async fn change_account(&self, id: AccountId, change: Change) -> Result<AccountChanged>;
    /// An account as it is served now.
    async fn known_account(&self, id: AccountId) -> Result<Option<Arc<KnownAccount>>>;
    /// The accounts by number: at most `limit`, after this one.
    async fn known_accounts(&self, limit: usize, after: Option<AccountId>) -> Result<Vec<Arc<KnownAccount>>>;
    /// About how many bytes an account has stored: the versions of its leads with their events, its deliveries that ended
    /// with their attempts, and its uploads, as they were written. Counted since the count exists, and not what the store
    /// needs beside them.
    async fn stored_bytes(&self, account: AccountId) -> Result<u64>;

    /// Lets a key speak for its account; `digest` is the key's SHA-256. The key's id is random and fresh.
    async fn make_key(&self, key: Key, digest: KeyDigest) -> Result<KeyMade>;
    /// A key by its id.
    async fn key(&self, id: KeyId) -> Result<Option<Arc<KnownKey>>>;
    /// A key that [`Store::put_key`](crate::Store::put_key) stored, by its SHA-256: one without an id of its own.
    async fn first_key(&self, digest: KeyDigest) -> Result<Option<Arc<KnownKey>>>;
    /// An account's keys by id.
    async fn keys(&self, account: AccountId) -> Result<Vec<Arc<KnownKey>>>;
    /// Deletes a key: it opens nothing from now on. Whether there was one.
    async fn delete_key(&self, id: KeyId) -> Result<bool>;
    /// Stores when keys were last used, where that is later than what is stored.
    async fn store_key_uses(&self) -> Result<()>;

    /// An account's trail, newest first: at most `limit`, 1 to [`LIMIT_MAX`](crate::query::LIMIT_MAX), from before the
    /// serial `before`, which is the `next` of the page before. The operator's own is that of
    /// [`AccountId::ENGINE`]. Entries are written with the changes that they tell of, see `acting.rs`, and
    /// there is no command that changes or deletes one.
    async fn audit(&self, account: AccountId, limit: usize, before: Option<Serial>) -> Result<Page<Entry>>;
}
