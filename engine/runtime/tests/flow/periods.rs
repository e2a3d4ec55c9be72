//! A period sent again beside everything else (the contract, "Resend").

use leadhook_core::{
    delivery::StateName,
    id::{DeliveryId, ResendId, WebhookId},
    notification::News,
    resend::{Only, Phase, Resend, UrlOf, Wanted},
    webhook::Switch,
};
use leadhook_store::ResendBegun;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, status};

/// A webhook with these settings and as many calls of the first hour, delivered once; by now that is over.
async fn delivered(world: &World, settings: Value, count: usize) -> (WebhookId, Vec<DeliveryId>) {
    let webhook = world.webhook(settings).await;
    let mut firsts = Vec::new();
    for number in 0..count {
        let id = world.call(&number.to_string()).await;
        world.stands(id, StateName::Delivered).await;
        firsts.push(id);
        world.clock.advance(1_000);
    }
    world.clock.advance(3_600_000);
    (webhook, firsts)
}

/// Everything of this webhook up to now.
fn all_of(world: &World, webhook: WebhookId) -> Wanted {
    let now = world.engine.now();
    Wanted { webhook, from: now.plus_ms(-86_400_000), to: now, only: Only::All, url: UrlOf::Then }
}

async fn begin(world: &World, wanted: Wanted) -> ResendId {
    match world.engine.begin_resend(ACCOUNT, wanted).await.unwrap() {
        ResendBegun::Begun(resend) => resend.id,
        other => panic!("{other:?}"),
    }
}

async fn resend(world: &World, id: ResendId) -> Resend {
    world.store().resend(ACCOUNT, id).await.unwrap().unwrap()
}

