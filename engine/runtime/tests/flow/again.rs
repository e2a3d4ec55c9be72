//! A delivery rendered again as it was then: replayed, and sent again (the contract, "Resend").

use leadhook_core::{
    delivery::{Delivery, State, StateName},
    id::{DeliveryId, WebhookId},
    replay::Place,
};
use leadhook_runtime::{Again, Replay, Unrepeatable};
use leadhook_store::ByHand;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Seen, World, status};

/// A script that shows all that could differ: its state, the time, a random number, its configuration.
const SHOWS: &str = r#"
    request.set("n", kv.increment("n", 1).to_string());
    request.set("at", now().to_string());
    request.set("number", random(1000000).to_string());
    request.set("mark", config.mark);
"#;

async fn replay(world: &World, id: DeliveryId) -> Replay {
    world.engine.replay(ACCOUNT, id).await.unwrap().unwrap()
}

/// What cannot be the same, told as a failure.
#[track_caller]
fn assert_same(replay: &Replay) {
    assert!(replay.is_same(), "{:#?}", replay.renderings);
}

fn shows(mark: &str) -> Value {
    let parameters = json!({"only": ["id", "siteName", "duration", "sendingTimestamp", "reclink"]});
    json!({"transform": [{"plugin": "shows", "config": {"mark": mark}}], "parameters": parameters})
}

