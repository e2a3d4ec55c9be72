//! A file that is not the engine's own is looked at as a whole before it is opened.

use std::{fs, path::Path};

use leadhook_store::{
    StoreError,
    redb::{FILE_NAME, Options, RedbStore, verify},
};

use super::filled;

/// One bit of every so many bytes is flipped: somewhere in a page, and in another place of each.
const EACH_BYTES: usize = 32 * 4096 + 137;

/// A folder with a file of these bytes, which no engine had open there.
fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), bytes).unwrap();
    folder
}

fn open(folder: &Path) -> Result<RedbStore, StoreError> {
    RedbStore::open(folder, Options { cache_bytes: 1 << 20 })
}

#[tokio::test]
async fn a_copy_is_opened_where_each_page_is_what_it_was_and_else_refused() {
    let (fixture, world) = filled().await;
    world.store.close().await;
    let bytes = fs::read(fixture.dir.path().join(FILE_NAME)).unwrap();
    open(folder_with(&bytes).path()).unwrap();
    let mut refused = 0;
    for place in (0..bytes.len()).step_by(EACH_BYTES) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 4;
        // Verifying may put right what it can, so each has a file of its own.
        let is_broken = verify(folder_with(&flipped).path(), None, |_| {}).is_err();
        let opened = open(folder_with(&flipped).path());
        assert_eq!(opened.is_err(), is_broken, "byte {place}: {opened:?}");
        refused += usize::from(is_broken);
    }
    assert!(refused >= 10, "only {refused} flips fell on pages that are in use");
}
