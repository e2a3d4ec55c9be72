//! Opening a database: its format is checked, missing tables are made, and what is kept in memory is read.

use std::sync::Arc;

use ::redb::{Database, DatabaseError, Key, ReadableTableMetadata as _, WriteTransaction};
use leadhook_core::time::Serial;

use super::{
    kinds::unless_broken,
    lease::Leases,
    seal::{MasterKeys, Sealer},
    sealing::{self, Sealing},
    setup::Setup,
    table::{self, Daily, FORMAT, META_FORMAT, META_SERIAL},
    tx::Tx,
    view::View,
};
use crate::{Result, StoreError};

/// Opens the database anew; called again after every failure of the storage.
pub(super) struct Opener {
    pub(super) database: Box<dyn Fn() -> std::result::Result<Database, DatabaseError> + Send>,
    /// `None`: secrets stand open.
    pub(super) keys: Option<MasterKeys>,
}

/// A database that was found to be whole.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) setup: Arc<Setup>,
    pub(super) last: Serial,
    pub(super) sealer: Arc<Sealer>,
    pub(super) sealing: Sealing,
}

/// Why a store could not be opened.
pub(super) enum NotOpened {
    /// redb did not open the file.
    Database(DatabaseError),
    /// What it holds cannot be used.
    Content(StoreError),
}

impl<E: Into<StoreError>> From<E> for NotOpened {
    fn from(error: E) -> Self {
        Self::Content(error.into())
    }
}

/// A write transaction that is durable once committed, and after whose abort the file opens at once.
pub(super) fn begin_write(database: &Database) -> Result<WriteTransaction> {
    let mut txn = database.begin_write()?;
    txn.set_durability(::redb::Durability::Immediate)?;
    txn.set_quick_repair(true);
    Ok(txn)
}

/// Opens a database of this format, or makes one where there is none.
pub(super) fn open(opener: &Opener) -> std::result::Result<Opened, NotOpened> {
    let database = (opener.database)().map_err(NotOpened::Database)?;
    match stored_format(&database)? {
        None => make_tables(&database)?,
        Some(_) => {
            // Asked first, since nothing is to be changed under a wrong key.
            sealing::sealer(&database, opener.keys.as_ref())?;
            add_tables(&database)?;
        }
    }
    let (sealer, sealing) = sealing::settle(&database, opener.keys.as_ref())?;
    let view = View::begin(&database, sealer.clone())?;
    let last = last_serial(&view)?;
    let setup = Arc::new(unless_broken("key of what customers set", || view.setup())?);
    drop(view);
    Ok(Opened { database, setup, last, sealer, sealing })
}

/// The last serial given out, which has no sum: no row may be of a later day.
fn last_serial(view: &View) -> Result<Serial> {
    let damaged = || StoreError::Damaged { what: "last serial".to_owned() };
    let found = view.table(table::META)?.get(META_SERIAL)?.map(|serial| Serial(serial.value()));
    let last = found.ok_or_else(damaged)?;
    let is_later = has_after(view, &table::LEAD, last.day())? || has_after(view, &table::DONE, last.day())?;
    if is_later { Err(damaged()) } else { Ok(last) }
}

/// Whether there is a row of a later day. A table can be there without one: looking into a day makes it.
fn has_after<K: Key + 'static>(view: &View, daily: &Daily<K>, last: u32) -> Result<bool> {
    for day in view.days(daily)?.into_iter().filter(|day| *day > last) {
        if view.day(daily, day)?.map(|rows| rows.is_empty()).transpose()? == Some(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The format of what is stored; `None` when nothing is.
pub(super) fn stored_format(database: &Database) -> Result<Option<u32>> {
    match View::begin(database, Arc::default())?.format()? {
        Some(found) if found != FORMAT => Err(StoreError::Format { found, supported: FORMAT }),
        found => Ok(found),
    }
}

/// Makes the tables that an earlier version of the same format did not have.
pub(super) fn add_tables(database: &Database) -> Result<()> {
    let txn = begin_write(database)?;
    let before = txn.list_tables()?.count();
    let leases = Leases::default();
    drop(Tx::open(&txn, Arc::default(), Serial::default(), &leases, Arc::default())?);
    let after = txn.list_tables()?.count();
    if after == before {
        return Ok(txn.abort()?);
    }
    Ok(txn.commit()?)
}

fn make_tables(database: &Database) -> Result<()> {
    let txn = begin_write(database)?;
    let leases = Leases::default();
    let mut tx = Tx::open(&txn, Arc::default(), Serial::default(), &leases, Arc::default())?;
    tx.meta.insert(META_FORMAT, u64::from(FORMAT))?;
    tx.finish()?;
    txn.commit()?;
    Ok(())
}
