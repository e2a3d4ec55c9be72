//! What lost the row by which it falls due is found by a round, and sent without anything else happening.

use std::time::Duration;

use leadhook_core::{delivery::StateName, time::MINUTE_MS};
use redb::{Database, TableDefinition};
use serde_json::json;

use crate::world::World;

const DUE: TableDefinition<'_, (u32, u64, i64, u64), (u64, bool)> = TableDefinition::new("due");

#[tokio::test]
async fn what_nothing_finds_any_more_is_sent_all_the_same() {
    let mut world = World::new().await;
    world.webhook(json!({"sending": {"model": "simplified", "delay_minutes": {"call_ended": 30}}})).await;
    let id = world.call("a").await;
    world.engine.shutdown(Duration::from_secs(10)).await;
    let file = world.folder.path().join(leadhook_store::redb::FILE_NAME);
    let txn = Database::open(file).unwrap().begin_write().unwrap();
    let mut due = txn.open_table(DUE).unwrap();
    assert!(due.pop_first().unwrap().is_some());
    drop(due);
    txn.commit().unwrap();
    world.restart().await;
    world.clock.advance(30 * MINUTE_MS);
    world.stands_as_time_passes(id, StateName::Delivered).await;
}