/// The resend, once it is so.
async fn once(world: &World, id: ResendId, holds: impl Fn(&Resend) -> bool) -> Resend {
    let look = async {
        loop {
            let resend = resend(world, id).await;
            if holds(&resend) {
                return resend;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    match tokio::time::timeout(std::time::Duration::from_secs(20), look).await {
        Ok(resend) => resend,
        Err(_) => panic!("{:?}", resend(world, id).await),
    }
}

async fn done(world: &World, id: ResendId) -> Resend {
    once(world, id, |resend| matches!(resend.phase, Phase::Done { .. })).await
}

#[tokio::test]
async fn a_period_is_sent_again_by_itself_and_its_end_is_told() {
    let world = World::new().await;
    let (webhook, firsts) = delivered(&world, json!({"parameters": {"only": ["id"]}}), 40).await;
    world.save(webhook, json!({"parameters": {"only": ["duration"]}})).await;
    let id = begin(&world, all_of(&world, webhook)).await;
    let counts = done(&world, id).await.counts;
    assert_eq!((counts.selected, counts.delivered, counts.open()), (40, 40, 0));
    let seen = world.handler.seen(80).await;
    let of = |name| seen[40..].iter().map(move |seen| seen.header(name).unwrap().to_owned());
    let mut again: Vec<_> = of("webhook-resend-of").collect();
    again.sort();
    let mut expected: Vec<_> = firsts.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(again, expected);
    assert!(seen[40..].iter().all(|seen| seen.pair("id").is_some()), "by the settings of then");
    assert_eq!(of("webhook-id").collect::<std::collections::BTreeSet<_>>().len(), 40);
    let told = world.store().notifications(ACCOUNT, 1, None).await.unwrap().rows.remove(0).news;
    assert_eq!(told, News::ResendFinished { webhook, resend: id, counts });
}

#[tokio::test]
async fn fresh_leads_find_a_place_beside_a_resend() {
    let world = World::new().await;
    let (webhook, _) = delivered(&world, json!({"rate": {"concurrent": 4}}), 12).await;
    world.handler.hold();
    begin(&world, all_of(&world, webhook)).await;
    world.handler.seen(14).await;
    // Half of the places are taken, and stay free however often it is looked.
    for call in ["fresh 1", "fresh 2"] {
        world.call(call).await;
    }
    let seen = world.handler.seen(16).await;
    let resent = seen[12..].iter().filter(|seen| seen.header("webhook-resend-of").is_some()).count();
    assert_eq!((seen.len(), resent), (16, 2));
    world.handler.let_go();
}

#[tokio::test]
async fn a_resend_goes_on_after_a_restart_and_pauses_while_its_webhook_is_off() {
    let mut world = World::new().await;
    let (webhook, _) = delivered(&world, json!({"rate": {"concurrent": 4}}), 30).await;
    world.handler.hold();
    let id = begin(&world, all_of(&world, webhook)).await;
    world.handler.seen(32).await;
    world.engine.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    world.handler.let_go();
    let paused = once(&world, id, |resend| resend.counts.delivered == 2).await;
    assert_eq!(paused.counts.selected, 2);
    world.restart().await;
    world.clock.advance(60_000);
    assert_eq!(resend(&world, id).await, paused);
    world.engine.switch_webhook(ACCOUNT, webhook, Switch::On).await.unwrap();
    once(&world, id, |resend| resend.counts.delivered > 10).await;
    world.restart().await;
    let counts = done(&world, id).await.counts;
    assert_eq!((counts.selected, counts.delivered, world.handler.count()), (30, 30, 60));
}

#[tokio::test]
async fn what_waits_of_a_resend_when_its_webhook_is_switched_off_goes_out_later() {
    let world = World::new().await;
    let (webhook, _) = delivered(&world, json!({"retry": {"after_seconds": [60]}}), 1).await;
    world.handler.answers([status(500)]);
    let id = begin(&world, all_of(&world, webhook)).await;
    world.handler.seen(2).await;
    let again = resent(&world, webhook).await;
    world.stands(again, StateName::Retrying).await;
    world.engine.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    world.clock.advance(3_600_000);
    world.engine.switch_webhook(ACCOUNT, webhook, Switch::On).await.unwrap();
    world.stands(again, StateName::Delivered).await;
    assert_eq!(done(&world, id).await.counts.delivered, 1);
}

/// The newest delivery of a webhook.
async fn resent(world: &World, webhook: WebhookId) -> DeliveryId {
    let query =
        leadhook_store::query::DeliveryQuery { webhook: Some(webhook), limit: 1, ..Default::default() };
    world.store().deliveries(ACCOUNT, query).await.unwrap().rows[0].delivery.id
}

#[tokio::test]
async fn a_resend_goes_to_the_url_of_now_where_asked_and_can_be_replayed() {
    let world = World::new().await;
    let (webhook, _) = delivered(&world, json!({"method": "GET", "parameters": {"only": ["id"]}}), 1).await;
    world.save_at(webhook, "https://moved.example/in?key=7", json!({})).await;
    let id = begin(&world, Wanted { url: UrlOf::Current, ..all_of(&world, webhook) }).await;
    done(&world, id).await;
    let seen = world.handler.seen(2).await;
    assert_eq!(seen[0].request.url, "https://crm.example/hook?id=0");
    assert_eq!(seen[1].request.url, "https://moved.example/in?key=7&id=0");
    let again = resent(&world, webhook).await;
    assert!(world.engine.replay(ACCOUNT, again).await.unwrap().unwrap().is_same());
}

#[tokio::test]
async fn a_cancelled_resend_ends_and_lets_another_begin() {
    let world = World::new().await;
    let (webhook, _) = delivered(&world, json!({"rate": {"concurrent": 2}}), 5).await;
    world.handler.hold();
    let id = begin(&world, all_of(&world, webhook)).await;
    world.handler.seen(6).await;
    world.engine.cancel_resend(ACCOUNT, id).await.unwrap().unwrap();
    world.handler.let_go();
    let ended = once(&world, id, |resend| resend.counts.open() == 0).await;
    assert_eq!((ended.counts.selected, ended.counts.delivered), (1, 1));
    let another = begin(&world, all_of(&world, webhook)).await;
    assert_eq!(done(&world, another).await.counts.delivered, 5);
    assert_eq!(world.handler.count(), 11);
}
