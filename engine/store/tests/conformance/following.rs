//! What is told of as it happens, what is measured, and where notifications are sent.

use leadhook_core::{
    delivery::{State, StateName},
    id::{AccountId, WebhookId},
    notification::News,
    operations::{OperationsWebhook, Place},
    time::{Serial, Timestamp},
    webhook::Switch,
};
use leadhook_store::{Change, Followed, Happening, Settled};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, attempted, ended, minute, settings},
};

const ALL: Followed = Followed { account: None, webhook: None, deliveries: true, notifications: true };

fn failing(webhook: u64) -> News {
    News::HandlerFailing { webhook: WebhookId(webhook) }
}

pub(crate) async fn what_happens_is_told_in_the_order_of_its_commits<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({})).await;
    let mut followed = world.store.follow(ALL).await.unwrap();
    let mut others = world.store.follow(Followed { account: Some(AccountId(2)), ..ALL }).await.unwrap();
    world.accept(ended(1), START).await;
    let claimed = world.claim_one(id, START).await;
    world.retry(claimed, minute(5), minute(1)).await;
    world.store.notify(ACCOUNT, failing(7), minute(2)).await.unwrap();
    let claimed = world.claim_one(id, minute(5)).await;
    let delivery = claimed.delivery.id;
    world.deliver(claimed, minute(6)).await;
    world.store.notify(AccountId(2), failing(8), minute(7)).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 6 {
        let (account, happening) = followed.next().await.unwrap();
        assert_eq!(account, ACCOUNT);
        told.push(match happening {
            Happening::Notification(notification) => notification.news.kind().to_string(),
            Happening::Delivery(Change { id, state, attempt_count, .. }) => {
                assert_eq!(id, delivery);
                format!("{state} {attempt_count}")
            }
        });
    }
    let expected = ["scheduled 0", "sending 0", "retrying 1", "handler_failing", "sending 1", "delivered 2"];
    assert_eq!(told, expected);
    let (account, _) = others.next().await.unwrap();
    assert_eq!(account, AccountId(2), "and nothing of another account before it");
}

pub(crate) async fn what_is_done_by_hand_is_told_too<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let mut followed = world.store.follow(ALL).await.unwrap();
    let id = world.accept(ended(1), START).await.deliveries[0];
    world.store.cancel(ACCOUNT, id, "by hand".to_owned(), minute(1)).await.unwrap();
    world.store.send_now(ACCOUNT, id, minute(2)).await.unwrap();
    for state in [StateName::Scheduled, StateName::Cancelled, StateName::Scheduled] {
        let Some((_, Happening::Delivery(change))) = followed.next().await else { panic!("cut off") };
        assert_eq!(change.state, state);
        assert_eq!(change.reason.is_some(), state == StateName::Cancelled);
    }
}

pub(crate) async fn notifications_are_read_on_from_one_that_is_known<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    for number in 1..=4 {
        store.notify(ACCOUNT, failing(number), minute(1)).await.unwrap();
        store.notify(AccountId(2), failing(9), minute(1)).await.unwrap();
    }
    let after = async |serial, limit| store.notifications_after(ACCOUNT, serial, limit).await.unwrap();
    let first = after(Serial(0), 2).await;
    let news: Vec<_> = first.iter().map(|one| one.news.clone()).collect();
    assert_eq!(news, [failing(1), failing(2)]);
    let rest = after(first[1].serial, 10).await;
    let news: Vec<_> = rest.iter().map(|one| one.news.clone()).collect();
    assert_eq!(news, [failing(3), failing(4)]);
    assert!(after(rest[1].serial, 10).await.is_empty());
}

