//! The keys that sign links to recordings. Until the first rotation the account's own row holds the only one.

use ::redb::ReadableTable;
use async_trait::async_trait;
use leadhook_core::{
    audit::{Action, Deed},
    id::AccountId,
    parameter::recording::key::{RecordingKey, rotated},
    time::Timestamp,
};

use super::{RedbStore, row, table, tx::Tx};
use crate::{Account, KeyRevoked, KeyRotated, RecordingKeys, Result};

type Rows = &'static [u8];

#[async_trait]
impl RecordingKeys for RedbStore {
    async fn recording_keys(&self, account: AccountId) -> Result<Vec<RecordingKey>> {
        self.read(move |view| keys(&view.table(table::ACCOUNT)?, &view.table(table::RECORDING_KEY)?, account))
            .await
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
fn keys(
    accounts: &impl ReadableTable<u32, Rows>,
    rotated: &impl ReadableTable<(u32, u32), Rows>,
    account: AccountId,
) -> Result<Vec<RecordingKey>> {
    let mut keys = Vec::new();
    for entry in rotated.range((account.0, 0)..=(account.0, u32::MAX))?.rev() {
        let (key, value) = entry?;
        let number = key.value().1;
        keys.push(row::decode(value.value(), || format!("recording key {}.{number}", account.0))?);
    }
    if keys.is_empty()
        && let Some(found) = accounts.get(account.0)?
    {
        let found: Account = row::decode(found.value(), || format!("account {}", account.0))?;
        keys.push(RecordingKey::first(found.recording_key));
    }
    Ok(keys)
}

fn rotate(tx: &mut Tx<'_>, account: AccountId, secret: [u8; 32], now: Timestamp) -> Result<KeyRotated> {
    let before = keys(&tx.account, &tx.recording_key, account)?;
    if before.is_empty() {
        return Ok(KeyRotated::UnknownAccount);
    }
    let Some(after) = rotated(&before, secret, now) else { return Ok(KeyRotated::TooMany) };
    for gone in before.iter().filter(|key| after.iter().all(|kept| kept.number != key.number)) {
        tx.recording_key.remove((account.0, gone.number))?;
    }
    for key in &after {
        tx.recording_key.insert((account.0, key.number), row::encode(key).as_slice())?;
    }
    let signs = after.into_iter().next().expect("a rotation leaves the key that it makes");
    tx.note(account, &Deed::new(Action::RecordingKeyRotated, &signs.number))?;
    Ok(KeyRotated::Rotated(signs))
}

fn revoke(tx: &mut Tx<'_>, account: AccountId, number: u32) -> Result<KeyRevoked> {
    let keys = keys(&tx.account, &tx.recording_key, account)?;
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
