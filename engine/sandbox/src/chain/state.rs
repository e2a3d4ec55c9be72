//! State as a chain sees it: as the links before left it, or for as long as a test lasts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use leadhook_core::{
    plugin::{Change, StateChange, Stored},
    time::Timestamp,
};

use super::now_ms;
use crate::Kv;

/// State as the links before left it.
pub(super) struct Changed {
    pub(super) base: Arc<dyn Kv>,
    pub(super) changes: Vec<(String, Change)>,
    pub(super) now_ms: u64,
}

impl Kv for Changed {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        let changes = self.changes.iter().filter(|(changed, _)| changed == key);
        let base = self.base.read(key)?;
        Ok(changes.fold(base, |before, (_, change)| change.apply(before.as_ref(), self.now_ms)))
    }
}

/// State that lives as long as this does: for tests, previews and runs on a desk.
#[derive(Debug, Default)]
pub struct Scratch(Mutex<BTreeMap<String, Stored>>);

impl Scratch {
    /// State that has these values already.
    pub fn of(values: impl IntoIterator<Item = (String, Stored)>) -> Self {
        Self(Mutex::new(values.into_iter().collect()))
    }

    /// Carries out what a chain left to be done for one plugin.
    pub fn apply<'a>(&self, changes: impl IntoIterator<Item = &'a StateChange>, now: Timestamp) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateChange { key, change, .. } in changes {
            match change.apply(values.get(key), now_ms(now)) {
                Some(stored) => values.insert(key.clone(), stored),
                None => values.remove(key),
            };
        }
    }

    /// All that is there.
    pub fn values(&self) -> BTreeMap<String, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Kv for Scratch {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
}
