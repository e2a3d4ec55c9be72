//! Commands that are one transaction because a simulation says so, and not because they happened to wait at the same time.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{RedbStore, command::Command};
use crate::{Result, StoreError};

type Commands = Vec<Box<dyn Command>>;

/// What is gathered for one transaction; `None` while commands go to the writer one by one.
#[derive(Default)]
pub(super) struct Gathered(Mutex<Option<Commands>>);

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathered")
    }
}

impl Gathered {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Commands>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RedbStore {
    /// From now on commands are kept from the writer.
    pub fn gather(&self) {
        *self.queue.gathered.lock() = Some(Vec::new());
    }

    /// Hands what was gathered to the writer, as one batch; from now on it has commands one by one again.
    pub fn let_go(&self) {
        let gathered = self.queue.gathered.lock().take();
        self.queue.run_together(gathered.unwrap_or_default());
    }

    /// A command that empties what is owed, and fails by itself: nothing of it is ever stored.
    ///
    /// # Errors
    /// Always.
    pub async fn spoil(&self) -> Result<()> {
        let empty = |tx: &mut super::tx::Tx<'_>| {
            tx.open.retain(|_, _| false)?;
            tx.due.retain(|_, _| false)?;
            Err::<(), _>(StoreError::Damaged { what: "row of a command that fails by itself".to_owned() })
        };
        self.queue.call(empty, |(), _| ()).await
    }
}
