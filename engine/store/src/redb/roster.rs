//! Accounts and keys in memory: each request asks for them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ::redb::{ReadTransaction, ReadableTable as _};
use leadhook_core::{
    account::{
        Terms,
        key::{Key, KeyId, Scope},
    },
    id::AccountId,
};
use serde::{Deserialize, Serialize};

use super::{row, seal::Sealer, table};
use crate::{Account, KeyDigest, KnownAccount, KnownKey, Result, StoreError};

/// What a key is called that came with the data folder.
const FIRST_KEY: &str = "first key";

/// A key, as it stands in its row.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyRow {
    pub(super) key: Key,
    pub(super) digest: KeyDigest,
}

/// Every account and key.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    accounts: BTreeMap<AccountId, Arc<KnownAccount>>,
    keys: HashMap<KeyId, Arc<KnownKey>>,
    /// Keys that carry no id.
    first_keys: HashMap<KeyDigest, KeyId>,
}

impl Roster {
    pub(super) fn account(&self, id: AccountId) -> Option<&Arc<KnownAccount>> {
        self.accounts.get(&id)
    }

    /// By number.
    pub(super) fn accounts(&self) -> &BTreeMap<AccountId, Arc<KnownAccount>> {
        &self.accounts
    }

    /// The account of this name, other than `but`.
    pub(super) fn named(&self, name: &str, but: Option<AccountId>) -> Option<AccountId> {
        let is_other = |known: &&Arc<KnownAccount>| known.name == name && Some(known.id) != but;
        self.accounts.values().find(is_other).map(|known| known.id)
    }

    pub(super) fn put_account(&mut self, known: Arc<KnownAccount>) {
        self.accounts.insert(known.id, known);
    }

    pub(super) fn key(&self, id: KeyId) -> Option<&Arc<KnownKey>> {
        self.keys.get(&id)
    }

    pub(super) fn first_key(&self, digest: &KeyDigest) -> Option<&Arc<KnownKey>> {
        self.keys.get(self.first_keys.get(digest)?)
    }

    /// Of every account, in no order.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &Arc<KnownKey>> {
        self.keys.values()
    }

    /// By id.
    pub(super) fn keys(&self, account: AccountId) -> Vec<Arc<KnownKey>> {
        let mut keys: Vec<_> =
            self.keys.values().filter(|known| known.key.account == account).cloned().collect();
        keys.sort_by_key(|known| known.key.id);
        keys
    }

    pub(super) fn put_key(&mut self, known: Arc<KnownKey>) {
        self.keys.insert(known.key.id, known);
    }

    /// A key that carries no id: its id follows from its digest.
    pub(super) fn put_first_key(&mut self, digest: &KeyDigest, account: AccountId, last_use_ms: i64) {
        let key = Key {
            id: first_key_id(digest),
            account,
            name: FIRST_KEY.to_owned(),
            scopes: Scope::ALL.to_vec(),
            made_at: None,
            expires_at: None,
        };
        self.first_keys.insert(*digest, key.id);
        self.put_key(Arc::new(KnownKey::new(key, *digest, last_use_ms)));
    }

    pub(super) fn remove_key(&mut self, id: KeyId) {
        if let Some(known) = self.keys.remove(&id) {
            self.first_keys.remove(known.digest());
        }
    }

    /// All that is stored.
    pub(super) fn load(txn: &ReadTransaction, sealer: &Sealer) -> Result<Self> {
        let mut roster = Self::default();
        let terms = txn.open_table(table::ACCOUNT_TERMS)?;
        for entry in txn.open_table(table::ACCOUNT)?.iter()? {
            let (key, value) = entry?;
            let id = AccountId(key.value());
            let what = || format!("account {}", id.0);
            let account: Account = sealer.decode(table::ACCOUNT, id.0, value.value(), what)?;
            if account.id != id {
                return Err(StoreError::Damaged { what: what() });
            }
            let terms = terms.get(id.0)?.map(|row| read_terms(id, row.value())).transpose()?;
            let known = KnownAccount { id, name: account.name, terms: terms.unwrap_or_default() };
            roster.put_account(Arc::new(known));
        }
        for entry in terms.iter()? {
            roster.is_of_account(entry?.0.value(), || "terms".to_owned())?;
        }
        roster.load_keys(txn)?;
        Ok(roster)
    }

    fn load_keys(&mut self, txn: &ReadTransaction) -> Result<()> {
        let uses = txn.open_table(table::KEY_USE)?;
        for entry in txn.open_table(table::API_KEY)?.iter()? {
            let (digest, account) = entry?;
            let (digest, account) = (digest.value(), account.value());
            let last_use = uses.get((account, first_key_id(digest).0))?.map_or(0, |at| at.value());
            // The first account's key comes before it, so that a first start that breaks off is begun anew.
            if AccountId(account) != AccountId::DEFAULT {
                self.is_of_account(account, || format!("first key {}", first_key_id(digest)))?;
            }
            self.put_first_key(digest, AccountId(account), last_use);
        }
        for entry in txn.open_table(table::KEY)?.iter()? {
            let (place, value) = entry?;
            let what = || format!("key {} of account {}", KeyId(place.value().1), place.value().0);
            let KeyRow { key, digest } = row::decode(value.value(), what)?;
            if (key.account.0, key.id.0) != place.value() {
                return Err(StoreError::Damaged { what: what() });
            }
            self.is_of_account(key.account.0, what)?;
            let last_use = uses.get(place.value())?.map_or(0, |at| at.value());
            self.put_key(Arc::new(KnownKey::new(key, digest, last_use)));
        }
        // A first key's row says nothing else of whose it is.
        for entry in uses.iter()? {
            let (account, id) = entry?.0.value();
            if self.key(KeyId(id)).is_none_or(|known| known.key.account != AccountId(account)) {
                let what = format!("last use of key {} of account {account}", KeyId(id));
                return Err(StoreError::Damaged { what });
            }
        }
        Ok(())
    }

    /// Fails where there is no such account, of which something is.
    fn is_of_account(&self, account: u32, what: impl FnOnce() -> String) -> Result<()> {
        match self.account(AccountId(account)) {
            Some(_) => Ok(()),
            None => {
                let what = format!("{} of account {account}, which there is not,", what());
                Err(StoreError::Damaged { what })
            }
        }
    }
}

/// The row of an account's terms: JSON text, so that quotas can be added.
pub(super) fn terms_row(terms: &Terms) -> Vec<u8> {
    let text = serde_json::to_string(terms).expect("plain data with names for keys is JSON");
    row::encode(&text)
}

fn read_terms(account: AccountId, row: &[u8]) -> Result<Terms> {
    let what = || format!("terms of account {}", account.0);
    let text: String = row::decode(row, what)?;
    serde_json::from_str(&text).map_err(|_| StoreError::Damaged { what: what() })
}

fn first_key_id(digest: &KeyDigest) -> KeyId {
    KeyId(digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte)))
}
