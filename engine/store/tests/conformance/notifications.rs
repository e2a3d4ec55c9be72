//! What an account's people are told of: kept in order, bounded, and noted once.

use leadhook_core::{
    id::{AccountId, WebhookId},
    notification::{NOTIFICATIONS_MAX, News, Notification},
    plugin::Step,
    webhook::Switch,
};
use leadhook_store::Store;
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, minute},
};

fn failing(number: u64) -> News {
    News::HandlerFailing { webhook: WebhookId(number) }
}

async fn all(store: &dyn Store, account: AccountId) -> Vec<Notification> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.notifications(account, 400, before).await.unwrap();
        found.extend(page.rows);
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

pub(crate) async fn what_is_noted_is_read_newest_first_in_pages_and_found_after_a_restart<F: Fixture>() {
    let mut fixture = F::make().await;
    let store = fixture.store();
    let plugin = News::PluginFailing {
        webhook: WebhookId(2),
        plugin: "crm".to_owned(),
        step: Step::Transform,
        failure: "trap: it gave up".to_owned(),
    };
    for (at, news) in (0..).zip([failing(1), plugin.clone(), failing(3)]) {
        store.notify(ACCOUNT, news, minute(at)).await.unwrap();
    }
    let first = store.notifications(ACCOUNT, 2, None).await.unwrap();
    let shown: Vec<_> = first.rows.iter().map(|row| (row.at, row.news.clone())).collect();
    assert_eq!(shown, [(minute(2), failing(3)), (minute(1), plugin)]);
    let second = store.notifications(ACCOUNT, 2, first.next).await.unwrap();
    assert_eq!((second.rows.len(), second.rows[0].at, second.next), (1, START, None));
    assert!(first.rows[1].serial > second.rows[0].serial);
    assert!(all(&*store, AccountId(2)).await.is_empty(), "another account's");
    drop(store);
    fixture.reopen().await;
    assert_eq!(all(&*fixture.store(), ACCOUNT).await.len(), 3);
}

pub(crate) async fn of_each_account_only_so_many_are_kept<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    store.notify(AccountId(2), failing(7), START).await.unwrap();
    for number in 0..=NOTIFICATIONS_MAX as u64 {
        store.notify(ACCOUNT, failing(number), START).await.unwrap();
    }
    let kept = all(&*store, ACCOUNT).await;
    let (newest, oldest) = (&kept[0].news, &kept[kept.len() - 1].news);
    assert_eq!(
        (kept.len(), newest, oldest),
        (NOTIFICATIONS_MAX, &failing(NOTIFICATIONS_MAX as u64), &failing(1))
    );
    assert_eq!(all(&*store, AccountId(2)).await.len(), 1, "accounts do not push out each other's");
}

pub(crate) async fn a_webhook_that_is_switched_off_for_a_reason_is_noted_once<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({})).await;
    let off = || world.store.switch_webhook_off(ACCOUNT, id, "it is gone".to_owned(), minute(1));
    let webhook = off().await.unwrap().unwrap();
    assert_eq!(webhook.switch, Switch::Off(Some("it is gone".to_owned())));
    assert!(off().await.unwrap().is_none(), "it is off already");
    let unknown = world.store.switch_webhook_off(ACCOUNT, WebhookId(8), String::new(), START).await.unwrap();
    assert!(unknown.is_none());
    let news = News::WebhookSwitchedOff { webhook: id, reason: "it is gone".to_owned() };
    let noted: Vec<_> = all(&*world.store, ACCOUNT).await.into_iter().map(|one| one.news).collect();
    assert_eq!(noted, [news]);
}
