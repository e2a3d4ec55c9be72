//! What customers set: accounts, keys, sites, webhooks and their revisions.

use leadhook_core::{
    id::{AccountId, SiteId, WebhookId},
    webhook::Switch,
};
use leadhook_store::{Account, Saved};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, SITE, START, World, ended, minute, settings},
};

pub(crate) async fn sites_count_their_revisions_also_after_deletion<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = SiteId::new(SITE).unwrap();
    assert_eq!(world.store.site(ACCOUNT, &id).await.unwrap().unwrap().revision, 1);
    assert_eq!(world.site(SITE, json!({"name": "Shop 2"})).await.revision, 2);
    assert!(world.store.delete_site(ACCOUNT, &id).await.unwrap());
    assert!(!world.store.delete_site(ACCOUNT, &id).await.unwrap());
    assert_eq!(world.store.site(ACCOUNT, &id).await.unwrap(), None);
    assert!(world.store.sites(ACCOUNT).await.unwrap().is_empty());
    assert_eq!(world.site(SITE, json!({"name": "Shop 3"})).await.revision, 3);
    assert_eq!(world.store.sites(ACCOUNT).await.unwrap()[0].name, "Shop 3");
}

pub(crate) async fn accounts_and_keys_are_found<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    let account = Account {
        id: AccountId(3),
        name: "Agency".to_owned(),
        client_id_key: [1; 32],
        recording_key: [2; 32],
    };
    assert_eq!(store.account(account.id).await.unwrap(), None);
    store.put_account(account.clone()).await.unwrap();
    store.put_key([9; 32], account.id).await.unwrap();
    assert_eq!(store.account(account.id).await.unwrap(), Some(account.clone()));
    assert_eq!(store.account_of_key([9; 32]).await.unwrap(), Some(account.id));
    assert_eq!(store.account_of_key([8; 32]).await.unwrap(), None);
}

pub(crate) async fn a_webhook_is_made_inactive_and_saved_in_revisions<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = WebhookId(7);
    let first = settings(&json!({"name": "first"}));
    let made = world.store.create_webhook(ACCOUNT, id, first.clone(), START).await.unwrap();
    assert_eq!((made.revision, &made.switch), (1, &Switch::Off(None)));
    assert!(world.accept(ended(1), START).await.deliveries.is_empty(), "it is off");
    let second = settings(&json!({"name": "second"}));
    let saved = world.store.save_webhook(ACCOUNT, id, second.clone(), Some(1), minute(1)).await.unwrap();
    let Saved::Saved(saved) = saved else { panic!("{saved:?}") };
    assert_eq!((saved.revision, saved.settings.name.as_str(), saved.created), (2, "second", made.created));
    let revisions = world.store.revisions(ACCOUNT, id).await.unwrap();
    let stored: Vec<_> = revisions.iter().map(|one| (one.number, &one.settings)).collect();
    assert_eq!(stored, [(2, &second.source), (1, &first.source)]);
    assert!(revisions[0].saved > revisions[1].saved);
}

pub(crate) async fn a_save_with_an_outdated_revision_is_refused<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({"name": "first"})).await;
    let save = |expected| {
        let store = world.store.clone();
        async move {
            store.save_webhook(ACCOUNT, id, settings(&json!({"name": "x"})), expected, START).await.unwrap()
        }
    };
    assert!(matches!(save(Some(1)).await, Saved::Saved(_)));
    assert!(matches!(save(Some(1)).await, Saved::Moved(2)));
    assert!(matches!(save(None).await, Saved::Saved(_)));
    let unknown = world.store.save_webhook(ACCOUNT, WebhookId(8), settings(&json!({})), None, START).await;
    assert!(matches!(unknown.unwrap(), Saved::Unknown));
    assert_eq!(world.store.webhook(ACCOUNT, id).await.unwrap().unwrap().revision, 3);
}

pub(crate) async fn a_deleted_webhook_stays_deleted<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({})).await;
    let other = world.webhook(6, json!({})).await;
    assert!(world.store.switch_webhook(ACCOUNT, id, Switch::Deleted).await.unwrap().is_some());
    assert!(world.store.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap().is_none());
    let save = world.store.save_webhook(ACCOUNT, id, settings(&json!({})), None, START).await.unwrap();
    assert!(matches!(save, Saved::Unknown));
    let listed: Vec<_> = world.store.webhooks(ACCOUNT).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed, [other]);
    assert_eq!(world.store.webhook(ACCOUNT, id).await.unwrap().unwrap().switch, Switch::Deleted);
    assert_eq!(world.accept(ended(1), START).await.deliveries.len(), 1);
}

pub(crate) async fn accounts_do_not_see_each_other<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let id = world.accept(ended(1), START).await.deliveries[0];
    let (other, store) = (AccountId(2), fixture.store());
    assert_eq!(store.delivery(other, id).await.unwrap(), None);
    assert!(store.webhook(other, webhook).await.unwrap().is_none());
    assert!(store.sites(other).await.unwrap().is_empty());
    let event = leadhook_core::event::Event::parse(&ended(2)).unwrap();
    assert!(store.accept(other, vec![event], START).await.unwrap()[0].is_err());
    assert!(
        store
            .leads(other, leadhook_store::query::LeadQuery { limit: 9, ..Default::default() })
            .await
            .unwrap()
            .rows
            .is_empty()
    );
}
