//! The state of plugins as their next call sees it: what is stored, under what deliveries under way will store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use leadhook_core::{
    id::{AccountId, DeliveryId, WebhookId},
    plugin::{Change, StateChange, Stored},
    time::Timestamp,
};
use leadhook_sandbox::Kv;
use leadhook_store::Store;
use tokio::runtime::Handle;

type Place = (AccountId, WebhookId, String, String);

/// Changes that are made but not yet durable: they become so with the outcome of their delivery. Between the commit
/// and the forgetting of an addition a reader may for a moment see it twice; it is stored once.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<Place, Vec<(DeliveryId, Change)>>>);

impl Pending {
    /// Shows the changes of a delivery to every later call.
    pub(super) fn note(&self, account: AccountId, delivery: DeliveryId, changes: &[StateChange]) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateChange { plugin, key, change } in changes {
            let place = (account, delivery.lane.webhook, plugin.clone(), key.clone());
            pending.entry(place).or_default().push((delivery, change.clone()));
        }
    }

    /// Forgets the changes of a delivery: they are durable, or will never be.
    pub(super) fn forget(&self, account: AccountId, delivery: DeliveryId, changes: &[StateChange]) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateChange { plugin, key, .. } in changes {
            let place = (account, delivery.lane.webhook, plugin.clone(), key.clone());
            if let Some(waiting) = pending.get_mut(&place) {
                waiting.retain(|(whose, _)| *whose != delivery);
                if waiting.is_empty() {
                    pending.remove(&place);
                }
            }
        }
    }

    fn of(&self, place: &Place) -> Vec<Change> {
        let pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = pending.get(place);
        waiting.map_or_else(Vec::new, |waiting| waiting.iter().map(|(_, change)| change.clone()).collect())
    }
}

/// The state of one plugin in one webhook. It is read on the blocking threads that run plugins.
pub(super) struct StateOf {
    pub(super) store: Arc<dyn Store>,
    pub(super) pending: Arc<Pending>,
    pub(super) account: AccountId,
    pub(super) webhook: WebhookId,
    pub(super) plugin: String,
    pub(super) now: Timestamp,
    pub(super) handle: Handle,
}

impl Kv for StateOf {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        let place = (self.account, self.webhook, self.plugin.clone(), key.to_owned());
        let waiting = self.pending.of(&place);
        let reading = self.store.plugin_state(self.account, self.webhook, &self.plugin, key);
        let stored = self.handle.block_on(reading).map_err(|error| error.to_string())?;
        let now_ms = u64::try_from(self.now.0).unwrap_or(0);
        Ok(waiting.iter().fold(stored, |before, change| change.apply(before.as_ref(), now_ms)))
    }
}
