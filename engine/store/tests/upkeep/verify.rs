//! Verifying names what is wrong and where, and finds nothing in a sound folder.

use std::path::Path;

use leadhook_store::{
    StoreError,
    redb::{FILE_NAME, Verified, verify},
};
use redb::{Database, ReadableTable as _, TableDefinition};

use super::filled;

type Rows<K> = TableDefinition<'static, K, &'static [u8]>;
const DUE: TableDefinition<'_, (u32, u64, i64, u64), (u64, bool)> = TableDefinition::new("due");
const WAITING: TableDefinition<'_, (u32, u64, u64, u64), ()> = TableDefinition::new("waiting");
const LEAD_ID: TableDefinition<'_, (u32, &str, &str, &str), u64> = TableDefinition::new("lead_id");
const OPEN: Rows<(u32, u64, u64)> = TableDefinition::new("open");
const PLUGIN_PIECE: Rows<(u32, &str, u32)> = TableDefinition::new("plugin_piece");

fn verified(dir: &Path) -> Verified {
    verify(dir, None, |_| {}).unwrap()
}

/// What is found after a change of the file behind the store's back.
async fn after(change: impl FnOnce(&redb::WriteTransaction)) -> Vec<(String, String)> {
    let (fixture, world) = filled().await;
    world.store.close().await;
    assert_eq!(verified(fixture.dir.path()).told, [], "it is sound before");
    let database = Database::open(fixture.dir.path().join(FILE_NAME)).unwrap();
    let txn = database.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
    drop(database);
    let verified = verified(fixture.dir.path());
    assert_eq!(verified.flaws, verified.told.len() as u64);
    verified.told.into_iter().map(|flaw| (flaw.table, flaw.what)).collect()
}

/// The first key of a table, as it stands.
fn first<K: redb::Key + 'static, V: redb::Value + 'static>(table: &redb::Table<'_, K, V>) -> Vec<u8> {
    let (key, _) = table.first().unwrap().unwrap();
    K::as_bytes(&key.value()).as_ref().to_vec()
}

#[tokio::test]
async fn a_changed_bit_of_a_row_is_found() {
    let flaws = after(|txn| {
        let mut rows = txn.open_table(OPEN).unwrap();
        let key = first(&rows);
        let key = <(u32, u64, u64) as redb::Value>::from_bytes(&key);
        let mut row = rows.get(key).unwrap().unwrap().value().to_vec();
        row[9] ^= 4;
        rows.insert(key, row.as_slice()).unwrap();
    })
    .await;
    assert!(flaws.iter().any(|(table, what)| table == "open" && what.contains("its sum")), "{flaws:?}");
}

#[tokio::test]
async fn what_is_owed_and_never_due_is_found() {
    let flaws = after(|txn| txn.open_table(DUE).unwrap().retain(|_, _| false).unwrap()).await;
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    assert!(flaws.iter().all(|(table, what)| table == "due" && what.contains("never be due")), "{flaws:?}");
}

#[tokio::test]
async fn what_is_due_and_not_owed_is_found() {
    let flaws = after(|txn| {
        txn.open_table(DUE).unwrap().insert((1, 7, 0, 99), (98, false)).unwrap();
        txn.open_table(WAITING).unwrap().insert((1, 7, 98, 99), ()).unwrap();
    })
    .await;
    let tables: Vec<_> = flaws.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(tables, ["due", "waiting"], "{flaws:?}");
}

#[tokio::test]
async fn ids_that_lead_nowhere_and_leads_without_one_are_found() {
    let flaws = after(|txn| {
        let mut ids = txn.open_table(LEAD_ID).unwrap();
        ids.remove((1, "60001", "call", "c60")).unwrap().unwrap();
        ids.insert((1, "60001", "call", "nobody"), 99).unwrap();
    })
    .await;
    let of_ids = flaws.iter().filter(|(table, _)| table == "lead_id").count();
    assert_eq!((flaws.len(), of_ids), (3, 3), "two versions and an id: {flaws:?}");
}

#[tokio::test]
async fn a_missing_piece_of_a_plugin_and_an_unknown_table_are_found() {
    let flaws = after(|txn| {
        txn.open_table(PLUGIN_PIECE).unwrap().pop_last().unwrap().unwrap();
        let unknown: Rows<u32> = TableDefinition::new("of_tomorrow");
        txn.open_table(unknown).unwrap();
    })
    .await;
    let tables: Vec<_> = flaws.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(tables, ["of_tomorrow", "plugin_piece"], "{flaws:?}");
}

#[tokio::test]
async fn a_folder_in_use_or_without_a_store_is_not_verified() {
    let (fixture, world) = filled().await;
    let error = verify(fixture.dir.path(), None, |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    world.store.close().await;
    let empty = tempfile::tempdir().unwrap();
    let error = verify(empty.path(), None, |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "nothing is made");
}
