//! What a restart finds: everything that was answered, and no leases.

use leadhook_core::{delivery::State, id::SiteId, webhook::Switch};
use leadhook_store::{Account, StoreError, query::DeliveryQuery};
use serde_json::json;

use super::{
    Fixture,
    world::{
        ACCOUNT, SITE, START, World, attempted, call, ended, event_based, fingerprints, minute, reference,
        settings,
    },
};

pub(crate) async fn a_restart_finds_everything<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let account =
        Account { id: ACCOUNT, name: "default".to_owned(), client_id_key: [1; 32], recording_key: [2; 32] };
    world.store.put_account(account.clone()).await.unwrap();
    world.store.put_key([9; 32], ACCOUNT).await.unwrap();
    world.site(SITE, json!({"name": "Shop 2", "cross_uniqueness": true})).await;
    let tagged = call("t1", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]}));
    let receipt = world.try_accept(vec![ended(1), tagged], START).await.remove(0).unwrap();
    let first = world.claim_one(webhook, START).await;
    let delivered = attempted(&first, State::Delivered { at: START }, 200, START);
    world.deliver(first, START).await;
    let changed = settings(&event_based(&["call_started"]));
    world.store.save_webhook(ACCOUNT, webhook, changed, None, minute(1)).await.unwrap();
    let before = world.store.webhook(ACCOUNT, webhook).await.unwrap().unwrap();
    let lead = world.store.lead(ACCOUNT, &reference("c1")).await.unwrap();
    drop(world);

    fixture.reopen().await;
    let world = World { store: fixture.store() };
    assert_eq!(world.store.account(ACCOUNT).await.unwrap(), Some(account));
    assert_eq!(world.store.account_of_key([9; 32]).await.unwrap(), Some(ACCOUNT));
    let site = world.store.site(ACCOUNT, &SiteId::new(SITE).unwrap()).await.unwrap().unwrap();
    assert_eq!((site.revision, site.name.as_str(), site.cross_uniqueness), (2, "Shop 2", true));
    let after = world.store.webhook(ACCOUNT, webhook).await.unwrap().unwrap();
    assert_eq!((after.revision, &after.switch, after.created), (2, &Switch::On, before.created));
    assert_eq!(after.subscriptions, before.subscriptions);
    assert_eq!(world.store.revisions(ACCOUNT, webhook).await.unwrap().len(), 2);
    assert_eq!(world.store.lead(ACCOUNT, &reference("c1")).await.unwrap(), lead);
    let shown = world.store.delivery(ACCOUNT, receipt.deliveries[0]).await.unwrap().unwrap();
    assert_eq!(shown.delivery, delivered);
    assert_eq!(
        world.accept(ended(1), minute(2)).await.deliveries,
        receipt.deliveries,
        "the event id is known"
    );
    assert_eq!(world.claim_one(webhook, minute(2)).await.previous, Some(fingerprints(1)));
}

pub(crate) async fn a_restart_ends_leases<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let lost = world.claim_one(webhook, START).await;
    drop(world);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    assert_eq!(world.store.schedule().await.unwrap(), [(ACCOUNT, webhook, START)]);
    assert_eq!(world.claim_one(webhook, START).await.delivery, lost.delivery);
}

pub(crate) async fn serials_grow_over_a_restart_even_when_the_clock_goes_back<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let before = world.accept(ended(1), minute(60)).await.deliveries[0];
    drop(world);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    let after = world.accept(ended(2), START).await.deliveries[0];
    assert!(after.lane.lead > before.serial && after.serial > after.lane.lead);
}

pub(crate) async fn after_closing_nothing_is_taken<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let waiting = world.accept(ended(1), START);
    waiting.await;
    world.store.close().await;
    let event = leadhook_core::event::Event::parse(&ended(2)).unwrap();
    let refused = world.store.accept(ACCOUNT, vec![event], START).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let query = DeliveryQuery { limit: 1, ..Default::default() };
    assert!(matches!(world.store.deliveries(ACCOUNT, query).await, Err(StoreError::Unavailable(_))));
    world.store.close().await;
}
