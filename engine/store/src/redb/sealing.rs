//! Holds a folder against the master keys that are given, and seals all of it anew where that must be.

use std::{ops::Bound, sync::Arc};

use ::redb::{Database, Key, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::{
    opening::begin_write,
    seal::{self, MasterKeys, Sealer},
    table::{self, META, META_MASTER_KEY},
};
use crate::{Result, StoreError};

/// How many rows are in memory at one time while all are sealed.
const ROWS_AT_ONCE: usize = 64;

/// What became of the rows that hold secrets when a store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// They stand as before.
    AsBefore,
    /// So many stood open, and are sealed now.
    Sealed(u64),
    /// So many were sealed under the old master key, and are under the current one now.
    Resealed(u64),
}

/// What opens the rows of a folder as they stand.
///
/// [`StoreError::MasterKeyMissing`] and [`StoreError::MasterKeyWrong`] when none of the keys is the folder's.
pub(super) fn sealer(database: &Database, keys: Option<&MasterKeys>) -> Result<Arc<Sealer>> {
    let Some(mark) = mark(database)? else { return Ok(Arc::default()) };
    let Some(keys) = keys else { return Err(StoreError::MasterKeyMissing) };
    let mut all = std::iter::once(&keys.current).chain(&keys.old);
    let found = all.find(|key| key.mark() == mark).ok_or(StoreError::MasterKeyWrong)?;
    Ok(Arc::new(Sealer::new(found)))
}

/// What seals and opens the rows of a folder from now on, all of which are sealed under the current key then.
/// Errors as for [`sealer`]; then nothing is changed.
pub(super) fn settle(database: &Database, keys: Option<&MasterKeys>) -> Result<(Arc<Sealer>, Sealing)> {
    let before = sealer(database, keys)?;
    let (Some(keys), mark) = (keys, mark(database)?) else { return Ok((before, Sealing::AsBefore)) };
    if mark == Some(keys.current.mark()) {
        return Ok((before, Sealing::AsBefore));
    }
    let after = Arc::new(Sealer::new(&keys.current));
    let rows = seal_all(database, &before, &after, keys)?;
    let sealing = if mark.is_some() { Sealing::Resealed(rows) } else { Sealing::Sealed(rows) };
    Ok((after, sealing))
}

/// The mark of the key that a folder is sealed under; `None` where it stands open.
pub(super) fn mark(database: &Database) -> Result<Option<u64>> {
    Ok(database.begin_read()?.open_table(META)?.get(META_MASTER_KEY)?.map(|mark| mark.value()))
}

/// Seals every row in one transaction, so that a folder is never under two keys. How many there are.
fn seal_all(database: &Database, before: &Sealer, after: &Sealer, keys: &MasterKeys) -> Result<u64> {
    let txn = begin_write(database)?;
    let mut rows = 0;
    rows += seal_table(&txn, table::ACCOUNT, before, after)?;
    rows += seal_table(&txn, table::WEBHOOK_REVISION, before, after)?;
    rows += seal_table(&txn, table::OPERATIONS, before, after)?;
    rows += seal_table(&txn, table::SECRET, before, after)?;
    rows += seal_table(&txn, table::RECORDING_KEY, before, after)?;
    txn.open_table(META)?.insert(META_MASTER_KEY, keys.current.mark())?;
    txn.commit()?;
    Ok(rows)
}

fn seal_table<K: Key + 'static>(
    txn: &WriteTransaction,
    definition: TableDefinition<'_, K, &'static [u8]>,
    before: &Sealer,
    after: &Sealer,
) -> Result<u64> {
    let mut table = txn.open_table(definition)?;
    let mut last: Option<Vec<u8>> = None;
    let mut sealed = 0;
    loop {
        let from = last.as_deref().map_or(Bound::Unbounded, |last| Bound::Excluded(K::from_bytes(last)));
        let mut rows = Vec::new();
        for entry in table.range::<K::SelfType<'_>>((from, Bound::Unbounded))?.take(ROWS_AT_ONCE) {
            let (key, row) = entry?;
            rows.push((K::as_bytes(&key.value()).as_ref().to_vec(), row.value().to_vec()));
        }
        let Some((key, _)) = rows.last() else { return Ok(sealed) };
        last = Some(key.clone());
        for (key, row) in rows {
            let place = seal::place(definition, K::from_bytes(&key));
            // A damaged row stays as it is: whoever reads it is told.
            if let Some(open) = before.open(&place, &row) {
                let row = after.seal(&place, open.into_owned())?;
                table.insert(K::from_bytes(&key), row.as_slice())?;
                sealed += 1;
            }
        }
    }
}
