//! The keys that sign links to recordings. Until the first rotation the account's own row holds the only one.

use ::redb::ReadableTable;
use async_trait::async_trait;
use leadhook_core::{
    audit::{Action, Deed},
    id::AccountId,
    parameter::recording::key::{RecordingKey, rotated},
    time::Timestamp,
};

use super::{RedbStore, seal::Sealer, table, tx::Tx, view::View};
use crate::{Account, KeyRevoked, KeyRotated, RecordingKeys, Result, StoreError};

type Rows = &'static [u8];

#[async_trait]
impl RecordingKeys for RedbStore {
    async fn recording_keys(&self, account: AccountId) -> Result<Vec<RecordingKey>> {
        self.read(move |view| of(view, account)).await
    }

    async fn rotate_recording_key(
        &self,
        account: AccountId,
        secret: [u8; 32],
        now: Timestamp,
    ) -> Result<KeyRotated> {
        self.queue.call(move |tx| rotate(tx, account, secret, now), |rotated, _| rotated).await
    }

    async fn revoke_recording_key(&self, account: AccountId, number: u32) -> Result<KeyRevoked> {
        self.queue.call(move |tx| revoke(tx, account, number), |revoked, _| revoked).await
    }
}

/// The account's keys, the one that signs first.
pub(super) fn of(view: &View, account: AccountId) -> Result<Vec<RecordingKey>> {
    let (accounts, rotated) = (view.table(table::ACCOUNT)?, view.table(table::RECORDING_KEY)?);
    keys(&view.sealer, &accounts, &rotated, account)
}

fn keys(
    sealer: &Sealer,
    accounts: &impl ReadableTable<u32, Rows>,
    rotated: &impl ReadableTable<(u32, u32), Rows>,
    account: AccountId,
) -> Result<Vec<RecordingKey>> {
    let mut keys = Vec::new();
    for entry in rotated.range((account.0, 0)..=(account.0, u32::MAX))?.rev() {
        let (key, value) = entry?;
        let number = key.value().1;
        let what = || format!("recording key {}.{number}", account.0);
        let key: RecordingKey =
            sealer.decode(table::RECORDING_KEY, (account.0, number), value.value(), what)?;
        if key.number != number {
            return Err(StoreError::Damaged { what: what() });
        }
        keys.push(key);
    }
    if keys.is_empty()
        && let Some(found) = accounts.get(account.0)?
    {
        let what = || format!("account {}", account.0);
        let found: Account = sealer.decode(table::ACCOUNT, account.0, found.value(), what)?;
        keys.push(RecordingKey::first(found.recording_key));
    }
    Ok(keys)
}

fn rotate(tx: &mut Tx<'_>, account: AccountId, secret: [u8; 32], now: Timestamp) -> Result<KeyRotated> {
    let before = keys(&tx.sealer, &tx.account, &tx.recording_key, account)?;
    if before.is_empty() {
        return Ok(KeyRotated::UnknownAccount);
    }
    let Some(after) = rotated(&before, secret, now) else { return Ok(KeyRotated::TooMany) };
    for gone in before.iter().filter(|key| after.iter().all(|kept| kept.number != key.number)) {
        tx.recording_key.remove((account.0, gone.number))?;
    }
    for key in &after {
        let place = (account.0, key.number);
        let row = tx.sealer.encode(table::RECORDING_KEY, place, key)?;
        tx.recording_key.insert(place, row.as_slice())?;
    }
    let signs = after.into_iter().next().expect("a rotation leaves the key that it makes");
    tx.note(account, &Deed::new(Action::RecordingKeyRotated, &signs.number))?;
    Ok(KeyRotated::Rotated(signs))
}

fn revoke(tx: &mut Tx<'_>, account: AccountId, number: u32) -> Result<KeyRevoked> {
    let keys = keys(&tx.sealer, &tx.account, &tx.recording_key, account)?;
    match keys.iter().find(|key| key.number == number) {
        None => Ok(KeyRevoked::Unknown),
        Some(key) if key.retired_at.is_none() => Ok(KeyRevoked::Signs),
        Some(_) => {
            tx.recording_key.remove((account.0, number))?;
            tx.note(account, &Deed::new(Action::RecordingKeyRevoked, &number))?;
            Ok(KeyRevoked::Revoked)
        }
    }
}
