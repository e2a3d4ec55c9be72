//! A backup holds all that was stored when it began; what is no whole backup of this version is refused.

use std::{io, path::Path};

use leadhook_core::id::WebhookId;
use leadhook_store::{
    BackupHead, Store, StoreError,
    redb::{FILE_NAME, restore, verify},
};

use super::filled;
use crate::{
    InFolder,
    conformance::world::{World, ended, minute},
};

async fn backup_of(store: &dyn Store) -> Vec<u8> {
    let mut backup = store.begin_backup(minute(9)).await.unwrap();
    rest(&mut *backup)
}

fn rest(backup: &mut dyn leadhook_store::Backup) -> Vec<u8> {
    std::iter::from_fn(|| backup.next_block().unwrap()).flatten().collect()
}

fn restored(bytes: &[u8], dir: &Path) -> Result<BackupHead, StoreError> {
    restore(bytes, dir, |_, _| {})
}

#[tokio::test]
async fn a_backup_holds_every_table_and_every_row() {
    let (fixture, world) = filled().await;
    // It fails for a table that it does not know, so this one names each that was forgotten in `tables.rs`.
    let backup = backup_of(&*world.store).await;
    let dir = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let head = restore(backup.as_slice(), dir.path(), |done, of| told.push((done, of))).unwrap();
    assert_eq!(head.made_at, minute(9));
    assert_eq!(told.last(), Some(&(head.rows, head.rows)));
    assert_eq!(verify(dir.path(), None, |_| {}).unwrap().rows, head.rows);
    let again = InFolder::open(&dir);
    assert_eq!(backup_of(&*again).await, backup, "a backup of what was restored is the same to the byte");
    drop(fixture);
}

#[tokio::test]
async fn a_backup_is_of_the_moment_at_which_it_began_and_what_is_owed_goes_on() {
    let (_fixture, world) = filled().await;
    let mut backup = world.store.begin_backup(minute(3)).await.unwrap();
    let mut bytes = backup.next_block().unwrap().unwrap();
    let late = world.accept(ended(70), minute(3)).await;
    let claimed = world.claim(WebhookId(7), 1, minute(3)).await.claimed.remove(0);
    world.deliver(claimed, minute(3)).await;
    bytes.extend(rest(&mut *backup));
    let dir = tempfile::tempdir().unwrap();
    restored(&bytes, dir.path()).unwrap();
    let world = World { store: InFolder::open(&dir) };
    let shown = world.store.delivery(crate::conformance::world::ACCOUNT, late.deliveries[0]).await.unwrap();
    assert!(shown.is_none(), "it came after the backup began");
    for _ in ["call_ended", "lead_tags_changed"] {
        world.deliver(world.claim_one(WebhookId(7), minute(4)).await, minute(4)).await;
    }
    let fresh = world.accept(ended(70), minute(4)).await;
    assert!(fresh.deliveries[0].serial > late.deliveries[0].serial, "no number is given twice");
}

#[tokio::test]
async fn a_backup_is_not_restored_onto_anything() {
    let (_fixture, world) = filled().await;
    let backup = backup_of(&*world.store).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("api-key"), "lhk_1").unwrap();
    let error = restored(&backup, dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_restore_that_breaks_off_leaves_no_store_and_can_be_begun_again() {
    let (_fixture, world) = filled().await;
    let backup = backup_of(&*world.store).await;
    let dir = tempfile::tempdir().unwrap();
    let mut changed = backup.clone();
    let last = changed.len() - 20;
    changed[last] ^= 1;
    let breaks = io::Read::chain(&backup[..backup.len() / 2], Broken);
    for error in [
        restored(&backup[..backup.len() - 1], dir.path()).unwrap_err(),
        restored(&changed, dir.path()).unwrap_err(),
        restore(breaks, dir.path(), |_, _| {}).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Backup { .. }), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{error}");
    }
    std::fs::write(dir.path().join("leadhook.redb.restoring"), "what a kill left").unwrap();
    restored(&backup, dir.path()).unwrap();
    assert!(!dir.path().join("leadhook.redb.restoring").exists());
    assert!(dir.path().join(FILE_NAME).exists());
}

/// A file that cannot be read further.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk does not answer"))
    }
}
