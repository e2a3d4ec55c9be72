//! Verifying a data folder: every row is read, every sum checked, and what points at something else is followed.

mod deliveries;
mod kept;
mod leads;
mod settings;

use std::path::Path;

use ::redb::{Key, TableDefinition, Value};

use super::{
    FILE_NAME, MasterKeys, Options, builder,
    kinds::unless_broken,
    not_opened, own, row, sealing,
    table::FORMAT,
    tables::{self, Holds, OverTable},
    view::View,
};
use crate::{Result, StoreError};

/// How many flaws are told one by one; all are counted.
pub const FLAWS_TOLD_MAX: usize = 1_000;
/// The most characters of a key in a flaw.
const KEY_CHARACTERS_MAX: usize = 200;
/// After so many rows the progress is told.
const PROGRESS_EACH: u64 = 10_000;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The table that it is in.
    pub table: String,
    /// Which row, and what is wrong with it.
    pub what: String,
}

/// What verifying came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many rows were read.
    pub rows: u64,
    /// How many flaws were found.
    pub flaws: u64,
    /// The first of them, at most [`FLAWS_TOLD_MAX`].
    pub told: Vec<Flaw>,
}

impl Verified {
    fn flaw(&mut self, table: &str, what: impl Into<String>) {
        self.flaws += 1;
        if self.told.len() < FLAWS_TOLD_MAX {
            self.told.push(Flaw { table: table.to_owned(), what: what.into() });
        }
    }

    /// The value of a row; where it is damaged, that is a flaw.
    fn read<T>(&mut self, table: &str, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Damaged { what }) => {
                self.flaw(table, format!("{what} cannot be read"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Verifies the store in a data folder, which no engine may have open; changes nothing in it. `progress` is told how many rows
/// were read. `keys` are needed where secrets are sealed.
///
/// [`StoreError::MasterKeyMissing`] and [`StoreError::MasterKeyWrong`] when they are not the folder's,
/// [`StoreError::InUse`] when an engine has it open, [`StoreError::Format`] when another version wrote it,
/// [`StoreError::Open`] when there is none or redb itself finds its file broken.
pub fn verify(dir: &Path, keys: Option<&MasterKeys>, mut progress: impl FnMut(u64)) -> Result<Verified> {
    let path = dir.display().to_string();
    let file = dir.join(FILE_NAME);
    let opened = own::opened(|| builder(Options::default()).open(file)).and_then(own::checked);
    let (database, is_whole) = opened.map_err(|error| not_opened(&path, error))?;
    let mut verified = Verified::default();
    if !is_whole {
        verified.flaw("(the file)", "pages did not match their sums; redb has put the file right");
    }
    let sealer = sealing::sealer(&database, keys)?;
    let view = View::begin(&database, sealer)?;
    match view.format()? {
        Some(FORMAT) => {}
        found => return Err(StoreError::Format { found: found.unwrap_or(0), supported: FORMAT }),
    }
    for table in view.table_names()? {
        let mut reading =
            Sums { view: &view, name: &table, verified: &mut verified, progress: &mut progress };
        match unless_broken("key", || tables::over(&table, &mut reading).transpose()) {
            Ok(Some(())) => {}
            Ok(None) => verified.flaw(&table, "this version knows no such table"),
            Err(StoreError::Damaged { what }) => verified.flaw(&table, format!("a {what} cannot be read")),
            Err(error) => return Err(error),
        }
    }
    let read = unless_broken("key of what customers set", || view.setup());
    let setup = verified.read("webhook", read)?.unwrap_or_default();
    let parts = [settings::verify, kept::verify, leads::verify, deliveries::verify];
    for part in parts {
        let followed = unless_broken("key", || part(&view, &setup, &mut verified));
        verified.read("(more than one)", followed)?;
    }
    progress(verified.rows);
    Ok(verified)
}

/// Reads every row of a table, and checks its sum where it has one.
struct Sums<'a, P> {
    view: &'a View,
    name: &'a str,
    verified: &'a mut Verified,
    progress: &'a mut P,
}

impl<P: FnMut(u64)> OverTable for Sums<'_, P> {
    type Answer = ();

    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
        holds: Holds,
    ) -> Result<()> {
        for entry in self.view.table(table)?.range::<K::SelfType<'_>>(..)? {
            let (key, value) = entry?;
            self.verified.rows += 1;
            if self.verified.rows.is_multiple_of(PROGRESS_EACH) {
                (self.progress)(self.verified.rows);
            }
            if holds == Holds::Rows && !row::is_whole(V::as_bytes(&value.value()).as_ref()) {
                let key: String = format!("{:?}", key.value()).chars().take(KEY_CHARACTERS_MAX).collect();
                self.verified.flaw(self.name, format!("the row {key} does not match its sum"));
            }
        }
        Ok(())
    }
}
