//! What plugins keep for webhooks from one delivery to the next.

use leadhook_core::{
    delivery::State,
    id::{AccountId, WebhookId},
    plugin::{Change, StateChange, Stored},
    time::Timestamp,
    webhook::Switch,
};
use leadhook_store::{Claimed, Settled};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, attempted, ended, minute},
};

/// A change of what the plugin `dedupe` keeps.
pub(crate) fn change(key: &str, change: Change) -> StateChange {
    StateChange { plugin: "dedupe".to_owned(), key: key.to_owned(), change }
}

/// Settles as delivered, with these changes.
pub(crate) async fn deliver(
    world: &World,
    claimed: Claimed,
    changes: Vec<StateChange>,
    now: Timestamp,
) -> Settled {
    let delivered = attempted(&claimed, State::Delivered { at: now }, 200, now);
    world.settle_with(claimed, delivered, changes, now).await
}

fn value(bytes: &[u8]) -> Stored {
    Stored { value: bytes.to_vec(), expires_at_ms: None }
}

fn add(by: i64) -> StateChange {
    change("count", Change::Add { by, expires_at_ms: None })
}

async fn kept(world: &World, webhook: WebhookId, key: &str) -> Option<Stored> {
    world.store.plugin_state(ACCOUNT, webhook, "dedupe", key).await.unwrap()
}

pub(crate) async fn what_plugins_change_is_stored_with_the_outcome<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let (webhook, other) = (world.webhook(7, json!({})).await, world.webhook(8, json!({})).await);
    world.accept(ended(1), START).await;
    let claimed = world.claim_one(webhook, START).await;
    let retrying = attempted(&claimed, State::Retrying { due: minute(5) }, 500, START);
    let changes = vec![change("seen", Change::Set(value(b"1"))), add(2), add(3)];
    let settled = world.settle_with(claimed.clone(), retrying, changes, START).await;
    assert!(matches!(settled, Settled::Stored { .. }));
    drop(world);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    assert_eq!(kept(&world, webhook, "seen").await, Some(value(b"1")));
    assert_eq!(kept(&world, webhook, "count").await, Some(value(b"5")));
    assert_eq!(kept(&world, webhook, "see").await, None);
    assert_eq!(kept(&world, other, "seen").await, None, "each webhook has its own");
    assert_eq!(world.store.plugin_state(ACCOUNT, webhook, "dedup", "seen").await.unwrap(), None);
    assert_eq!(world.store.plugin_state(AccountId(2), webhook, "dedupe", "seen").await.unwrap(), None);

    assert_eq!(deliver(&world, claimed, vec![add(100)], minute(5)).await, Settled::Stale);
    assert_eq!(kept(&world, webhook, "count").await, Some(value(b"5")), "what is stale changes nothing");
    let claimed = world.claim_one(webhook, minute(5)).await;
    deliver(&world, claimed, vec![add(-1), change("seen", Change::Delete)], minute(5)).await;
    assert_eq!(kept(&world, webhook, "count").await, Some(value(b"4")));
    assert_eq!(kept(&world, webhook, "seen").await, None);
}

pub(crate) async fn a_key_that_has_ended_begins_anew<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let end = |at: i64| Some(minute(at).0.unsigned_abs());
    for (number, at, sum) in [(1, 0, b"1"), (2, 9, b"2"), (3, 10, b"1")] {
        world.accept(ended(number), minute(at)).await;
        let claimed = world.claim_one(webhook, minute(at)).await;
        let add = Change::Add { by: 1, expires_at_ms: end(at + 10) };
        deliver(&world, claimed, vec![change("count", add)], minute(at)).await;
        assert_eq!(kept(&world, webhook, "count").await.unwrap().value, sum, "{number}");
    }
    assert_eq!(kept(&world, webhook, "count").await.unwrap().expires_at_ms, end(20));
}

pub(crate) async fn a_deleted_webhook_keeps_no_state<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    world.accept(ended(2), START).await;
    let [first, second] = <[_; 2]>::try_from(world.claim(webhook, 2, START).await.claimed).unwrap();
    deliver(&world, first, vec![add(1)], START).await;
    assert!(kept(&world, webhook, "count").await.is_some());
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap();
    assert_eq!(kept(&world, webhook, "count").await, None);
    let settled = deliver(&world, second, vec![add(1)], START).await;
    assert!(matches!(settled, Settled::Stored { .. }), "what was under way is recorded");
    assert_eq!(kept(&world, webhook, "count").await, None);
}
