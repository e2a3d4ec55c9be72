//! Rows that others are looked up by have no sum: what they find is held against what was asked for, and what is whole is
//! found again.

use std::path::Path;

use leadhook_core::{
    event::Event,
    id::{AccountId, DeliveryId},
    notification::News,
};
use leadhook_store::{
    RoundPlace, Store as _, StoreError,
    redb::{Options, RedbStore},
};
use redb::{Database, Key, ReadableTable as _, Table, TableDefinition, Value};
use serde_json::json;

use crate::{
    InFolder,
    conformance::{
        Fixture as _,
        world::{ACCOUNT, START, World, call, ended, event_based, minute, reference},
    },
};

const DUE: TableDefinition<'_, (u32, u64, i64, u64), (u64, bool)> = TableDefinition::new("due");
const WAITING: TableDefinition<'_, (u32, u64, u64, u64), ()> = TableDefinition::new("waiting");
const OPEN: TableDefinition<'_, (u32, u64, u64), &[u8]> = TableDefinition::new("open");
const LEAD_ID: TableDefinition<'_, (u32, &str, &str, &str), u64> = TableDefinition::new("lead_id");
const EVENT_ID: TableDefinition<'_, (u32, &str, &str), (u64, u32)> = TableDefinition::new("event_id");

/// Changes a table of a folder that nobody has open.
fn change<K: Key + 'static, V: Value + 'static>(
    dir: &Path,
    table: TableDefinition<'_, K, V>,
    change: impl FnOnce(&mut Table<'_, K, V>),
) {
    let database = Database::open(dir.join(leadhook_store::redb::FILE_NAME)).unwrap();
    let txn = database.begin_write().unwrap();
    change(&mut txn.open_table(table).unwrap());
    txn.commit().unwrap();
}

/// A folder in which two calls are owed to webhook 7, each with a change of its tags behind it.
async fn owing() -> (InFolder, Vec<DeliveryId>) {
    let fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let mut owed = Vec::new();
    for number in [1, 2] {
        owed.extend(world.accept(ended(number), START).await.deliveries);
        let tags = json!({"tags_manual": ["a"]});
        let tagged = call(&format!("t{number}"), "lead.tags_changed", &format!("c{number}"), tags);
        owed.extend(world.accept(tagged, START).await.deliveries);
    }
    fixture.store.close().await;
    (fixture, owed)
}

/// What is sent until nothing more is due, in order, each of its own lead.
async fn sent(fixture: &mut InFolder) -> Vec<DeliveryId> {
    fixture.store = InFolder::open(&fixture.dir);
    let world = World { store: fixture.store() };
    let mut place = Some(RoundPlace::default());
    while let Some(from) = place {
        place = world.store.step_round(from).await.unwrap().next;
    }
    let mut sent = Vec::new();
    for _ in 0..8 {
        for claimed in world.claim(leadhook_core::id::WebhookId(7), 1, minute(1)).await.claimed {
            assert_eq!(claimed.lead.serial, claimed.delivery.id.lane.lead);
            sent.push(claimed.delivery.id);
            world.deliver(claimed, minute(1)).await;
        }
    }
    sent
}

/// Whether each was sent once, and those of one lead in order.
fn is_all_in_order(sent: &[DeliveryId], owed: &[DeliveryId]) -> bool {
    let place = |id| sent.iter().position(|one| *one == id);
    sent.len() == owed.len()
        && owed.chunks(2).all(|lane| place(lane[0]).is_some() && place(lane[0]) < place(lane[1]))
}

#[tokio::test]
async fn what_is_due_for_another_lead_or_at_another_time_is_sent_as_it_is_owed() {
    type Change = fn(&mut (u32, u64, i64, u64), &mut (u64, bool));
    let changes: [Change; 5] = [
        |_, (lead, _)| *lead ^= 1 << 16,
        |_, (_, is_retry)| *is_retry = true,
        |key, _| key.2 -= 4_096,
        |key, _| key.2 += 1 << 40,
        |key, _| key.3 ^= 1 << 20,
    ];
    for flip in changes {
        let (mut fixture, owed) = owing().await;
        change(fixture.dir.path(), DUE, |due| {
            let (mut key, mut value) = due.pop_first().unwrap().map(|(k, v)| (k.value(), v.value())).unwrap();
            flip(&mut key, &mut value);
            due.insert(key, value).unwrap();
        });
        let sent = sent(&mut fixture).await;
        assert!(is_all_in_order(&sent, &owed), "{sent:?} of {owed:?}");
    }
}

#[tokio::test]
async fn what_lost_its_place_in_its_lane_is_sent_in_order() {
    for row in 0..4 {
        let (mut fixture, owed) = owing().await;
        change(fixture.dir.path(), WAITING, |waiting| {
            let key = waiting.iter().unwrap().nth(row).unwrap().unwrap().0.value();
            waiting.remove(key).unwrap();
            waiting.insert((key.0, key.1, key.2, key.3 ^ (1 << 30)), ()).unwrap();
        });
        let sent = sent(&mut fixture).await;
        assert!(is_all_in_order(&sent, &owed), "row {row}: {sent:?} of {owed:?}");
    }
}

#[tokio::test]
async fn a_delivery_under_another_key_is_missed_told_and_found_again() {
    let (mut fixture, owed) = owing().await;
    change(fixture.dir.path(), OPEN, |open| {
        let (key, row) = open.pop_first().unwrap().map(|(k, v)| (k.value(), v.value().to_vec())).unwrap();
        open.insert((key.0, key.1, key.2 ^ (1 << 30)), row.as_slice()).unwrap();
    });
    fixture.store = InFolder::open(&fixture.dir);
    let world = World { store: fixture.store() };
    world.claim(leadhook_core::id::WebhookId(7), 0, START).await;
    let claimed = world.claim(leadhook_core::id::WebhookId(7), 1, START).await.claimed;
    assert!(claimed.iter().all(|claimed| claimed.delivery.id != owed[0]));
    claimed.iter().for_each(drop);
    let told = world.store.notifications(ACCOUNT, 9, None).await.unwrap().rows.remove(0).news;
    assert!(matches!(told, News::Damage { delivery, .. } if delivery == owed[0]), "{told:?}");
    let missed = world.store.delivery(ACCOUNT, owed[0]).await;
    assert!(matches!(missed, Err(StoreError::Damaged { .. })), "{missed:?}");
    world.store.close().await;
    let sent = sent(&mut fixture).await;
    assert!(sent.contains(&owed[0]), "{sent:?}");
}

#[tokio::test]
async fn an_id_that_leads_to_another_lead_or_event_is_damaged() {
    let (mut fixture, _) = owing().await;
    change(fixture.dir.path(), LEAD_ID, |ids| {
        let other = ids.get((1, "60001", "call", "c2")).unwrap().unwrap().value();
        ids.insert((1, "60001", "call", "c1"), other).unwrap();
    });
    change(fixture.dir.path(), EVENT_ID, |ids| {
        let (lead, version) = ids.get((1, "60001", "e2")).unwrap().unwrap().value();
        ids.insert((1, "60001", "e2"), (lead, version + 1)).unwrap();
    });
    fixture.store = InFolder::open(&fixture.dir);
    let store = fixture.store();
    let read = store.lead(ACCOUNT, &reference("c1")).await;
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    let of_lead = call("t9", "lead.tags_changed", "c1", json!({"tags_manual": ["b"]}));
    for event in [of_lead, ended(2)] {
        let taken = store.accept(ACCOUNT, vec![Event::parse(&event).unwrap()], minute(1)).await;
        assert!(matches!(taken, Err(StoreError::Damaged { .. })), "{taken:?}");
    }
}

#[tokio::test]
async fn a_key_of_no_account_is_damaged_but_for_the_first_which_comes_before_its_account() {
    let fixture = InFolder::make().await;
    fixture.store.put_key([9; 32], AccountId::DEFAULT).await.unwrap();
    fixture.store.close().await;
    let store = InFolder::open(&fixture.dir);
    store.put_key([8; 32], AccountId(3)).await.unwrap();
    store.close().await;
    let error = RedbStore::open(fixture.dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
