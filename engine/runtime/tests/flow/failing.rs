//! Webhooks that do nothing but fail for days are switched off, and told of with what to do.

use leadhook_core::{
    delivery::StateName,
    id::WebhookId,
    notification::{News, Notification},
    time::DAY_MS,
    webhook::Switch,
};
use leadhook_runtime::limits::Limits;
use serde_json::json;

use crate::world::{ACCOUNT, World, refused, status};

/// A webhook that gives up at the first failure.
async fn webhook(world: &World) -> WebhookId {
    world.webhook(json!({"retry": {"after_seconds": []}})).await
}

async fn fails(world: &World, call: &str) {
    let id = world.call(call).await;
    world.stands(id, StateName::Failed).await;
}

async fn switch(world: &World, id: WebhookId) -> Switch {
    world.store().webhook(ACCOUNT, id).await.unwrap().unwrap().switch.clone()
}

/// The webhook, once it was switched off.
async fn goes_off(world: &World, id: WebhookId) -> String {
    for _ in 0..20_000 {
        if let Switch::Off(Some(reason)) = switch(world, id).await {
            return reason;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("it is on");
}

async fn notifications(world: &World) -> Vec<Notification> {
    world.store().notifications(ACCOUNT, 100, None).await.unwrap().rows
}

#[tokio::test]
async fn after_five_days_of_nothing_but_failure_a_webhook_is_switched_off_and_told_of() {
    let mut world = World::new().await;
    let id = webhook(&world).await;
    world.handler.always_answers(refused());
    fails(&world, "1").await;
    world.clock.advance(3 * DAY_MS);
    fails(&world, "2").await;
    world.restart().await;
    world.clock.advance(2 * DAY_MS - 1_000);
    fails(&world, "3").await;
    assert_eq!(switch(&world, id).await, Switch::On, "five days are not over");
    world.clock.advance(1_000);
    fails(&world, "4").await;
    let reason = goes_off(&world, id).await;
    assert_eq!(reason, "the handler has done nothing but fail for 5 days, since 2026-03-02T10:00:00.000Z");
    let told = notifications(&world).await;
    let [Notification { news: news @ News::WebhookSwitchedOff { webhook, .. }, .. }] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(*webhook, id);
    let detail = news.detail();
    assert!(detail.contains(&reason) && detail.contains("activate the webhook"), "{detail}");
    world.handler.always_answers(status(200));
    world.engine.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap();
    world.handler.always_answers(refused());
    fails(&world, "5").await;
    assert_eq!(switch(&world, id).await, Switch::On, "activation begins anew");
}

#[tokio::test]
async fn one_success_among_the_failures_keeps_a_webhook_on() {
    let world = World::new().await;
    let id = webhook(&world).await;
    for day in 0..12 {
        let answer = if day % 4 == 3 { status(200) } else { status(500) };
        world.handler.always_answers(answer);
        let delivery = world.call(&day.to_string()).await;
        let state = if day % 4 == 3 { StateName::Delivered } else { StateName::Failed };
        world.stands(delivery, state).await;
        world.clock.advance(DAY_MS);
    }
    assert_eq!(switch(&world, id).await, Switch::On);
}

#[tokio::test]
async fn an_engine_that_is_told_so_switches_nothing_off() {
    let world = World::with(Limits { switch_off_after_days: None, ..Limits::default() }).await;
    let id = webhook(&world).await;
    world.handler.always_answers(refused());
    for call in 0..4 {
        fails(&world, &call.to_string()).await;
        world.clock.advance(10 * DAY_MS);
    }
    assert_eq!(switch(&world, id).await, Switch::On);
}

#[tokio::test]
async fn a_410_is_told_of_with_what_to_do() {
    let world = World::new().await;
    let id = webhook(&world).await;
    world.handler.always_answers(status(410));
    fails(&world, "1").await;
    goes_off(&world, id).await;
    let detail = notifications(&world).await[0].news.detail();
    for part in ["answered 410", "activate the webhook", "a resend of the period"] {
        assert!(detail.contains(part), "{detail}");
    }
}
