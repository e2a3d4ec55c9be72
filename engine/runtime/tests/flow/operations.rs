//! Notifications go to the operations webhook: signed, in order, at least once, over failures and restarts.

use leadhook_core::{
    address::AddressPolicy, id::WebhookId, notification::News, operations::OperationsWebhook,
    settings::Known, sign, time::DAY_MS, webhook::SigningSecret,
};
use leadhook_store::Operations;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Seen, World, refused, status};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn set(world: &World, kinds: Value) {
    let settings = json!({"url": "https://ops.example/in", "secret": SECRET, "kinds": kinds});
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    let webhook = OperationsWebhook::parse(&settings, &known).unwrap();
    world.engine.set_operations_webhook(ACCOUNT, webhook).await.unwrap();
}

async fn notify(world: &World, webhook: u64) {
    let news = News::HandlerFailing { webhook: WebhookId(webhook) };
    world.store().notify(ACCOUNT, news, world.engine.now()).await.unwrap();
}

/// Which webhook a notification that was sent is about.
fn about(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.request.body).unwrap();
    body["data"]["webhook"].as_str().unwrap().to_owned()
}

fn id(webhook: u64) -> String {
    WebhookId(webhook).to_string()
}

/// The operations webhook, once its place is as wished.
async fn stands(world: &World, wished: impl Fn(&Operations) -> bool) -> Operations {
    for _ in 0..20_000 {
        let found = world.store().operations_webhook(ACCOUNT).await.unwrap().unwrap();
        if wished(&found) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{:?}", world.store().operations_webhook(ACCOUNT).await);
}

#[tokio::test]
async fn each_notification_is_sent_signed_and_in_order() {
    let world = World::new().await;
    notify(&world, 1).await;
    set(&world, Value::Null).await;
    for webhook in 2..5 {
        notify(&world, webhook).await;
    }
    let seen = world.handler.seen(3).await;
    assert_eq!(seen.iter().map(about).collect::<Vec<_>>(), [id(2), id(3), id(4)]);
    let first = &seen[0];
    let (ntf, signature) = (first.header("webhook-id").unwrap(), first.header("webhook-signature").unwrap());
    let seconds = first.header("webhook-timestamp").unwrap().parse().unwrap();
    let secret = SigningSecret::parse(SECRET).unwrap();
    assert!(sign::verify(&secret, ntf, seconds, &first.request.body, signature));
    assert!(ntf.starts_with("ntf_") && ntf != seen[1].header("webhook-id").unwrap());
}

#[tokio::test]
async fn only_the_kinds_that_are_wanted_are_sent() {
    let world = World::new().await;
    set(&world, json!(["webhook_switched_off"])).await;
    notify(&world, 1).await;
    let off = world.webhook(json!({})).await;
    world.store().switch_webhook_off(ACCOUNT, off, "gone".to_owned(), world.engine.now()).await.unwrap();
    let seen = world.handler.seen(1).await;
    assert_eq!(about(&seen[0]), off.to_string());
}

#[tokio::test]
async fn what_failed_is_sent_again_under_the_same_id_also_after_a_restart_and_nothing_overtakes_it() {
    let mut world = World::new().await;
    set(&world, Value::Null).await;
    world.handler.answers([refused(), status(500)]);
    notify(&world, 1).await;
    notify(&world, 2).await;
    let failed = stands(&world, |found| found.place.failures == 1).await;
    world.clock.advance(failed.place.due.0 - world.engine.now().0);
    stands(&world, |found| found.place.failures == 2).await;
    world.restart().await;
    assert_eq!(world.handler.count(), 2, "it waits for its time");
    let failed = stands(&world, |found| found.place.failures == 2).await;
    world.clock.advance(failed.place.due.0 - world.engine.now().0);
    let seen = world.handler.seen(4).await;
    assert_eq!(seen.iter().map(about).collect::<Vec<_>>(), [id(1), id(1), id(1), id(2)]);
    let ids: Vec<_> = seen[..3].iter().map(|seen| seen.header("webhook-id")).collect();
    assert!(ids[0].is_some() && ids.iter().all(|one| *one == ids[0]));
    let told = world.store().notifications(ACCOUNT, 10, None).await.unwrap().rows;
    assert_eq!(told.len(), 2, "its failures make no notifications");
}

#[tokio::test]
async fn what_was_noted_while_the_engine_was_down_is_sent_after_its_start() {
    let mut world = World::new().await;
    set(&world, Value::Null).await;
    world.handler.hold();
    notify(&world, 1).await;
    world.handler.seen(1).await;
    notify(&world, 2).await;
    world.restart().await;
    world.handler.let_go();
    let seen = world.handler.seen(3).await;
    assert_eq!(seen.iter().map(about).collect::<Vec<_>>(), [id(1), id(1), id(2)], "at least once");
}

#[tokio::test]
async fn after_its_last_attempt_a_notification_is_passed_over_and_a_410_ends_the_sending() {
    let world = World::new().await;
    set(&world, Value::Null).await;
    world.handler.always_answers(refused());
    notify(&world, 1).await;
    for failures in 1..10 {
        let failed = stands(&world, |found| found.place.failures == failures).await;
        world.clock.advance(failed.place.due.0 - world.engine.now().0);
    }
    stands(&world, |found| found.place.failures == 0 && found.place.last_failure.is_some()).await;
    world.handler.always_answers(status(410));
    notify(&world, 2).await;
    stands(&world, |found| found.place.stopped).await;
    world.handler.always_answers(status(204));
    world.clock.advance(DAY_MS);
    notify(&world, 3).await;
    set(&world, Value::Null).await;
    let seen = world.handler.seen(13).await;
    assert_eq!(
        seen[10..].iter().map(about).collect::<Vec<_>>(),
        [id(2), id(2), id(3)],
        "set anew, it goes on"
    );
}
