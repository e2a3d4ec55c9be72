//! About how much each account has stored, by the day of its rows: counted as rows are written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ::redb::{ReadTransaction, ReadableTable as _};
use leadhook_core::id::AccountId;

use super::{table, tx::Tx};
use crate::Result;

/// What a transaction adds, by account and day.
pub(super) type Grown = HashMap<(AccountId, u32), u64>;

/// The sums of the accounts, in bytes. All states of the settings share one, since it changes with every batch.
#[derive(Debug, Default)]
pub(super) struct Stored(Mutex<HashMap<AccountId, u64>>);

impl Stored {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, account: AccountId) -> u64 {
        self.lock().get(&account).copied().unwrap_or(0)
    }

    /// All that is stored.
    pub(super) fn load(txn: &ReadTransaction) -> Result<Self> {
        let mut sums: HashMap<_, u64> = HashMap::new();
        for entry in txn.open_table(table::STORED)?.iter()? {
            let (place, bytes) = entry?;
            let sum = sums.entry(AccountId(place.value().0)).or_default();
            *sum = sum.saturating_add(bytes.value());
        }
        Ok(Self(Mutex::new(sums)))
    }
}

impl Tx<'_> {
    /// Counts a row of an account that stands under this day.
    pub(super) fn grew(&mut self, account: AccountId, day: u32, bytes: usize) {
        *self.grown.entry((account, day)).or_default() += bytes as u64;
    }

    /// Counts rows of a day that went, in bytes by account.
    pub(super) fn shrank(&mut self, day: u32, bytes: &BTreeMap<u32, u64>) -> Result<()> {
        for (account, bytes) in bytes {
            let before = self.stored.get((*account, day))?.map_or(0, |bytes| bytes.value());
            let gone = before.min(*bytes);
            match before - gone {
                0 => self.stored.remove((*account, day))?,
                left => self.stored.insert((*account, day), left)?,
            };
            let mut sums = self.setup.stored.lock();
            let sum = sums.entry(AccountId(*account)).or_default();
            *sum = sum.saturating_sub(gone);
        }
        Ok(())
    }

    /// Writes what was counted. The sums in memory run ahead of the commit: where that fails they are read anew.
    pub(super) fn write_stored(&mut self) -> Result<()> {
        for ((account, day), bytes) in std::mem::take(&mut self.grown) {
            let place = (account.0, day);
            let before = self.stored.get(place)?.map_or(0, |bytes| bytes.value());
            self.stored.insert(place, before.saturating_add(bytes))?;
            let mut sums = self.setup.stored.lock();
            let sum = sums.entry(account).or_default();
            *sum = sum.saturating_add(bytes);
        }
        Ok(())
    }
}
