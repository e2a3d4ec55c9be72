//! Making the file: it gets its name only once it is whole, so that whoever is killed meanwhile leaves a folder that opens.

use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use ::redb::{Builder, DatabaseError};

/// What the name of a file that is being made begins with, before the process that makes it.
const BEING_MADE: &str = "leadhook.redb.new-";

/// Tells apart what one process makes.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Makes an empty database where there is no file yet. Of several that do so at one time one gives its file the name.
pub(super) fn make(builder: &Builder, file: &Path) -> Result<(), DatabaseError> {
    if file.exists() {
        return Ok(());
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let own = file.with_file_name(format!("{BEING_MADE}{}-{number}", std::process::id()));
    forget(&own)?;
    // Closed again at once, and synced by that.
    drop(builder.create(&own)?);
    // A link, unlike a renaming, never takes the place of a file that another has made.
    let linked = fs::hard_link(&own, file).or_else(|_| match file.exists() {
        true => Ok(()),
        // Not every file system has links; there the race of two first starts is left to the lock of the file.
        false => fs::rename(&own, file),
    });
    forget(&own)?;
    linked?;
    sync_folder_of(file)?;
    Ok(())
}

/// Removes what starts that were killed left behind. To be called with the file open, hence locked.
pub(super) fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(BEING_MADE) {
            // It takes room and does no harm; the next start tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn forget(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A name is durable once its folder is synced, where folders can be.
fn sync_folder_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, RedbStore};
    use super::*;
    use crate::StoreError;

    fn open(folder: &Path) -> crate::Result<RedbStore> {
        RedbStore::open(folder, Options { cache_bytes: 1 << 20 })
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_first_start_that_was_killed_leaves_a_folder_that_opens() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("{BEING_MADE}1")), b"half a head").unwrap();
        fs::write(folder.path().join(format!("{BEING_MADE}{}-0", std::process::id())), b"").unwrap();
        open(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["leadhook.redb", "leadhook.redb.own"]);
    }

    #[test]
    fn of_first_starts_at_one_time_one_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let opened: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| open(folder.path()))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let refused = opened.iter().filter(|opened| matches!(opened, Err(StoreError::InUse { .. }))).count();
        assert_eq!((opened.iter().filter(|opened| opened.is_ok()).count(), refused), (1, 3), "{opened:?}");
        assert_eq!(names(folder.path()), ["leadhook.redb", "leadhook.redb.own"]);
    }
}
