//! What the writer and all readers share: the open database, what customers set, and the leases.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use ::redb::Database;

use super::{
    followers::Followers, lease::Leases, measures::Counts, recent::Recent, seal::Sealer, setup::Setup,
    view::View,
};
use crate::{Result, StoreError};

/// Shared by one store's writer and readers.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// `None` while it is being opened again, and after closing.
    database: RwLock<Option<Database>>,
    setup: Mutex<Arc<Setup>>,
    pub(super) leases: Leases,
    /// What rows with secrets go through.
    pub(super) sealer: Arc<Sealer>,
    pub(super) recent: Recent,
    pub(super) followers: Followers,
    pub(super) counts: Counts,
}

impl Shared {
    pub(super) fn new(sealer: Arc<Sealer>) -> Self {
        Self { sealer, ..Self::default() }
    }

    /// The database for as long as the guard lives; keep it only while reading or writing, since it must be
    /// free to be opened again.
    pub(super) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a database in the place of the one before, which is closed when its last reader has ended.
    pub(super) fn replace_database(&self, database: Option<Database>) {
        if database.is_none() {
            self.counts.closed();
        }
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }

    /// What customers have set, as it was last committed.
    pub(super) fn setup(&self) -> Arc<Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, setup: Arc<Setup>) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = setup;
    }

    /// A consistent view to be kept for longer than one reading. While it lives, a database that failed cannot be
    /// opened again: its owner must give up after a bounded time.
    pub(super) fn view(&self) -> Result<View> {
        View::begin(self.database().as_ref().ok_or_else(not_open)?, self.sealer.clone())
    }

    /// Reads from one consistent view.
    pub(super) fn read<T>(&self, read: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        match self.database().as_ref() {
            Some(database) => read(&View::begin(database, self.sealer.clone())?),
            None => Err(not_open()),
        }
    }
}

/// The answer while there is no open database.
pub(super) fn not_open() -> StoreError {
    StoreError::Unavailable("it is closed, or being opened again after a failure".to_owned())
}
