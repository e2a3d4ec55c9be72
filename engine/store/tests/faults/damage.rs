//! A file in use, of another format, or with damaged rows: told by name, and never read wrongly.

use std::path::Path;

use leadhook_core::{
    delivery::StateName,
    event::Trigger,
    notification::News,
    plugin::{Change, Stored},
};
use leadhook_store::{
    Settled, Store, StoreError,
    query::{DeliveryQuery, LeadQuery},
    redb::{FILE_NAME, Options, RedbStore},
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde_json::json;

use crate::{
    InFolder,
    conformance::{
        Fixture as _,
        plugins::upload,
        state::{change, deliver},
        world::{ACCOUNT, START, World, call, ended, event_based, minute, reference},
    },
};

type Rows<K> = TableDefinition<'static, K, &'static [u8]>;
const OPEN: Rows<(u32, u64, u64)> = TableDefinition::new("open");
const WEBHOOK: Rows<(u32, u64)> = TableDefinition::new("webhook");
const PLUGIN_PIECE: Rows<(u32, &'static str, u32)> = TableDefinition::new("plugin_piece");
const STATE: Rows<(u32, u64, &'static str, &'static str)> = TableDefinition::new("state");

/// Flips one bit of the first row of a table.
fn damage_first_row<K: redb::Key + 'static>(dir: &Path, table: TableDefinition<'_, K, &'static [u8]>) {
    let database = Database::open(dir.join(FILE_NAME)).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut rows = txn.open_table(table).unwrap();
        let (key, mut bytes) = {
            let (key, value) = rows.first().unwrap().unwrap();
            (K::as_bytes(&key.value()).as_ref().to_vec(), value.value().to_vec())
        };
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        rows.insert(K::from_bytes(&key), bytes.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

async fn closed(fixture: InFolder) -> tempfile::TempDir {
    fixture.store.close().await;
    fixture.dir
}

#[tokio::test]
async fn a_second_opening_is_refused_in_plain_words() {
    let fixture = InFolder::make().await;
    let error = RedbStore::open(fixture.dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let dir = closed(fixture).await;
    RedbStore::open(dir.path(), Options::default()).unwrap();
}

#[tokio::test]
async fn a_folder_of_another_format_is_refused_by_name() {
    let dir = closed(InFolder::make().await).await;
    let database = Database::open(dir.path().join(FILE_NAME)).unwrap();
    let txn = database.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    txn.open_table(meta).unwrap().insert("format", 9).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = RedbStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 9, supported: 4 }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), "a letter to a friend").unwrap();
    let error = RedbStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
}

#[tokio::test]
async fn damaged_settings_are_named_when_opening() {
    let fixture = InFolder::make().await;
    World::new(fixture.store()).await.webhook(7, json!({})).await;
    let dir = closed(fixture).await;
    damage_first_row(dir.path(), WEBHOOK);
    let error = RedbStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("the stored webhook wh_"), "{error}");
}

#[tokio::test]
async fn a_damaged_delivery_is_never_sent_and_holds_up_nothing() {
    let mut fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let damaged = world.accept(ended(1), START).await.deliveries[0];
    world.accept(call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), minute(1)).await;
    world.accept(ended(2), minute(2)).await;
    world.store.close().await;
    damage_first_row(fixture.dir.path(), OPEN);
    fixture.store = InFolder::open(&fixture.dir);
    let world = World { store: fixture.store() };

    let claims = world.claim(webhook, 10, minute(3)).await;
    assert_eq!(claims.claimed.len(), 1);
    assert_eq!(claims.claimed[0].lead.reference, reference("c2"));
    assert_eq!(claims.next_due, Some(minute(1)), "the next of the damaged one's lane is due");
    let next = world.claim_one(webhook, minute(3)).await;
    assert_eq!(next.delivery.trigger, Trigger::LeadTagsChanged);
    let shown = world.store.delivery(ACCOUNT, damaged).await;
    assert!(matches!(shown, Err(StoreError::Damaged { .. })), "{shown:?}");
    let told = world.store.notifications(ACCOUNT, 9, None).await.unwrap().rows;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].news, News::Damage { webhook, delivery: damaged });
    let sending = DeliveryQuery { state: Some(StateName::Sending), limit: 9, ..Default::default() };
    assert_eq!(world.deliveries(sending).await.rows.len(), 2);

    fixture.store.close().await;
    let database = Database::open(fixture.dir.path().join(FILE_NAME)).unwrap();
    let quarantine: Rows<(u32, u64, u64)> = TableDefinition::new("quarantine");
    let kept = database.begin_read().unwrap().open_table(quarantine).unwrap();
    assert_eq!(kept.iter().unwrap().count(), 1, "the row is kept as it was found");
}

