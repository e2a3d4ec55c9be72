//! When the disk fails, nothing is acknowledged that is not stored, and the store works again by itself.

use std::sync::Arc;

use leadhook_core::event::Event;
use leadhook_store::{
    Receipt, Store, StoreError,
    redb::{Options, RedbStore},
};
use serde_json::json;

use super::disk::Disk;
use crate::conformance::world::{ACCOUNT, START, World, ended, minute, reference};

fn store_on(disk: &Disk) -> Arc<RedbStore> {
    let disk = disk.clone();
    Arc::new(RedbStore::open_on(move || Ok(disk.after_power_cut()), Options { cache_bytes: 0 }).unwrap())
}

async fn try_accept(store: &RedbStore, number: u32) -> Result<Receipt, StoreError> {
    let event = Event::parse(&ended(number)).unwrap();
    Ok(store.accept(ACCOUNT, vec![event], minute(1)).await?.remove(0).unwrap())
}

/// Accepts as often as it takes; while the store opens again it refuses at once.
async fn accept_at_last(store: &RedbStore, number: u32) -> Receipt {
    loop {
        match try_accept(store, number).await {
            Ok(receipt) => return receipt,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_is_not_acknowledged_and_works_again_later() {
    let disk = Disk::default();
    let store = store_on(&disk);
    let world = World::new(store.clone()).await;
    let webhook = world.webhook(7, json!({})).await;
    // The disk fails at another step of the commit each time.
    for (number, writes_left) in (0..).step_by(10).zip([0, 1, 2, 3, 5, 8, 13, 21]) {
        let before = try_accept(&store, number).await.unwrap();
        disk.fail_writes_after(Some(writes_left));
        let refused = try_accept(&store, number + 1).await;
        let again = try_accept(&store, number + 1).await;
        disk.fail_writes_after(None);
        if refused.is_err() {
            assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
        }
        let after = accept_at_last(&store, number + 2).await;
        assert!(after.deliveries[0].serial > before.deliveries[0].serial);
        assert_eq!(accept_at_last(&store, number).await.deliveries, before.deliveries, "still known");
        // A commit whose end could not be told is either whole or not at all.
        let maybe = store.lead(ACCOUNT, &reference(&format!("c{}", number + 1))).await.unwrap();
        if let Some((_, history)) = maybe {
            let id = history[0].deliveries[0];
            assert!(store.delivery(ACCOUNT, id).await.unwrap().is_some(), "{writes_left}");
        } else {
            assert!(refused.is_err() && again.is_err(), "acknowledged and lost at {writes_left}");
        }
    }
    assert!(disk.opened() > 4, "the store was opened again after failures");
    let claims = world.claim(webhook, 100, minute(2)).await.claimed;
    assert!((16..=24).contains(&claims.len()), "{}", claims.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_settlement_leaves_the_lease_with_its_holder() {
    let disk = Disk::default();
    let store = store_on(&disk);
    let world = World::new(store.clone()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let claimed = world.claim_one(webhook, START).await;
    disk.fail_writes_after(Some(0));
    let settlement = leadhook_store::Settlement {
        lease: claimed.lease,
        delivery: claimed.delivery.clone().into(),
        state: Vec::new(),
    };
    let refused = store.settle(vec![settlement], START).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    disk.fail_writes_after(None);
    accept_at_last(&store, 2).await;
    assert_eq!(world.claim(webhook, 10, minute(0)).await.claimed.len(), 0, "still held");
    assert_eq!(world.deliver(claimed, START).await, Some(minute(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_works_again_after_the_disk_answers_without_anything_being_written() {
    let disk = Disk::default();
    let store = store_on(&disk);
    let world = World::new(store.clone()).await;
    world.webhook(7, json!({})).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    disk.fail_reads(true);
    assert!(matches!(store.delivery(ACCOUNT, id).await, Err(StoreError::Unavailable(_))));
    disk.fail_reads(false);
    while store.delivery(ACCOUNT, id).await.is_err() {
        tokio::task::yield_now().await;
    }
}
