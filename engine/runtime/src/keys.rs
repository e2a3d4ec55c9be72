//! The accounts' keys for what rendering hides or signs, read once from the store.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use leadhook_core::{
    id::AccountId,
    parameter::{
        Keys, RecordingLinks,
        recording::{LINK_DAYS_DEFAULT, LinkKeyId, key::RecordingKey},
    },
};
use leadhook_store::{Account, Result, Store, StoreError};

/// Keys by account.
pub(crate) struct KeyRing {
    store: Arc<dyn Store>,
    public_url: Option<String>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_account: HashMap<AccountId, Arc<Keys>>,
    /// How often something was forgotten: what was read before must not be kept after.
    forgotten: u64,
}

impl KeyRing {
    pub(crate) fn new(store: Arc<dyn Store>, public_url: Option<String>) -> Self {
        Self { store, public_url, known: RwLock::default() }
    }

    /// The account's keys.
    pub(crate) async fn of(&self, account: AccountId) -> Result<Arc<Keys>> {
        let forgotten = match self.known.read() {
            Ok(known) => match known.by_account.get(&account) {
                Some(keys) => return Ok(Arc::clone(keys)),
                None => Some(known.forgotten),
            },
            Err(_) => None,
        };
        let missing = || StoreError::Damaged { what: format!("account {}, which is missing", account.0) };
        let stored = self.store.account(account).await?.ok_or_else(missing)?;
        let signs = self.store.recording_keys(account).await?.into_iter().next().ok_or_else(missing)?;
        let keys = Arc::new(self.keys(&stored, &signs));
        if let Ok(mut known) = self.known.write()
            && forgotten == Some(known.forgotten)
        {
            known.by_account.insert(account, Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// Has the account's keys read again before they are used next.
    pub(crate) fn forget(&self, account: AccountId) {
        if let Ok(mut known) = self.known.write() {
            known.by_account.remove(&account);
            known.forgotten += 1;
        }
    }

    fn keys(&self, account: &Account, signs: &RecordingKey) -> Keys {
        let recording = self.public_url.as_ref().map(|base_url| RecordingLinks {
            base_url: base_url.clone(),
            key: LinkKeyId { account: account.id, number: signs.number },
            secret: signs.secret,
            expires_days: LINK_DAYS_DEFAULT,
        });
        Keys { client_id_key: account.client_id_key, recording }
    }
}