/// Everything that a rendering is made from becomes another.
async fn all_goes_on(world: &World, webhook: WebhookId) {
    world.clock.advance(3_600_000);
    world.script("shows", r#"request.set("n", "another"); kv.set("n", 700);"#).await;
    world.save(webhook, shows("another")).await;
    world.site(json!({"name": "Another"})).await;
    world.post("lead.updated", "1", json!({"duration": 99})).await;
    let other = world.call("2").await;
    world.stands(other, StateName::Delivered).await;
}

/// A call with a recording, delivered once.
async fn delivered_once(world: &World) -> (WebhookId, Delivery) {
    world.site(json!({"name": "Shop"})).await;
    world.script("shows", SHOWS).await;
    let webhook = world.webhook(shows("then")).await;
    let facts = json!({"duration": 40, "reclink": "https://tracker.example/1.mp3"});
    let id = world.post("call.ended", "1", facts).await[0];
    (webhook, world.stands(id, StateName::Delivered).await)
}

#[tokio::test]
async fn a_replay_gives_the_bytes_of_then_whatever_has_changed_since() {
    let mut world = World::new().await;
    let (webhook, then) = delivered_once(&world).await;
    all_goes_on(&world, webhook).await;
    let sent = world.handler.count();
    for _ in 0..2 {
        let replay = replay(&world, then.id).await;
        assert_same(&replay);
        assert_eq!((replay.renderings.len(), replay.renderings[0].runs.len()), (1, 1));
        assert_eq!(replay.renderings[0].runs[0].sha256, then.runs[0].sha256);
        world.restart().await;
    }
    assert_eq!(world.handler.count(), sent, "nothing is sent");
    assert_eq!(world.delivery(then.id).await, then, "nor stored");
    let state = world.store().plugin_state(ACCOUNT, webhook, "shows", "n").await.unwrap().unwrap();
    assert_eq!(state.value, b"700", "what it writes is dropped");
}

#[tokio::test]
async fn a_replay_tells_what_had_changed_then_and_not_by_now() {
    let world = World::new().await;
    let on = json!({"model": "event_based", "on": ["call_ended", "lead_tags_changed"]});
    let only = json!({"only": ["id", "tags_manual", "changedFields"]});
    world.webhook(json!({"sending": on, "parameters": only})).await;
    let mut ids = vec![world.call("1").await];
    world.stands(ids[0], StateName::Delivered).await;
    for tag in ["a", "b"] {
        let id = world.post("lead.tags_changed", "1", json!({"tags_manual": [tag]})).await[0];
        world.stands(id, StateName::Delivered).await;
        ids.push(id);
    }
    let changed: Vec<_> = world.handler.seen(3).await.iter().map(|seen| seen.pair("changedFields")).collect();
    assert_eq!(changed, ["null", "tags_manual", "tags_manual"].map(|text| Some(text.to_owned())));
    for id in ids {
        assert_same(&replay(&world, id).await);
    }
}

#[tokio::test]
async fn each_rendering_is_replayed_from_what_made_it() {
    let world = World::new().await;
    world.script("shows", SHOWS).await;
    let webhook = world.webhook(shows("first")).await;
    world.handler.answers([status(500)]);
    let id = world.call("1").await;
    world.stands(id, StateName::Retrying).await;
    world.save(webhook, shows("second")).await;
    world.advance_to_due(id).await;
    let delivery = world.stands(id, StateName::Delivered).await;
    assert_eq!((delivery.renderings.len(), delivery.runs.len()), (2, 2));
    let replay = replay(&world, id).await;
    assert_eq!(replay.renderings.len(), 2);
    assert_same(&replay);
}

#[tokio::test]
async fn what_filters_let_pass_is_not_asked_again_and_what_was_passed_over_stays_so() {
    let world = World::new().await;
    let once = r#"
        fn filter(lead) { if kv.increment("seen", 1) > 1 { skip("seen") } }
        fn transform(lead, request) { request.set("seen", kv.get("seen")); request.set("more", kv.increment("seen", 1).to_string()); }
    "#;
    world.script("once", once).await;
    world
        .script("broken", r#"if kv.get("mended") == () { throw "no"; } request.set("broken", "no more");"#)
        .await;
    let chain = json!([{"plugin": "once"}, {"plugin": "broken", "on_error": "send_original"}]);
    world.webhook(json!({"transform": chain, "parameters": {"only": ["id"]}})).await;
    let id = world.call("1").await;
    let delivery = world.stands(id, StateName::Delivered).await;
    assert_eq!(delivery.runs.len(), 3);
    assert_eq!(world.handler.seen(1).await[0].request.body, b"id=1&seen=1&more=2");
    let replay = replay(&world, id).await;
    assert_same(&replay);
    let runs = &replay.renderings[0].runs;
    assert_eq!(runs.iter().map(|run| run.plugin.as_str()).collect::<Vec<_>>(), ["once"]);
}

#[tokio::test]
async fn what_cannot_be_replayed_is_told() {
    let mut world = World::new().await;
    world.webhook(json!({"transform": [{"plugin": "json-body"}]})).await;
    let id = world.call("1").await;
    world.stands(id, StateName::Delivered).await;
    world.restart_without_plugins_kept().await;
    let replayed = replay(&world, id).await;
    assert!(!replayed.is_same());
    let Again::Impossible(why @ Unrepeatable::PluginGone { .. }) = &replayed.renderings[0].again else {
        panic!("{replayed:?}")
    };
    assert!(why.to_string().contains("`json-body` is no longer kept"), "{why}");
    let vip = world.webhook(json!({"tags": ["VIP"]})).await;
    let owed = world.post("call.ended", "2", json!({})).await;
    let skipped = owed.into_iter().find(|id| id.lane.webhook == vip).unwrap();
    world.stands(skipped, StateName::Skipped).await;
    let replayed = replay(&world, skipped).await;
    assert!(replayed.renderings.is_empty() && !replayed.is_same());
    let unknown = DeliveryId { serial: leadhook_core::time::Serial(5), ..id };
    assert!(world.engine.replay(ACCOUNT, unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_of_what_is_not_recorded_is_told_with_its_place() {
    let world = World::new().await;
    world.store().put_secret(ACCOUNT, "token", "of then".to_owned(), world.engine.now()).await.unwrap();
    world.script("secret", r#"request.set("token", secret("token"));"#).await;
    let chain = json!([{"plugin": "secret", "secrets": ["token"]}]);
    world.webhook(json!({"transform": chain, "parameters": {"only": ["id"]}})).await;
    let id = world.call("1").await;
    world.stands(id, StateName::Delivered).await;
    assert_same(&replay(&world, id).await);
    world.store().put_secret(ACCOUNT, "token", "of now".to_owned(), world.engine.now()).await.unwrap();
    let replay = replay(&world, id).await;
    let Again::Request { differences, .. } = &replay.renderings[0].again else { panic!("{replay:?}") };
    let places: Vec<_> = differences.iter().map(|one| one.place.clone()).collect();
    assert_eq!(places, [Place::Parameter("token".to_owned()), Place::Byte("id=1&token=of+".len())]);
}

#[tokio::test]
async fn what_the_plugins_of_an_earlier_engine_made_is_made_again() {
    let mut world = World::new().await;
    world.webhook(json!({"transform": [{"plugin": "json-body"}], "parameters": {"only": ["id"]}})).await;
    let id = world.call("1").await;
    world.stands(id, StateName::Delivered).await;
    world.restart_without_bundled().await;
    assert_same(&replay(&world, id).await);
    let again = send_again(&world, id).await;
    world.stands(again, StateName::Delivered).await;
    let seen = world.handler.seen(2).await;
    assert_eq!(seen[1].request, seen[0].request);
}

/// Sends one again by hand; the delivery that sends it.
async fn send_again(world: &World, id: DeliveryId) -> DeliveryId {
    match world.engine.send_now(ACCOUNT, id).await.unwrap() {
        ByHand::SentAgain { by, first, .. } if first == id => by,
        other => panic!("{other:?}"),
    }
}

/// The pairs of a request without those that are fresh in every sending.
fn lasting(seen: &Seen) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&seen.request.body).unwrap();
    pairs.retain(|(name, _)| !matches!(name.as_str(), "sendingTimestamp" | "reclink"));
    pairs
}

#[tokio::test]
async fn a_resend_sends_what_was_sent_then_under_an_id_of_its_own() {
    let world = World::new().await;
    let (webhook, then) = delivered_once(&world).await;
    all_goes_on(&world, webhook).await;
    let again = send_again(&world, then.id).await;
    let delivery = world.stands(again, StateName::Delivered).await;
    let seen = world.handler.seen(3).await;
    assert_eq!(lasting(&seen[2]), lasting(&seen[0]));
    for fresh in ["sendingTimestamp", "reclink"] {
        assert_ne!(seen[2].pair(fresh).unwrap(), seen[0].pair(fresh).unwrap(), "{fresh}");
    }
    assert_eq!(seen[2].request.headers, seen[0].request.headers);
    assert_eq!(seen[2].header("webhook-id"), Some(again.to_string().as_str()));
    assert_eq!(seen[2].header("webhook-resend-of"), Some(then.id.to_string().as_str()));
    assert_eq!(seen[0].header("webhook-resend-of"), None);
    assert_eq!(delivery.renderings[0].revision, then.renderings[0].revision);
    let state = world.store().plugin_state(ACCOUNT, webhook, "shows", "n").await.unwrap().unwrap();
    assert_eq!(state.value, b"700", "what it writes is dropped");
    assert_same(&replay(&world, again).await);
}

#[tokio::test]
async fn a_resend_asks_no_filter_and_links_no_recording_that_the_site_forbids_by_now() {
    let world = World::new().await;
    let (webhook, then) = delivered_once(&world).await;
    world.script("picky", r#"fn filter(lead) { skip("nobody") }"#).await;
    world.save(webhook, json!({"leads": {"calls": "none"}, "transform": [{"plugin": "picky"}]})).await;
    world.site(json!({"name": "Shop", "allow_reclink": false})).await;
    let again = send_again(&world, then.id).await;
    world.stands(again, StateName::Delivered).await;
    let seen = world.handler.seen(2).await;
    assert_eq!(lasting(&seen[1]), lasting(&seen[0]));
    assert!(seen[0].pair("reclink").is_some() && seen[1].pair("reclink").is_none());
}

#[tokio::test]
async fn a_resend_is_retried_with_the_same_bytes_and_its_success_makes_the_first_delivered() {
    let world = World::new().await;
    world.script("shows", SHOWS).await;
    let mut settings = shows("then");
    settings["retry"] = json!({"after_seconds": []});
    let webhook = world.webhook(settings).await;
    world.handler.answers([status(500), status(500)]);
    let first = world.call("1").await;
    world.stands(first, StateName::Failed).await;
    let mut settings = shows("now");
    settings["retry"] = json!({"after_seconds": [60]});
    world.save(webhook, settings).await;
    let again = send_again(&world, first).await;
    world.stands(again, StateName::Retrying).await;
    assert_eq!(world.delivery(first).await.state.name(), StateName::Failed);
    world.save(webhook, shows("later")).await;
    world.advance_to_due(again).await;
    let delivered = world.stands(again, StateName::Delivered).await;
    let seen = world.handler.seen(3).await;
    assert_eq!(
        (&seen[1].request, seen[1].header("webhook-id")),
        (&seen[2].request, seen[2].header("webhook-id"))
    );
    assert_eq!((delivered.renderings.len(), seen[2].pair("mark").as_deref()), (1, Some("then")));
    assert_eq!(world.delivery(first).await.state, delivered.state);
    assert_eq!(world.delivery(first).await.resends, [again]);
}

#[tokio::test]
async fn a_resend_that_cannot_be_made_as_it_was_fails_in_words_and_the_first_stays_as_it_is() {
    let mut world = World::new().await;
    world.webhook(json!({"transform": [{"plugin": "json-body"}]})).await;
    let id = world.call("1").await;
    let first = world.stands(id, StateName::Delivered).await;
    world.restart_without_plugins_kept().await;
    let again = send_again(&world, id).await;
    let failed = world.stands(again, StateName::Failed).await;
    let State::Failed { reason, .. } = &failed.state else { panic!("{failed:?}") };
    assert!(reason.contains("cannot be sent again as it was") && reason.contains("`json-body`"), "{reason}");
    assert_eq!(world.delivery(id).await.state, first.state);
    assert_eq!((failed.attempts.len(), world.handler.count()), (0, 1));
}

#[tokio::test]
async fn a_resends_answer_is_judged_as_the_webhook_is_set_by_now_and_the_judge_leaves_no_state() {
    let world = World::new().await;
    let judge = r#"fn receipt(lead, response) {
        kv.increment("judged", 1);
        if response.status == 202 { retry(60); }
        if lead.id == "1" { delivered(); }
        refused("another lead");
    }"#;
    world.script("judge", judge).await;
    let webhook = world.webhook(json!({"success": {"plugin": "judge"}})).await;
    let first = world.call("1").await;
    world.stands(first, StateName::Delivered).await;
    world.handler.answers([status(202)]);
    let again = send_again(&world, first).await;
    world.stands(again, StateName::Retrying).await;
    world.advance_to_due(again).await;
    let delivered = world.stands(again, StateName::Delivered).await;
    assert_eq!((delivered.attempts.len(), delivered.runs.len()), (2, 2));
    let state = world.store().plugin_state(ACCOUNT, webhook, "judge", "judged").await.unwrap().unwrap();
    assert_eq!(state.value, b"1", "only the first was counted");
}