#[tokio::test]
async fn a_damaged_lead_fails_its_own_events_only_and_is_left_out_of_lists() {
    let mut fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    world.accept(ended(1), START).await;
    world.accept(ended(2), START).await;
    world.store.close().await;
    let day = u32::try_from(START.0 / leadhook_core::time::DAY_MS).unwrap();
    let name = format!("lead/{day}");
    damage_first_row::<(u32, u64, u32)>(fixture.dir.path(), TableDefinition::new(&name));
    fixture.store = InFolder::open(&fixture.dir);
    let world = World { store: fixture.store() };

    let damaged = leadhook_core::event::Event::parse(&ended(1)).unwrap();
    let others = (3..60).map(|number| world.accept(ended(number), minute(1)));
    let bad = world.store.accept(ACCOUNT, vec![damaged], minute(1));
    let (bad, good) = tokio::join!(bad, futures_of(others.collect()));
    assert!(matches!(bad, Err(StoreError::Damaged { .. })), "{bad:?}");
    assert_eq!(good, 57);
    let query = LeadQuery { limit: 100, ..Default::default() };
    assert_eq!(world.store.leads(ACCOUNT, query).await.unwrap().rows.len(), 58);
    let shown = world.store.lead(ACCOUNT, &reference("c1")).await;
    assert!(matches!(shown, Err(StoreError::Damaged { .. })), "{shown:?}");
}

#[tokio::test]
async fn a_damaged_plugin_is_never_given_out() {
    let mut fixture = InFolder::make().await;
    let plugin = upload("crm", b"a plugin".to_vec(), START);
    fixture.store.put_plugin(ACCOUNT, plugin).await.unwrap();
    fixture.store.close().await;
    damage_first_row(fixture.dir.path(), PLUGIN_PIECE);
    fixture.store = InFolder::open(&fixture.dir);
    let found = fixture.store.plugin(ACCOUNT, "crm", None).await;
    assert!(matches!(found, Err(StoreError::Damaged { .. })), "{found:?}");
}

#[tokio::test]
async fn damaged_state_is_never_given_out_and_holds_up_no_outcome() {
    let mut fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    world.accept(ended(2), START).await;
    let set = |end: i64| {
        let expires_at_ms = Some(minute(end).0.unsigned_abs());
        vec![change("seen", Change::Set(Stored { value: b"1".to_vec(), expires_at_ms }))]
    };
    let claimed = world.claim(webhook, 1, START).await.claimed.remove(0);
    deliver(&world, claimed, set(5), START).await;
    world.store.close().await;
    damage_first_row(fixture.dir.path(), STATE);
    fixture.store = InFolder::open(&fixture.dir);
    let world = World { store: fixture.store() };

    let found = world.store.plugin_state(ACCOUNT, webhook, "dedupe", "seen").await;
    assert!(matches!(found, Err(StoreError::Damaged { .. })), "{found:?}");
    let claimed = world.claim_one(webhook, minute(6)).await;
    let settled = deliver(&world, claimed, set(9), minute(6)).await;
    assert!(matches!(settled, Settled::Stored { .. }), "{settled:?}");
    let found = world.store.plugin_state(ACCOUNT, webhook, "dedupe", "seen").await.unwrap();
    assert!(found.is_some(), "the end of the damaged row does not end the new one");
}

/// Waits for all of them; how many there were.
async fn futures_of<T>(futures: Vec<impl Future<Output = T>>) -> usize {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let count = pinned.len();
    std::future::poll_fn(|context| {
        pinned.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pinned.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    count
}
