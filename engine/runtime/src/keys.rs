//! The accounts' keys for what rendering hides or signs, read once from the store.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use leadhook_core::{
    id::AccountId,
    parameter::{Keys, RecordingLinks, recording::LINK_DAYS_DEFAULT},
};
use leadhook_store::{Result, Store, StoreError};

/// Keys by account.
pub(crate) struct KeyRing {
    store: Arc<dyn Store>,
    public_url: Option<String>,
    known: RwLock<HashMap<AccountId, Arc<Keys>>>,
}

impl KeyRing {
    pub(crate) fn new(store: Arc<dyn Store>, public_url: Option<String>) -> Self {
        Self { store, public_url, known: RwLock::default() }
    }

    /// The account's keys.
    pub(crate) async fn of(&self, account: AccountId) -> Result<Arc<Keys>> {
        if let Some(keys) = self.known.read().ok().and_then(|known| known.get(&account).cloned()) {
            return Ok(keys);
        }
        let stored = self.store.account(account).await?.ok_or_else(|| StoreError::Damaged {
            what: format!("account {}, which is missing", account.0),
        })?;
        let recording = self.public_url.as_ref().map(|base_url| RecordingLinks {
            base_url: base_url.clone(),
            key: stored.recording_key.to_vec(),
            expires_days: LINK_DAYS_DEFAULT,
        });
        let keys = Arc::new(Keys { client_id_key: stored.client_id_key, recording });
        if let Ok(mut known) = self.known.write() {
            known.insert(account, Arc::clone(&keys));
        }
        Ok(keys)
    }
}
