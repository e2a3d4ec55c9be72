//! The redb store: the conformance cases, and what only a file can do.
// The cases are called from tests, and not tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod conformance;
mod faults;
mod flips;
mod sealing;
mod upkeep;

use std::sync::Arc;

use leadhook_store::{
    Store,
    redb::{Options, RedbStore},
};

/// A redb store in a folder of its own.
struct InFolder {
    dir: tempfile::TempDir,
    store: Arc<RedbStore>,
}

impl InFolder {
    fn open(dir: &tempfile::TempDir) -> Arc<RedbStore> {
        Arc::new(RedbStore::open(dir.path(), Options { cache_bytes: 8 << 20 }).unwrap())
    }
}

impl conformance::Fixture for InFolder {
    async fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Self::open(&dir);
        Self { dir, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Self::open(&self.dir);
    }
}

conformance::conformance!(InFolder);
