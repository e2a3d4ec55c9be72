//! Restoring a backup into an empty folder: every block is checked before it is written, and the file gets its name last.

use std::{
    fs::{self, File},
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ::redb::{Database, Key, TableDefinition, Value, WriteTransaction};

use super::{
    FILE_NAME, Options, builder, make_private_dir, opening, own, row,
    table::FORMAT,
    tables::{self, Holds, OverTable},
};
use crate::{
    Result, StoreError,
    backup::{BackupHead, Block, RowBytes, Unpacker, broken, own_version},
};

/// The name of the file until it is whole. What a restore that broke off left under it is written over.
const UNFINISHED: &str = "leadhook.redb.restoring";
/// How much of a backup is read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Restores a backup into a folder that is empty, or that is made. `progress` is told how many of the rows are written.
/// What the backup says of itself.
///
/// [`StoreError::NotEmpty`] when the folder holds anything, [`StoreError::NewerBackup`] when a later version made the
/// backup, [`StoreError::Backup`] when it is not whole, [`StoreError::Open`] for anything else. Then the folder holds no
/// store.
pub fn restore(from: impl Read, dir: &Path, mut progress: impl FnMut(u64, u64)) -> Result<BackupHead> {
    let failed =
        |error: io::Error| StoreError::Open { path: dir.display().to_string(), reason: error.to_string() };
    make_private_dir(dir).map_err(failed)?;
    for entry in fs::read_dir(dir).map_err(failed)? {
        if entry.map_err(failed)?.file_name() != UNFINISHED {
            return Err(StoreError::NotEmpty { path: dir.display().to_string() });
        }
    }
    let unfinished = dir.join(UNFINISHED);
    remove(&unfinished).map_err(failed)?;
    match write(from, &unfinished, &mut progress) {
        Ok(head) => {
            fs::rename(&unfinished, dir.join(FILE_NAME)).map_err(failed)?;
            // The name is durable only with the folder.
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
            own::mark(&dir.join(FILE_NAME));
            Ok(head)
        }
        Err(error) => {
            remove(&unfinished).map_err(failed)?;
            Err(error)
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(mut from: impl Read, file: &Path, progress: &mut impl FnMut(u64, u64)) -> Result<BackupHead> {
    let database = builder(Options::default()).create(file)?;
    let mut unpacker = Unpacker::default();
    let mut piece = vec![0; PIECE_BYTES];
    let mut written = 0;
    loop {
        let length = from.read(&mut piece).map_err(|error| broken(&format!("it cannot be read: {error}")))?;
        if length == 0 {
            break;
        }
        unpacker.feed(&piece[..length]);
        while let Some(block) = unpacker.next_block()? {
            match block {
                Block::Head(head) => check_format(&head)?,
                Block::Rows { table, rows } => {
                    insert(&database, &table, &rows)?;
                    written += rows.len() as u64;
                    progress(written, unpacker.head().map_or(0, |head| head.rows));
                }
                Block::End { .. } => {}
            }
        }
    }
    unpacker.finish()?;
    // Those without rows are in no backup.
    opening::add_tables(&database)?;
    let head = unpacker.head().cloned();
    head.ok_or_else(|| broken("its head is missing"))
}

fn check_format(head: &BackupHead) -> Result<()> {
    match head.format.cmp(&FORMAT) {
        std::cmp::Ordering::Greater => {
            Err(StoreError::NewerBackup { version: head.version.clone(), own: own_version() })
        }
        std::cmp::Ordering::Less => Err(StoreError::Format { found: head.format, supported: FORMAT }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// Writes the rows of one block in a transaction of their own, so that a backup of any size needs little memory.
fn insert(database: &Database, table: &str, rows: &[RowBytes]) -> Result<()> {
    let txn = opening::begin_write(database)?;
    let mut insert = Insert { txn: &txn, rows };
    // redb's types take their bytes for granted, and a file from outside could hold any.
    let inserted = catch_unwind(AssertUnwindSafe(|| tables::over(table, &mut insert)));
    let inserted =
        inserted.map_err(|_| broken(&format!("it has a row that the table {table} cannot hold")))?;
    inserted.ok_or_else(|| broken(&format!("it has a table that this version does not know, {table}")))??;
    Ok(txn.commit()?)
}

struct Insert<'a> {
    txn: &'a WriteTransaction,
    rows: &'a [RowBytes],
}

impl OverTable for Insert<'_> {
    type Answer = ();

    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
        holds: Holds,
    ) -> Result<()> {
        let mut table = self.txn.open_table(table)?;
        for (key, value) in self.rows {
            if holds == Holds::Rows && !row::is_whole(value) {
                tracing::warn!("a row was damaged when the backup was made, and is restored as it was");
            }
            table.insert(K::from_bytes(key), V::from_bytes(value))?;
        }
        Ok(())
    }
}