pub(crate) async fn a_webhook_fails_since_its_first_failure_until_a_success<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({})).await;
    let since = async |world: &World, number: u32, status: u16, now: Timestamp| {
        world.accept(ended(number), now).await;
        let claimed = world.claim_one(id, now).await;
        let state = match status {
            200 => State::Delivered { at: now },
            _ => State::Failed { at: now, reason: "no".to_owned() },
        };
        let delivery = attempted(&claimed, state, status, now);
        match world.settle(claimed, delivery, now).await {
            Settled::Stored { failing_since, .. } => failing_since,
            Settled::Stale => panic!("the lease is stale"),
        }
    };
    assert_eq!(since(&world, 1, 500, minute(1)).await, Some(minute(1)));
    assert_eq!(since(&world, 2, 500, minute(2)).await, Some(minute(1)));
    drop(world);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    assert_eq!(since(&world, 3, 500, minute(3)).await, Some(minute(1)), "also after a restart");
    assert_eq!(since(&world, 4, 200, minute(4)).await, None);
    assert_eq!(since(&world, 5, 500, minute(5)).await, Some(minute(5)));
    world.store.save_webhook(ACCOUNT, id, settings(&json!({})), None, minute(6)).await.unwrap();
    assert_eq!(since(&world, 6, 500, minute(7)).await, Some(minute(7)), "a save begins anew");
    world.store.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap();
    assert_eq!(since(&world, 7, 500, minute(8)).await, Some(minute(8)), "and so does activation");
}

pub(crate) async fn what_is_open_under_lease_and_due_is_measured<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let id = world.webhook(7, json!({})).await;
    let delayed = json!({"sending": {"model": "simplified", "delay_minutes": {"call_ended": 60}}});
    world.webhook(8, delayed).await;
    for number in 1..=2 {
        world.accept(ended(number), minute(i64::from(number))).await;
    }
    let measures = world.store.measures(minute(3)).await.unwrap();
    assert_eq!((measures.open, measures.leased, measures.oldest_due), (4, 0, Some(minute(1))));
    let claimed = world.claim(id, 1, minute(3)).await.claimed.remove(0);
    let measures = world.store.measures(minute(3)).await.unwrap();
    assert_eq!((measures.open, measures.leased, measures.oldest_due), (4, 1, Some(minute(2))));
    world.deliver(claimed, minute(3)).await;
    assert_eq!(world.store.measures(minute(3)).await.unwrap().open, 3);
    world.store.check_writes().await.unwrap();
    world.store.close().await;
    world.store.measures(minute(3)).await.unwrap_err();
}

fn operations(path: &str) -> OperationsWebhook {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let value = json!({"url": format!("https://ops.example/{path}"), "secret": secret});
    OperationsWebhook::restore(&value).unwrap()
}

pub(crate) async fn an_operations_webhook_keeps_its_place<F: Fixture>() {
    let mut fixture = F::make().await;
    let store = fixture.store();
    assert!(store.operations_webhook(ACCOUNT).await.unwrap().is_none());
    store.notify(ACCOUNT, failing(1), minute(1)).await.unwrap();
    let set = store.put_operations_webhook(ACCOUNT, operations("a"), minute(2)).await.unwrap();
    let before = store.notifications_after(ACCOUNT, set.place.after, 10).await.unwrap();
    assert!(before.is_empty(), "what was noted before is not sent");
    store.notify(ACCOUNT, failing(2), minute(3)).await.unwrap();
    let next = store.notifications_after(ACCOUNT, set.place.after, 10).await.unwrap();
    assert_eq!(next.len(), 1);
    let moved = Place { failures: 3, due: minute(9), ..set.place.clone() };
    assert!(store.move_operations_place(ACCOUNT, set.place.clone(), moved.clone()).await.unwrap());
    assert!(!store.move_operations_place(ACCOUNT, set.place, moved.clone()).await.unwrap(), "it has moved");
    drop(store);
    fixture.reopen().await;
    let store = fixture.store();
    let found = store.operations_webhook(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((found.webhook, found.place.clone()), (operations("a"), moved));
    assert_eq!(store.accounts_with_operations_webhook().await.unwrap(), [ACCOUNT]);
    let anew = store.put_operations_webhook(ACCOUNT, operations("b"), minute(4)).await.unwrap();
    assert_eq!((anew.place.after, anew.place.due), (found.place.after, minute(4)), "it goes on at its place");
    assert!(store.delete_operations_webhook(ACCOUNT).await.unwrap());
    assert!(!store.delete_operations_webhook(ACCOUNT).await.unwrap());
    assert!(store.accounts_with_operations_webhook().await.unwrap().is_empty());
}
