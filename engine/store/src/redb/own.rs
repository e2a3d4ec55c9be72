//! The engine's own file, told from a copy: one that was copied while an engine wrote to it is torn, and redb trusts what it opens.

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::UNIX_EPOCH,
};

use ::redb::{Builder, Database, DatabaseError, StorageError};

/// The name of the file that says which file an engine had open here last.
const MARK: &str = "leadhook.redb.own";

const TORN: &str =
    "its pages do not belong together, as in a copy that was made while an engine ran; restore a backup";

/// Opens a file. Where its pages make no sense to redb, over which it panics, that is an error.
pub(super) fn opened(
    open: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<Database, DatabaseError> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err(torn()))
}

/// Checks the sum of every page. The database, and whether all was well or could be put right.
pub(super) fn checked(mut database: Database) -> Result<(Database, bool), DatabaseError> {
    match catch_unwind(AssertUnwindSafe(|| database.check_integrity())) {
        Ok(Ok(is_whole)) => Ok((database, is_whole)),
        Ok(Err(DatabaseError::Storage(StorageError::Corrupted(_)))) => Err(torn()),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            // Closing it would write to what was misread, and may panic again.
            std::mem::forget(database);
            Err(torn())
        }
    }
}

/// Refuses a file that is torn, if it is not the one that an engine had open here last. It looks at all of such a file, and at
/// nothing of that one: what a crash leaves of it is whole.
pub(super) fn ensure_whole(builder: &Builder, file: &Path) -> Result<(), DatabaseError> {
    if !file.exists() || is_own(file) {
        return Ok(());
    }
    tracing::info!(file = %file.display(), "this file is new here: all of it is checked before it is opened");
    checked(opened(|| builder.open(file))?).map(drop)
}

/// From now on this file is the one that an engine had open here last.
pub(super) fn mark(file: &Path) {
    if !is_own(file)
        && let Ok(identity) = identity(file)
    {
        // Without it the next start checks the file once more.
        let _ = fs::write(file.with_file_name(MARK), identity);
    }
}

fn is_own(file: &Path) -> bool {
    let marked = fs::read_to_string(file.with_file_name(MARK));
    marked.is_ok_and(|marked| identity(file).is_ok_and(|identity| identity == marked))
}

/// What no copy has in common with its original: the file's number, where there are numbers, and when it was made, where that
/// is known.
fn identity(file: &Path) -> io::Result<String> {
    let known = fs::metadata(file)?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&known);
    #[cfg(not(unix))]
    let number = 0;
    let made = known.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{number} {}\n", made.unwrap_or_default().as_nanos()))
}

fn torn() -> DatabaseError {
    StorageError::Corrupted(TORN.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::super::{FILE_NAME, Options, RedbStore};
    use super::*;

    fn open(folder: &Path) -> crate::Result<RedbStore> {
        RedbStore::open(folder, Options { cache_bytes: 1 << 20 })
    }

    #[test]
    fn a_copy_is_not_the_engines_own_file() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join(FILE_NAME);
        drop(open(folder.path()).unwrap());
        assert!(is_own(&file));
        for name in [FILE_NAME, MARK] {
            fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
        }
        assert!(!is_own(&other.path().join(FILE_NAME)));
        drop(open(other.path()).unwrap());
        assert!(is_own(&other.path().join(FILE_NAME)), "it was found to be whole");
    }
}
