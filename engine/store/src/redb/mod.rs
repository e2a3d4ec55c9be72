//! The embedded store: one redb file in the data folder, one thread that writes, any number of readers.
//!
//! Invariants: nothing is acknowledged before the commit that holds it; every row that is decoded was
//! checked; nothing in memory grows with what is owed (only settings, which are few, and leases).

mod accept;
mod accounts;
mod audit;
mod backup;
mod by_hand;
mod claim;
mod command;
mod deliveries;
mod erasure;
mod failure;
mod followers;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod happened;
mod kinds;
mod lane;
mod leads;
mod lease;
mod making;
mod measures;
mod notifications;
mod opening;
mod operations;
mod own;
mod plugins;
mod recent;
mod recording;
mod relays;
mod resend;
mod restore;
mod retention;
mod roster;
mod round;
mod row;
mod save;
mod seal;
mod sealing;
mod secrets;
mod settle;
mod setup;
mod shared;
mod state;
mod store;
mod stored;
mod table;
mod tables;
mod then;
#[cfg(feature = "simulation")]
mod together;
mod tx;
mod verify;
mod view;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ::redb::{Database, DatabaseError, StorageBackend};

use self::{
    command::Queue,
    opening::{NotOpened, Opened, Opener},
    shared::Shared,
    view::View,
    writer::Writer,
};
pub use self::{
    restore::restore,
    seal::{MASTER_KEY_BYTES, MasterKey, MasterKeys},
    sealing::Sealing,
    verify::{FLAWS_TOLD_MAX, Flaw, Verified, verify},
};
use crate::{Result, StoreError};

/// The name of the database file in the data folder.
pub const FILE_NAME: &str = "leadhook.redb";

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How much of the file is kept in memory, in bytes; 256 MiB by default.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 256 * 1024 * 1024 }
    }
}

/// A store in one redb file.
#[derive(Debug)]
pub struct RedbStore {
    shared: Arc<Shared>,
    queue: Queue,
    /// Where its size can be looked up.
    file: Option<PathBuf>,
}

impl RedbStore {
    /// Opens the store in a data folder without a master key, making both where they do not exist: what is written stands
    /// open. Blocks while it reads the settings.
    ///
    /// [`StoreError::InUse`] when another process has it open, [`StoreError::Format`] when another version wrote
    /// it, [`StoreError::MasterKeyMissing`] when its secrets are sealed, [`StoreError::Damaged`] when settings cannot be
    /// read, [`StoreError::Open`] for anything else.
    pub fn open(dir: &Path, options: Options) -> Result<Self> {
        Self::open_in(dir, options, None).map(|(store, _)| store)
    }

    /// As [`RedbStore::open`], with secrets sealed. Those that stand open or are sealed under the old key are sealed
    /// under the current one before this answers, in one transaction.
    ///
    /// [`StoreError::MasterKeyWrong`] when the folder is sealed under neither key; then nothing is changed.
    pub fn open_sealed(dir: &Path, options: Options, keys: MasterKeys) -> Result<(Self, Sealing)> {
        Self::open_in(dir, options, Some(keys))
    }

    fn open_in(dir: &Path, options: Options, keys: Option<MasterKeys>) -> Result<(Self, Sealing)> {
        let path = dir.display().to_string();
        make_private_dir(dir)
            .map_err(|error| StoreError::Open { path: path.clone(), reason: error.to_string() })?;
        let file = dir.join(FILE_NAME);
        own::ensure_whole(&builder(options), &file).map_err(|error| not_opened(&path, error))?;
        let named = Some(file.clone());
        let database = Box::new(move || {
            let builder = builder(options);
            making::make(&builder, &file)?;
            own::opened(|| builder.create(&file))
        });
        let started = Self::start(&path, named, Opener { database, keys })?;
        own::mark(&dir.join(FILE_NAME));
        making::clear(dir);
        Ok(started)
    }

    /// Opens the store on a backend of the caller's own, for tests that make storage fail. `backend` is asked for a
    /// fresh one at every opening, also after failures. Errors as for [`RedbStore::open`].
    pub fn open_on<B: StorageBackend>(
        backend: impl Fn() -> std::io::Result<B> + Send + 'static,
        options: Options,
    ) -> Result<Self> {
        let database = Box::new(move || builder(options).create_with_backend(backend()?));
        Self::start("(a backend)", None, Opener { database, keys: None }).map(|(store, _)| store)
    }

    fn start(path: &str, file: Option<PathBuf>, opener: Opener) -> Result<(Self, Sealing)> {
        let not_opened = |reason: String| StoreError::Open { path: path.to_owned(), reason };
        let opened = opening::open(&opener).map_err(|error| match error {
            NotOpened::Database(error) => self::not_opened(path, error),
            NotOpened::Content(StoreError::Unavailable(reason)) => not_opened(reason),
            NotOpened::Content(error) => error,
        })?;
        let Opened { database, setup, last, sealer, sealing } = opened;
        let shared = Arc::new(Shared::new(sealer));
        shared.publish(setup);
        shared.replace_database(Some(database));
        let (queue, steps, check_asked) = Queue::new();
        let writer =
            Writer { shared: shared.clone(), opener, steps, check_asked, last, pending: None, last_batch: 0 };
        let thread = std::thread::Builder::new().name("leadhook-store".to_owned());
        thread.spawn(move || writer.run()).map_err(|error| not_opened(error.to_string()))?;
        Ok((Self { shared, queue, file }, sealing))
    }

    /// Reads from one consistent view, on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_blocking_thread(move |shared| shared.read(read)).await
    }

    async fn on_blocking_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = self.shared.clone();
        let ended = tokio::task::spawn_blocking(move || work(&shared)).await;
        let result = ended.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())));
        if matches!(result, Err(StoreError::Unavailable(_))) {
            self.queue.ask_check();
        }
        result
    }
}

/// Whether the secrets in a data folder are sealed; not so where there is no store. Blocks.
///
/// [`StoreError::InUse`] when another process has it open, [`StoreError::Format`] when another version wrote it,
/// [`StoreError::Open`] when it cannot be read.
pub fn is_sealed(dir: &Path) -> Result<bool> {
    let file = dir.join(FILE_NAME);
    if !file.exists() {
        return Ok(false);
    }
    let path = dir.display().to_string();
    let opened = own::opened(|| builder(Options::default()).open(file));
    let database = opened.map_err(|error| not_opened(&path, error))?;
    match opening::stored_format(&database)? {
        Some(_) => Ok(sealing::mark(&database)?.is_some()),
        None => Ok(false),
    }
}

/// Why the file in this folder was not opened.
fn not_opened(path: &str, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path },
        error => StoreError::Open { path, reason: error.to_string() },
    }
}

fn builder(options: Options) -> ::redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Makes a data folder where it does not exist, for nobody else to look into: it holds personal data. Errors
/// of the system.
pub fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
